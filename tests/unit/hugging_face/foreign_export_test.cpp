// Foreign folders, read and written again: weights in other types and in several files, as they are and as an
// architecture of their own.
#include "foreign_folder.hpp"

#include <stet/base/philox.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

namespace stet {
namespace {

namespace fs = std::filesystem;
using foreign::fixture;
using foreign::ForeignFolder;
using foreign::Json;
using foreign::says;
using foreign::store;
using foreign::Stored;
using foreign::tensors_of;

TEST_F(ForeignFolder, HalfPrecisionLoadsAndGoesBackToTheSameBytes) {
  for (const auto& [type, name] : {std::pair{at::kBFloat16, DType::bf16}, std::pair{at::kHalf, DType::f16}}) {
    for (const std::string model : {"gpt2-tiny", "pythia-tiny", "llama3-tiny"}) {
      config(model);
      std::vector<Stored> tensors = tensors_of(model);
      for (Stored& tensor : tensors) {
        const auto count = static_cast<std::int64_t>(tensor.bytes.size() / 4);
        const at::Tensor half = at::from_blob(tensor.bytes.data(), {count}, at::kFloat).to(type);
        tensor.type = name;
        tensor.bytes.resize(half.nbytes());
        std::memcpy(tensor.bytes.data(), half.data_ptr(), half.nbytes());
      }
      store(folder_ / "model.safetensors", tensors);
      const at::Tensor flat = load(at::kFloat), exact = original(model);
      EXPECT_TRUE(flat.equal(exact.to(type).to(at::kFloat))) << model;
      Folder out;
      const ForeignModel foreign = read_foreign_config(folder_.path());
      const ParameterTable table(foreign.config);
      export_like(folder_.path(), foreign, table, flat, out / "copy");
      EXPECT_EQ(read_file(out / "copy/model.safetensors"), read_file(folder_ / "model.safetensors"));
      if (name == DType::f16) {
        const at::Tensor large = flat.clone();
        large.data_ptr<float>()[5] = 1e6F;
        EXPECT_TRUE(
            says(error_of([&] { export_like(folder_.path(), foreign, table, large, out / "large"); }), "1000000"));
      }
    }
  }
}

class Sharded : public ForeignFolder {
 protected:
  void SetUp() override {
    config("pythia-tiny");
    tensors_ = tensors_of("pythia-tiny");
    for (std::size_t i = 0; i < tensors_.size(); ++i) map_[tensors_[i].name] = file_name(i % 3);
    write_shards();
    write_index();
  }
  static std::string file_name(std::size_t i) { return "model-0000" + std::to_string(i + 1) + "-of-00003.safetensors"; }
  void write_shards() {
    for (std::size_t f = 0; f < 3; ++f) {
      std::vector<Stored> part;
      for (std::size_t i = f; i < tensors_.size(); i += 3) part.push_back(tensors_[i]);
      store(folder_ / file_name(f), part);
    }
  }
  void write_index() {
    put(folder_ / "model.safetensors.index.json",
        Json{{"metadata", {{"total_size", 605184}}}, {"weight_map", map_}}.dump(2));
  }
  Error error() const {
    return error_of([&] { (void)load(); });
  }
  std::vector<Stored> tensors_;
  std::map<std::string, std::string> map_;
};

TEST_F(Sharded, LoadsAndExportsTheSameFiles) {
  const at::Tensor flat = load();
  EXPECT_TRUE(flat.equal(original("pythia-tiny")));
  Folder out;
  const ForeignModel foreign = read_foreign_config(folder_.path());
  export_like(folder_.path(), foreign, ParameterTable(foreign.config), flat, out / "copy");
  for (const std::string& name : {file_name(0), file_name(1), file_name(2), std::string("config.json"),
                                  std::string("model.safetensors.index.json")}) {
    EXPECT_EQ(read_file(out / ("copy/" + name)), read_file(folder_ / name)) << name;
  }
}

TEST_F(Sharded, NamesMayBeginWithTheFolderItself) {
  for (auto& [tensor, file] : map_) file.insert(0, "./");
  write_index();
  EXPECT_TRUE(load().equal(original("pythia-tiny")));
  for (const std::string outside : {"/tmp/x.safetensors", "./../x.safetensors", "..", "./", "sub/x.safetensors"}) {
    map_.begin()->second = outside;
    write_index();
    EXPECT_TRUE(says(error(), "does not lie in its folder")) << outside;
  }
}

TEST_F(Sharded, RefusesByName) {
  fs::rename(folder_ / file_name(1), folder_ / "elsewhere");
  EXPECT_TRUE(says(error(), "missing files: " + file_name(1)));
  fs::rename(folder_ / "elsewhere", folder_ / file_name(1));

  const std::string first = tensors_[0].name, second = tensors_[4].name;
  map_[first] = file_name(2);
  map_[second] = file_name(0);
  write_index();
  EXPECT_TRUE(
      says(error(), "in the wrong file: " + first + " (" + file_name(0) + ", the index says " + file_name(2) + ")"));
  EXPECT_TRUE(says(error(), second));

  map_[first] = file_name(0);
  map_.erase(second);
  map_["gpt_neox.nothing"] = file_name(0);
  write_index();
  EXPECT_TRUE(says(error(), "not in the index: " + second));
  EXPECT_TRUE(says(error(), "in no file: gpt_neox.nothing"));

  map_["gpt_neox.nothing"] = "../outside.safetensors";
  write_index();
  EXPECT_TRUE(says(error(), "outside"));
  put(folder_ / "model.safetensors.index.json", "[]");
  EXPECT_TRUE(says(error(), "index"));
  fs::remove(folder_ / "model.safetensors.index.json");
  EXPECT_TRUE(says(error(), "no weights"));
}

class Export : public ::testing::TestWithParam<const char*> {};

TEST_P(Export, UnchangedWeightsGiveTheSameBytesAndChangedOnesComeBack) {
  const fs::path source = fixture(GetParam());
  const ForeignModel foreign = read_foreign_config(source);
  const ParameterTable table(foreign.config);
  const at::Tensor flat = load_foreign_weights(source, foreign, table, at::kFloat);
  Folder out;
  export_like(source, foreign, table, flat, out / "same");
  EXPECT_EQ(read_file(out / "same/model.safetensors"), read_file(source / "model.safetensors"));
  EXPECT_EQ(read_file(out / "same/config.json"), read_file(source / "config.json"));
  const at::Tensor changed = flat + 0.25F;
  export_like(source, foreign, table, changed, out / "changed");
  EXPECT_TRUE(load_foreign_weights(out / "changed", foreign, table, at::kFloat).equal(changed));
  EXPECT_EQ(error_of([&] { export_like(source, foreign, table, flat, out / "changed"); }).kind(),
            ErrorKind::config);  // not empty
}

TEST_P(Export, AsAnArchitectureOfItsOwn) {
  const fs::path source = fixture(GetParam());
  const ForeignModel foreign = read_foreign_config(source);
  const ParameterTable table(foreign.config);
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const at::Tensor flat = load_foreign_weights(source, foreign, table, type);
    Folder out;
    export_as_foreign(foreign.config, table, flat, 7, out / "own");
    const ForeignModel again = read_foreign_config(out / "own");
    // Without a window that cuts anything, Mistral's shape is Llama's.
    EXPECT_EQ(again.architecture, foreign.architecture == "mistral" ? "llama" : foreign.architecture);
    EXPECT_EQ(again.config, foreign.config);
    EXPECT_TRUE(load_foreign_weights(out / "own", again, table, type).equal(flat));
    EXPECT_EQ(Json::parse(read_file(out / "own/config.json")).at("eos_token_id"), 7);
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Export,
                         ::testing::Values("qwen2-tiny", "qwen2-tiny-untied", "gpt2-tiny", "llama3-tiny", "pythia-tiny",
                                           "qwen3-tiny", "olmo2-tiny", "smollm3-tiny", "mistral-tiny"));

TEST(ExportShapes, EveryShapeIsExpressedExactlyOrRefused) {
  int expressed = 0, refused = 0;
  for (int bits = 0; bits < 1 << 13; ++bits) {
    if (bits >> 10 != 0 && (bits & 0x3cf) != 0) continue;  // norms of queries, norms behind, unrotated blocks
    const auto bit = [bits](int i) { return (bits >> i & 1) != 0; };
    ModelConfig c;
    c.vocabulary = 11;
    c.width = 32;
    c.layers = 2;
    c.positions = bit(0) ? Positions::learned : Positions::rotary;
    c.norm = bit(1) ? Norm::layer : Norm::rms;
    c.activation = bit(2) ? (bit(3) ? Activation::gelu_erf : Activation::gelu) : Activation::swiglu;
    c.qkv_bias = bit(4);
    c.linear_bias = bit(5);
    c.kv_heads = bit(6) ? 2 : 4;
    c.parallel_residual = bit(7);
    if (bit(8)) c.rope_share = 0.5;
    if (bit(9)) c.rope_scaling.factor = 4;
    if (bit(10)) c.query_key_norm = bit(11) ? QueryKeyNorm::head : QueryKeyNorm::whole;
    if (bit(11)) c.norm_after = !bit(7) && bit(12);
    if (bit(12)) c.unrotated_every = c.positions == Positions::rotary && !bit(11) ? 2 : 0;
    c.complete();
    const ParameterTable table(c);
    const at::Tensor weights = initial_values(table, c, 1, at::kFloat);
    Folder out;
    if (!foreign_architecture_of(c)) {
      ++refused;
      if (refused % 20 == 0) {
        EXPECT_EQ(error_of([&] { export_as_foreign(c, table, weights, std::nullopt, out / "x"); }).kind(),
                  ErrorKind::config);
      }
      continue;
    }
    ++expressed;
    export_as_foreign(c, table, weights, std::nullopt, out / "x");
    const ForeignModel again = read_foreign_config(out / "x");
    if (c.positions == Positions::learned)
      c.rope_share = again.config.rope_share, c.rope_scaling = again.config.rope_scaling;  // mean nothing
    EXPECT_EQ(again.config, c) << bits;
    EXPECT_TRUE(load_foreign_weights(out / "x", again, table, at::kFloat).equal(weights)) << bits;
  }
  EXPECT_GT(expressed, 20);
  EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace stet
