#include "temporary.hpp"

#include <fixtures_folder.hpp>

#include <stet/base/files.hpp>
#include <stet/tensorfile/tensor_file.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <tuple>
#include <utility>

namespace stet {
namespace {

TEST(DType, NamesAndSizes) {
  const std::vector<std::tuple<DType, std::string_view, std::uint64_t>> known{
      {DType::f64, "F64", 8},     {DType::f32, "F32", 4}, {DType::f16, "F16", 2}, {DType::bf16, "BF16", 2},
      {DType::i64, "I64", 8},     {DType::i32, "I32", 4}, {DType::i16, "I16", 2}, {DType::i8, "I8", 1},
      {DType::u64, "U64", 8},     {DType::u32, "U32", 4}, {DType::u16, "U16", 2}, {DType::u8, "U8", 1},
      {DType::boolean, "BOOL", 1}};
  for (const auto& [type, name, size] : known) {
    EXPECT_EQ(name_of(type), name);
    EXPECT_EQ(size_of(type), size);
    EXPECT_EQ(parse_dtype(name), type);
  }
  EXPECT_FALSE(parse_dtype("F8_E4M3"));
  EXPECT_FALSE(parse_dtype("f32"));
  EXPECT_FALSE(parse_dtype(""));
  static_assert(dtype_of<float>() == DType::f32 && dtype_of<double>() == DType::f64);
  static_assert(dtype_of<std::int64_t>() == DType::i64 && dtype_of<std::uint16_t>() == DType::u16);
  static_assert(dtype_of<long long>() == DType::i64 && dtype_of<std::int8_t>() == DType::i8);
  static_assert(dtype_of<bool>() == DType::boolean);
}

TEST(TensorFile, RoundTripOfValuesShapesAndMetadata) {
  const Folder folder;
  const auto path = folder / "a.safetensors";
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  const std::vector<float> weights{1.5F, -0.0F, std::numeric_limits<float>::quiet_NaN(), 3e38F, 1e-45F, 6};
  const std::vector<std::int64_t> ids{-1, std::numeric_limits<std::int64_t>::min()};
  const std::vector<double> scalar{0.1};
  const std::map<std::string, std::string> metadata{{"format", "pt"}, {"quote", "a \"b\"\n\\"}, {"ümlaut", "日本"}};
  const std::array tensors{view_of("bytes", bytes, {3}), view_of("weights", weights, {2, 3}), view_of("ids", ids, {2}),
                           view_of("scalar", scalar, {}),
                           view_of<float>("none \"quoted\"", std::span<const float>(), {0, 5})};
  write_tensor_file(path, tensors, metadata);

  const TensorFile file = TensorFile::open(path);
  EXPECT_EQ(file.path(), path);
  EXPECT_EQ(file.metadata(), metadata);
  ASSERT_EQ(file.tensors().size(), 5U);
  // Larger elements first, otherwise as given.
  const std::vector<std::string> order{"ids", "scalar", "weights", "none \"quoted\"", "bytes"};
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(file.tensors()[i].name, order[i]);
  EXPECT_EQ(file.require("weights").shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(file.require("weights").count(), 6U);
  EXPECT_EQ(file.require("scalar").count(), 1U);
  EXPECT_TRUE(file.require("scalar").shape.empty());
  EXPECT_EQ(file.require("none \"quoted\"").count(), 0U);
  EXPECT_EQ(file.values<float>("none \"quoted\"").size(), 0U);
  EXPECT_EQ(file.values<double>("scalar")[0], 0.1);
  const auto read = file.values<float>("weights");
  ASSERT_EQ(read.size(), weights.size());
  EXPECT_EQ(std::memcmp(read.data(), weights.data(), weights.size() * sizeof(float)), 0);
  const auto read_ids = file.values<std::int64_t>("ids");
  EXPECT_TRUE(std::equal(read_ids.begin(), read_ids.end(), ids.begin(), ids.end()));
  const auto read_bytes = file.values<std::uint8_t>("bytes");
  EXPECT_TRUE(std::equal(read_bytes.begin(), read_bytes.end(), bytes.begin(), bytes.end()));
}

TEST(TensorFile, ExactBytesOfASmallFile) {
  const Folder folder;
  const std::vector<std::uint8_t> values{7, 9};
  write_tensor_file(folder / "a", std::array{view_of("t", values, {2, 1})});
  std::string expected = file_of(R"({"t":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]}})");
  const std::uint64_t length = 64 - 8;  // the JSON has 55 characters: one space of padding
  std::memcpy(expected.data(), &length, 8);
  expected.append(64 - expected.size(), ' ').append("\x07\x09");
  EXPECT_EQ(read_file(folder / "a"), expected);
}

TEST(TensorFile, DataBeginsAtACacheLineWhateverTheHeaderIs) {
  const Folder folder;
  const std::vector<double> values{1, 2};
  for (std::size_t length = 1; length < 70; ++length) {
    write_tensor_file(folder / "a", std::array{view_of(std::string(length, 'n'), values, {2})});
    const TensorFile file = TensorFile::open(folder / "a");
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.values<double>(std::string(length, 'n')).data()) % 64, 0U);
  }
}

TEST(TensorFile, MovesKeepSpansValid) {
  const Folder folder;
  const std::vector<float> values{1, 2, 3};
  write_tensor_file(folder / "a", std::array{view_of("t", values, {3})});
  TensorFile first = TensorFile::open(folder / "a");
  const auto before = first.values<float>("t");
  TensorFile second = std::move(first);
  EXPECT_EQ(second.values<float>("t").data(), before.data());
  second = TensorFile::open(folder / "a");
  EXPECT_EQ(second.values<float>("t")[2], 3.0F);
  static_assert(!std::is_copy_constructible_v<TensorFile> && !std::is_copy_assignable_v<TensorFile>);
}

TEST(TensorFile, MissingTensorSuggestsTheNearestName) {
  const Folder folder;
  const std::vector<float> values{1};
  write_tensor_file(folder / "m",
                    std::array{view_of("model.norm.weight", values, {1}), view_of("lm_head", values, {1})});
  const TensorFile file = TensorFile::open(folder / "m");
  EXPECT_EQ(file.find("model.norm.wieght"), nullptr);
  EXPECT_EQ(file.find("lm_head")->name, "lm_head");
  const Error error = error_of([&] { (void)file.require("model.norm.wieght"); });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_NE(std::string(error.what()).find("did you mean 'model.norm.weight'?"), std::string::npos) << error.what();
  const Error far = error_of([&] { (void)file.values<float>("something.else.entirely"); });
  EXPECT_NE(std::string(far.what()).find("holds 2 tensors"), std::string::npos) << far.what();
}

TEST(TensorFile, AnotherElementTypeIsAnError) {
  const Folder folder;
  const std::vector<float> values{1};
  write_tensor_file(folder / "a", std::array{view_of("t", values, {1})});
  const TensorFile file = TensorFile::open(folder / "a");
  const std::string text = error_of([&] { (void)file.values<std::int32_t>("t"); }).what();
  EXPECT_NE(text.find("expected: I32"), std::string::npos) << text;
  EXPECT_NE(text.find("received: F32"), std::string::npos) << text;
  EXPECT_NE(text.find("tensor 't'"), std::string::npos) << text;
  EXPECT_THROW((void)file.values<double>("t"), Error);
  EXPECT_THROW((void)file.values<std::uint32_t>("t"), Error);
}

TEST(TensorFile, MisalignedDataIsAnErrorWithAHintButItsBytesAreThere) {
  const Folder folder;
  TensorFileWriter writer(folder / "a", {{"b", DType::u8, {1}}, {"f", DType::f32, {1}}});
  const std::uint8_t byte = 5;
  const float number = 2.5F;
  writer.write(std::as_bytes(std::span(&byte, 1)));
  writer.write(std::as_bytes(std::span(&number, 1)));
  writer.commit();
  const TensorFile file = TensorFile::open(folder / "a");
  const std::string text = error_of([&] { (void)file.values<float>("f"); }).what();
  EXPECT_NE(text.find("not aligned"), std::string::npos) << text;
  EXPECT_NE(text.find("hint:"), std::string::npos) << text;
  EXPECT_EQ(file.values<std::uint8_t>("b")[0], 5);
  float copy = 0;
  std::memcpy(&copy, file.bytes(file.require("f")).data(), sizeof copy);
  EXPECT_EQ(copy, 2.5F);
}

TEST(TensorFileWriter, PiecesNeedNotEndWhereTensorsEnd) {
  const Folder folder;
  const std::vector<float> values{1, 2, 3, 4, 5};
  const auto bytes = std::as_bytes(std::span(values));
  TensorFileWriter writer(folder / "a", {{"x", DType::f32, {2}}, {"y", DType::f32, {3}}}, {{"k", "v"}});
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t piece = std::min<std::size_t>(7, bytes.size() - at);
    writer.write(bytes.subspan(at, piece));
    at += piece;
  }
  writer.write({});
  EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  writer.commit();
  const TensorFile file = TensorFile::open(folder / "a");
  EXPECT_EQ(file.values<float>("y")[2], 5.0F);
  EXPECT_EQ(file.metadata().at("k"), "v");
}

