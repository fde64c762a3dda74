#include <stet/tensorfile/tensor_file.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/file_calls.hpp>
#include <stet/base/strings.hpp>
#include <stet/tensorfile/tensor_header.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>

namespace stet {

static_assert(std::endian::native == std::endian::little, "tensor files are little-endian and read without conversion");

namespace {
Error file_error(const std::filesystem::path& path, const std::string& message) {
  return Error(ErrorKind::data, message).at(path.string());
}

/// What the file is instead, if it begins like something that users often hold for a tensor file.
std::string mistaken_for(std::string_view start) {
  if (start.starts_with("version ")) return "this is a Git LFS pointer and not the file itself: run 'git lfs pull'";
  if (start.starts_with("PK\x03\x04")) return "this is a ZIP archive, perhaps of torch.save: convert it to safetensors";
  return "";
}
}  // namespace

class TensorFile::Mapping {
 public:
  explicit Mapping(const std::filesystem::path& path) {
    const int descriptor = file_calls::open(path, O_RDONLY | O_NONBLOCK);  // not waiting for pipes
    if (descriptor < 0) throw file_error(path, std::string("cannot open file: ") + std::strerror(errno));
    struct stat status {};
    const bool known = ::fstat(descriptor, &status) == 0;
    if (known && S_ISREG(status.st_mode) && status.st_size > 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      address_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    }
    const int reason = errno;
    ::close(descriptor);
    if (!known || address_ == MAP_FAILED) {
      throw file_error(path, std::string("cannot map file: ") + std::strerror(reason));
    }
    if (!S_ISREG(status.st_mode)) throw file_error(path, "not a regular file");
  }
  ~Mapping() {
    if (address_ != nullptr && address_ != MAP_FAILED) ::munmap(address_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {static_cast<const std::byte*>(address_), size_};
  }
  void release() const noexcept {
    if (address_ != nullptr) ::madvise(address_, size_, MADV_DONTNEED);
  }
  void fetch(std::span<const std::byte> part) const noexcept {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t begin = static_cast<std::size_t>(part.data() - bytes().data()) / page * page;
    const std::size_t end = static_cast<std::size_t>(part.data() + part.size() - bytes().data());
    if (!part.empty()) ::madvise(static_cast<std::byte*>(address_) + begin, end - begin, MADV_WILLNEED);
  }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
};

std::uint64_t TensorInfo::count() const noexcept { return (end - begin) / size_of(dtype); }

TensorFile::TensorFile() = default;
TensorFile::~TensorFile() = default;
TensorFile::TensorFile(TensorFile&&) noexcept = default;
TensorFile& TensorFile::operator=(TensorFile&&) noexcept = default;

TensorFile TensorFile::open(const std::filesystem::path& path) {
  TensorFile file;
  file.path_ = path;
  file.mapping_ = std::make_unique<const Mapping>(path);
  const std::span<const std::byte> all = file.mapping_->bytes();
  const std::string_view text(reinterpret_cast<const char*>(all.data()), all.size());
  if (all.size() < 8) {
    throw file_error(path, "not a tensor file").expected("at least 8 bytes").received(fmt::format("{}", all.size()));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, all.data(), sizeof length);
  if (length > max_tensor_header_bytes) {
    throw file_error(path, "not a tensor file")
        .expected(fmt::format("a header of at most {} bytes", max_tensor_header_bytes))
        .received(fmt::format("{} bytes claimed", length))
        .hint(mistaken_for(text));
  }
  if (length > all.size() - 8) {
    throw file_error(path, "the file ends inside its header")
        .expected(fmt::format("a header of {} bytes", length))
        .received(fmt::format("{} bytes", all.size() - 8))
        .hint("the file is cut off: was the disk full, or a download interrupted?");
  }
  file.data_ = all.subspan(8 + length);
  TensorHeader header = parse_tensor_header(text.substr(8, length), file.data_.size(), path.string());
  file.tensors_ = std::move(header.tensors);
  file.metadata_ = std::move(header.metadata);
  for (std::size_t i = 0; i < file.tensors_.size(); ++i) file.index_.emplace(file.tensors_[i].name, i);
  return file;
}

const TensorInfo* TensorFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

const TensorInfo& TensorFile::require(std::string_view name) const {
  if (const TensorInfo* tensor = find(name)) return *tensor;
  std::vector<std::string> names;
  for (const TensorInfo& tensor : tensors_) {
    // Lengths that differ widely cannot be near, and comparing them would cost their product.
    if (tensor.name.size() <= 2 * name.size() + 2) names.push_back(tensor.name);
  }
  const std::string near = nearest(name, names);
  throw file_error(path_, fmt::format("missing tensor {}", printable(name)))
      .hint(near.empty() ? fmt::format("the file holds {} tensors, none of a name near it", tensors_.size())
                         : fmt::format("did you mean {}?", printable(near)));
}

std::span<const std::byte> TensorFile::bytes(const TensorInfo& tensor) const {
  STET_ASSERT(tensor.begin <= tensor.end && tensor.end <= data_.size());
  return data_.subspan(tensor.begin, tensor.end - tensor.begin);
}

void TensorFile::release() const noexcept { mapping_->release(); }

void TensorFile::fetch(std::span<const std::byte> part) const noexcept { mapping_->fetch(part); }

std::span<const std::byte> TensorFile::typed_bytes(std::string_view name, DType type, std::size_t alignment) const {
  const TensorInfo& tensor = require(name);
  const auto fail = [&](const std::string& message) {
    return file_error(path_, message).at(fmt::format("{}, tensor {}", path_.string(), printable(name)));
  };
  if (tensor.dtype != type) {
    throw fail("a tensor of another element type")
        .expected(std::string(name_of(type)))
        .received(std::string(name_of(tensor.dtype)));
  }
  const std::span<const std::byte> data = bytes(tensor);
  if (data.empty()) return {};
  if (reinterpret_cast<std::uintptr_t>(data.data()) % alignment != 0) {
    throw fail("the data is not aligned for its element type")
        .expected(fmt::format("an address that is a multiple of {}", alignment))
        .hint("another program wrote the file: write it again with stet, or copy the tensor's bytes");
  }
  return data;
}

}  // namespace stet
