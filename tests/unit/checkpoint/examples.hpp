// Checkpoints to save, and to compare with what is loaded.
#pragma once

#include <stet/base/philox.hpp>
#include <stet/checkpoint/checkpoint_folder.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace stet::testing {

/// Tensors of every type a checkpoint may hold, in awkward shapes; different for every step.
inline Checkpoint example(std::int64_t step) {
  Random random(static_cast<std::uint64_t>(step), "checkpoint test");
  const auto fill = [&random](at::IntArrayRef shape, at::ScalarType type) {
    at::Tensor tensor = at::empty(shape, type);
    auto* bytes = static_cast<unsigned char*>(tensor.data_ptr());
    for (std::size_t i = 0; i < tensor.nbytes(); ++i) bytes[i] = static_cast<unsigned char>(random.bits32());
    return tensor;
  };
  Checkpoint checkpoint;
  checkpoint.step = step;
  // Random bytes: nan, infinities and denormals among them. A checkpoint copies bits, not numbers.
  checkpoint.tensors = {{"f32", fill({3, 5, 7}, at::kFloat)},
                        {"f64", fill({11}, at::kDouble)},
                        {"i64", fill({2, 3}, at::kLong)},
                        {"i32", fill({1, 1, 13}, at::kInt)},
                        {"u8", fill({257}, at::kByte)},
                        {"scalar", fill({}, at::kDouble)},
                        {"one", fill({1}, at::kFloat)},
                        {"empty", at::empty({0}, at::kLong)},
                        {"no rows", at::empty({0, 4}, at::kFloat)}};
  checkpoint.metadata = {
      {"position", std::to_string(step * 17)}, {"text", "two\nlines, \"quoted\", \xC3\xA9"}, {"nothing", ""}};
  return checkpoint;
}

inline void expect_equal(const Checkpoint& found, const Checkpoint& wanted) {
  EXPECT_EQ(found.step, wanted.step);
  EXPECT_EQ(found.metadata, wanted.metadata);
  ASSERT_EQ(found.tensors.size(), wanted.tensors.size());
  for (const auto& [name, tensor] : wanted.tensors) {
    ASSERT_TRUE(found.tensors.contains(name)) << name;
    const at::Tensor& other = found.tensors.at(name);
    ASSERT_EQ(other.scalar_type(), tensor.scalar_type()) << name;
    ASSERT_EQ(other.sizes(), tensor.sizes()) << name;
    const at::Tensor whole = tensor.contiguous();
    EXPECT_TRUE(whole.numel() == 0 || std::memcmp(other.data_ptr(), whole.data_ptr(), whole.nbytes()) == 0) << name;
  }
}

}  // namespace stet::testing
