// Tensor files: every tensor of a file that is accepted can be asked for, and its bytes read.
#include "fuzz_input.hpp"

#include <stet/tensorfile/tensor_file.hpp>

#include <numeric>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const stet::fuzz::MemoryFile file(data, size);
  stet::fuzz::refuse_or_run([&] {
    const stet::TensorFile tensors = stet::TensorFile::open(file.path());
    std::uint64_t covered = 0;
    unsigned sum = 0;
    for (const stet::TensorInfo& tensor : tensors.tensors()) {
      const std::span<const std::byte> bytes = tensors.bytes(tensors.require(tensor.name));
      STET_ASSERT(bytes.size() == tensor.count() * stet::size_of(tensor.dtype));
      covered += bytes.size();
      for (const std::byte byte : bytes) sum += static_cast<unsigned>(byte);
      tensors.fetch(bytes);
    }
    STET_ASSERT(covered <= size && (sum > 0 || covered <= size));
    for (const stet::TensorInfo& tensor : tensors.tensors()) {
      stet::fuzz::refuse_or_run([&] { static_cast<void>(tensors.values<float>(tensor.name)); });
      stet::fuzz::refuse_or_run([&] { static_cast<void>(tensors.values<std::int64_t>(tensor.name)); });
    }
    tensors.release();
    static_cast<void>(tensors.require("no tensor has this name"));
  });
  return 0;
}
