#include <stet/hugging_face/verify.hpp>

#include <stet/tensorfile/tensor_file.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <error_of.hpp>
#include <fixtures_folder.hpp>
#include <temporary_folder.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

class Fixture : public ::testing::TestWithParam<const char*> {};

TEST_P(Fixture, AgreesInDoubleAndFloat) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const Verification result = verify_model(fixtures_folder() / "models" / GetParam(), type);
    EXPECT_GT(result.deviations.size(), 20U);
    for (const Deviation& deviation : result.deviations) {
      EXPECT_LE(deviation.relative, result.tolerance) << deviation.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Fixture,
                         ::testing::Values("qwen2-tiny", "qwen2-tiny-untied", "gpt2-tiny", "llama3-tiny", "pythia-tiny",
                                           "qwen3-tiny", "olmo2-tiny", "smollm3-tiny", "mistral-tiny"));

/// A model's folder whose expectations can be changed.
class OtherShapes : public ::testing::Test {
 protected:
  OtherShapes() {
    for (const char* name : {"config.json", "model.safetensors"})
      std::filesystem::copy_file(source_ / name, folder_ / name);
  }
  /// The expectations, one of them with other content.
  void expect(const std::string& name, DType type, std::vector<std::uint64_t> shape, std::vector<std::byte> bytes) {
    const TensorFile file = TensorFile::open(source_ / "expected.safetensors");
    std::vector<TensorView> views;
    for (const TensorInfo& info : file.tensors()) {
      if (info.name == name) {
        views.push_back({{name, type, shape}, bytes});
      } else {
        views.push_back({{info.name, info.dtype, info.shape}, file.bytes(info)});
      }
    }
    write_tensor_file(folder_ / "expected.safetensors", views, {});
  }
  [[nodiscard]] std::vector<std::byte> bytes_of(const std::string& name) const {
    const TensorFile file = TensorFile::open(source_ / "expected.safetensors");
    const auto bytes = file.bytes(file.require(name));
    return {bytes.begin(), bytes.end()};
  }
  [[nodiscard]] Error refusal_of_it() const {
    return testing::error_of([&] { static_cast<void>(verify_model(folder_.path(), at::kDouble)); });
  }
  std::filesystem::path source_ = fixtures_folder() / "models" / "gpt2-tiny";
  testing::Folder folder_;
};

TEST_F(OtherShapes, ALossMayBeANumberOfAnyShape) {
  const std::vector<std::byte> bytes = bytes_of("loss");
  for (const std::vector<std::uint64_t>& shape : {std::vector<std::uint64_t>{}, {1}, {1, 1}}) {
    expect("loss", DType::f64, shape, bytes);
    EXPECT_TRUE(verify_model(folder_.path(), at::kDouble).passed());
  }
}

TEST_F(OtherShapes, WhatCannotBeComparedIsADataErrorThatNamesIt) {
  const auto refused = [&](const std::string& name, DType type, std::vector<std::uint64_t> shape, std::size_t bytes,
                           const std::string& part) {
    expect(name, type, std::move(shape), std::vector<std::byte>(bytes));
    const Error error = refusal_of_it();
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    EXPECT_NE(error.where().find("expected.safetensors"), std::string::npos) << error.where();
  };
  refused("loss", DType::f64, {2}, 16, "[2]");
  refused("logits", DType::f64, {3}, 24, "logits");
  refused("grad.transformer.wte.weight", DType::f64, {4, 4}, 128, "grad.transformer.wte.weight");
  refused("input_ids", DType::i64, {0, 4}, 0, "at least one row");
  refused("input_ids", DType::i64, {3, 1}, 24, "two tokens");
  refused("input_ids", DType::i64, {}, 8, "[B, T]");
  refused("input_ids", DType::f64, {1, 2}, 16, "whole numbers");
  refused("input_ids", DType::i64, {1, 100000}, 800000, "context");
  std::vector<std::byte> far(16);
  far[9] = std::byte{0x7F};
  expect("input_ids", DType::i64, {1, 2}, far);
  EXPECT_NE(std::string(refusal_of_it().what()).find("0 to 32512"), std::string::npos) << refusal_of_it().what();
}

}  // namespace
}  // namespace stet