TEST(TensorFileWriter, WithoutCommitTheOldFileStays) {
  const Folder folder;
  put(folder / "a", "old");
  {
    TensorFileWriter writer(folder / "a", {{"x", DType::u8, {1}}});
    writer.write(std::as_bytes(std::span("z", 1)));
  }
  EXPECT_EQ(read_file(folder / "a"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);  // no temporary file is left
}

TEST(TensorFileWriter, RefusesTextThatIsNotUtf8) {
  const Folder folder;
  const Error error = error_of([&] { TensorFileWriter(folder / "a", {{"\xff", DType::u8, {0}}}); });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_THROW(TensorFileWriter(folder / "a", {}, {{"path", "\xc3"}}), Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(TensorFileWriter, RefusesAFolderThatIsNotThere) {
  const Folder folder;
  EXPECT_EQ(error_of([&] { TensorFileWriter(folder / "no/a", {}); }).kind(), ErrorKind::data);
}

TEST(TensorFileWriterDeathTest, MisuseIsAnAssertion) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const Folder folder;
  const std::array<std::byte, 5> five{};
  const std::vector<TensorSpec> specs{{"x", DType::u8, {4}}};
  EXPECT_DEATH(TensorFileWriter(folder / "a", specs).write(five), "remaining_");
  EXPECT_DEATH(
      {
        TensorFileWriter writer(folder / "a", specs);
        writer.write(std::span(five).first(3));
        writer.commit();
      },
      "remaining_ == 0");
  EXPECT_DEATH(
      {
        TensorFileWriter writer(folder / "a", {});
        writer.commit();
        writer.commit();
      },
      "committed_");
  EXPECT_DEATH(TensorFileWriter(folder / "a", {{"x", DType::u8, {1}}, {"x", DType::u8, {1}}}), "unique");
  EXPECT_DEATH(TensorFileWriter(folder / "a", {{"__metadata__", DType::u8, {1}}}), "__metadata__");
  EXPECT_DEATH(TensorFileWriter(folder / "a", {{"x", DType::f64, {1ULL << 62}}}), "has_value");
  const std::vector<float> values{1, 2};
  EXPECT_DEATH((void)view_of("x", values, {3}), "byte_count");
}

std::filesystem::path models() { return fixtures_folder() / "models"; }

/// Both files hold the same tensors, bit by bit.
void expect_same(const TensorFile& a, const TensorFile& b) {
  ASSERT_EQ(a.tensors().size(), b.tensors().size());
  EXPECT_EQ(a.metadata(), b.metadata());
  for (const TensorInfo& tensor : a.tensors()) {
    const TensorInfo& other = b.require(tensor.name);
    EXPECT_EQ(tensor.dtype, other.dtype) << tensor.name;
    EXPECT_EQ(tensor.shape, other.shape) << tensor.name;
    const auto x = a.bytes(tensor), y = b.bytes(other);
    EXPECT_TRUE(std::equal(x.begin(), x.end(), y.begin(), y.end())) << tensor.name;
  }
}

TEST(TensorFile, ReadsAndRewritesOtherPeoplesModels) {
  const Folder folder;
  std::size_t files = 0;
  for (const auto& model : std::filesystem::directory_iterator(models())) {
    for (const char* name : {"model.safetensors", "expected.safetensors"}) {
      const TensorFile original = TensorFile::open(model.path() / name);
      ASSERT_GT(original.tensors().size(), 3U) << model.path();
      std::vector<TensorView> views;
      std::uint64_t bytes = 0;
      for (const TensorInfo& tensor : original.tensors()) {
        views.push_back({{tensor.name, tensor.dtype, tensor.shape}, original.bytes(tensor)});
        bytes += original.bytes(tensor).size();
      }
      EXPECT_GT(bytes, 1000U);
      write_tensor_file(folder / "copy", views, original.metadata());
      expect_same(original, TensorFile::open(folder / "copy"));
      ++files;
    }
  }
  EXPECT_GE(files, 10U);
}

TEST(TensorFile, KnownTensorOfAFixture) {
  const TensorFile file = TensorFile::open(models() / "qwen2-tiny/model.safetensors");
  const TensorInfo& embedding = file.require("model.embed_tokens.weight");
  ASSERT_EQ(embedding.shape.size(), 2U);
  const auto values = file.values<float>("model.embed_tokens.weight");
  EXPECT_EQ(values.size(), embedding.shape[0] * embedding.shape[1]);
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  EXPECT_GT(squares, 0.0);
  EXPECT_TRUE(std::isfinite(squares));
}

}  // namespace
}  // namespace stet
