#include <stet/tensorfile/tensor_file_writer.hpp>

#include <stet/tensorfile/tensor_header.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <set>

namespace stet {

namespace {

constexpr std::uint64_t data_alignment = 64;  // a cache line, and enough for every vector instruction

/// JSON text of a name.
std::string quoted(const std::string& text, const std::filesystem::path& path) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::data, "a name or metadata that is not UTF-8 cannot be written")
        .at(path.string())
        .received(printable(text));
  }
}

/// The header with its length in front and its padding behind.
std::string header_of(std::span<const TensorSpec> specs, const std::map<std::string, std::string>& metadata,
                      const std::filesystem::path& path) {
  std::string json = "{";
  const auto separate = [&] {
    if (json.size() > 1) json += ',';
  };
  if (!metadata.empty()) {
    json += "\"__metadata__\":{";
    const char* comma = "";
    for (const auto& [key, value] : metadata) {
      json += fmt::format("{}{}:{}", std::exchange(comma, ","), quoted(key, path), quoted(value, path));
    }
    json += '}';
  }
  std::set<std::string_view> names;
  std::uint64_t offset = 0;
  for (const TensorSpec& spec : specs) {
    STET_ASSERT(spec.name != "__metadata__");
    const bool unique = names.insert(spec.name).second;
    STET_ASSERT(unique);
    const std::uint64_t begin = offset;
    offset += spec.byte_count();
    STET_ASSERT(offset >= begin);
    separate();
    json += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}", quoted(spec.name, path),
                        name_of(spec.dtype), fmt::join(spec.shape, ","), begin, offset);
  }
  json += '}';
  json.append((data_alignment - (8 + json.size()) % data_alignment) % data_alignment, ' ');
  if (json.size() > max_tensor_header_bytes) {
    throw Error(ErrorKind::data, "too many tensors, or too much metadata, for one tensor file")
        .at(path.string())
        .expected(fmt::format("a header of at most {} bytes", max_tensor_header_bytes))
        .received(fmt::format("{} bytes", json.size()));
  }
  const auto length = std::bit_cast<std::array<char, 8>>(std::uint64_t{json.size()});
  return std::string(length.data(), length.size()) + json;
}

}  // namespace

std::uint64_t TensorSpec::byte_count() const {
  const auto bytes = checked_byte_count(shape, dtype);
  STET_ASSERT(bytes.has_value());
  return *bytes;
}

TensorFileWriter::TensorFileWriter(std::filesystem::path path, std::vector<TensorSpec> specs,
                                   std::map<std::string, std::string> metadata)
    : file_(path) {
  file_.write(header_of(specs, metadata, path));
  for (const TensorSpec& spec : specs) remaining_ += spec.byte_count();
}

void TensorFileWriter::write(std::span<const std::byte> bytes) {
  STET_ASSERT(!committed_ && bytes.size() <= remaining_);
  file_.write(bytes);
  remaining_ -= bytes.size();
}

void TensorFileWriter::commit() {
  STET_ASSERT(!committed_ && remaining_ == 0);
  file_.commit();
  committed_ = true;
}

void write_tensor_file(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<const TensorView*> order;
  for (const TensorView& tensor : tensors) {
    STET_ASSERT(tensor.spec.byte_count() == tensor.bytes.size());
    order.push_back(&tensor);
  }
  std::stable_sort(order.begin(), order.end(), [](const TensorView* a, const TensorView* b) {
    return size_of(a->spec.dtype) > size_of(b->spec.dtype);
  });
  std::vector<TensorSpec> specs;
  for (const TensorView* tensor : order) specs.push_back(tensor->spec);
  TensorFileWriter writer(path, std::move(specs), metadata);
  for (const TensorView* tensor : order) writer.write(tensor->bytes);
  writer.commit();
}

}  // namespace stet
