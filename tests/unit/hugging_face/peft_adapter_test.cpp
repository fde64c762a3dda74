// LoRA adapters in PEFT's form: written and read again for every family, and what is refused. That PEFT itself reads
// them is looked at by tests/interop.
#include "foreign_folder.hpp"

#include <stet/base/philox.hpp>
#include <stet/hugging_face/adapter_settings.hpp>
#include <stet/hugging_face/peft_adapter.hpp>

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace stet {
namespace {

namespace fs = std::filesystem;
using foreign::fixture;
using foreign::Json;
using foreign::says;
using foreign::Stored;

at::Tensor drawn(std::vector<std::int64_t> shape, const std::string& what) {
  Random random(5, what, 0);
  at::Tensor tensor = at::empty(shape, at::kDouble);
  for (std::int64_t k = 0; k < tensor.numel(); ++k) tensor.data_ptr<double>()[k] = random.uniform() - 0.5;
  return tensor;
}

class PeftAdapter : public ::testing::Test {
 protected:
  void open(const std::string& name) {
    model_ = read_foreign_config(fixture(name));
    table_ = std::make_unique<ParameterTable>(model_.config);
  }
  LowRankChange change(const std::string& name, std::int64_t rank, double scale) const {
    const int i = table_->index_of(name);
    EXPECT_GE(i, 0) << name;
    const ParameterInfo& info = (*table_)[static_cast<std::size_t>(i)];
    return {static_cast<std::size_t>(i), scale, drawn({rank, info.shape[1]}, name + "a" + std::to_string(rank)),
            drawn({info.shape[0], rank}, name + "b" + std::to_string(rank))};
  }
  at::Tensor sum(std::span<const LowRankChange> changes) const {
    at::Tensor flat = at::zeros({table_->total()}, at::kDouble);
    add_changes(*table_, changes, flat);
    return flat;
  }
  std::vector<LowRankChange> read() const {
    return read_peft_adapter(folder_ / "adapter", model_, *table_, at::kDouble);
  }
  Json settings() const { return Json::parse(read_file(folder_ / "adapter" / adapter_config_file)); }
  void set(const char* key, const Json& value) const {
    Json json = settings();
    json[key] = value;
    write_file_atomically(folder_ / "adapter" / adapter_config_file, json.dump());
  }
  void write_some() {
    open("llama3-tiny");
    const std::vector<LowRankChange> changes = {change("model.layers.0.self_attn.q_proj.weight", 2, 2.0)};
    write_peft_adapter(model_, *table_, changes, "base", folder_ / "adapter");
  }
  void replace_tensors(const std::vector<Stored>& tensors) const {
    fs::remove(folder_ / "adapter" / adapter_weights_file);
    foreign::store(folder_ / "adapter" / adapter_weights_file, tensors);
  }

  Folder folder_;
  ForeignModel model_;
  std::unique_ptr<ParameterTable> table_;
};

TEST_F(PeftAdapter, ComesBackAsItWasForEveryFamily) {
  for (const std::string name : {"gpt2-tiny", "pythia-tiny", "llama3-tiny", "qwen2-tiny", "qwen3-tiny", "olmo2-tiny",
                                 "mistral-tiny", "smollm3-tiny"}) {
    open(name);
    const std::string l = "model.layers.1.";
    const std::vector<LowRankChange> changes = {
        change(l + "self_attn.q_proj.weight", 2, 2.0), change(l + "self_attn.v_proj.weight", 3, 2.0),
        change(l + "self_attn.o_proj.weight", 2, 2.0), change(l + "mlp.up_proj.weight", 2, 2.0),
        change(l + "mlp.down_proj.weight", 4, 0.7)};
    fs::remove_all(folder_ / "adapter");
    write_peft_adapter(model_, *table_, changes, "base", folder_ / "adapter");
    // The factors themselves come back, so what they amount to has the same bits.
    EXPECT_TRUE(sum(read()).equal(sum(changes))) << name;
    std::map<std::size_t, const LowRankChange*> by_parameter;
    const std::vector<LowRankChange> again = read();
    ASSERT_EQ(again.size(), changes.size()) << name;
    for (const LowRankChange& one : again) by_parameter[one.parameter] = &one;
    for (const LowRankChange& one : changes) {
      EXPECT_TRUE(by_parameter.at(one.parameter)->a.equal(one.a)) << name << (*table_)[one.parameter].name;
      EXPECT_TRUE(by_parameter.at(one.parameter)->b.equal(one.b)) << name << (*table_)[one.parameter].name;
    }
    EXPECT_EQ(settings()["fan_in_fan_out"], name == "gpt2-tiny");
  }
}

TEST_F(PeftAdapter, NamesAndSettingsAreTheirs) {
  open("pythia-tiny");
  const std::string l = "model.layers.0.self_attn.";
  const std::vector<LowRankChange> changes = {change(l + "q_proj.weight", 2, 2.0), change(l + "k_proj.weight", 2, 2.0),
                                              change(l + "v_proj.weight", 2, 2.0), change(l + "o_proj.weight", 2, 2.0)};
  write_peft_adapter(model_, *table_, changes, "pythia-tiny", folder_ / "adapter");
  const TensorFile file = TensorFile::open(folder_ / "adapter" / adapter_weights_file);
  ASSERT_EQ(file.tensors().size(), 4U);
  const std::string fused = "base_model.model.gpt_neox.layers.0.attention.query_key_value";
  EXPECT_EQ(file.require(fused + ".lora_A.weight").shape[0], 6U);
  EXPECT_EQ(file.require(fused + ".lora_B.weight").shape[1], 6U);
  const Json json = settings();
  EXPECT_EQ(json["peft_type"], "LORA");
  EXPECT_EQ(json["base_model_name_or_path"], "pythia-tiny");
  // The first module's rank is everybody's but the other's; the scale stays 2.
  EXPECT_EQ(json["r"], 6);
  EXPECT_EQ(json["lora_alpha"], 12);
  EXPECT_EQ(json["rank_pattern"], (Json{{"gpt_neox.layers.0.attention.dense", 2}}));
  EXPECT_EQ(json["alpha_pattern"], (Json{{"gpt_neox.layers.0.attention.dense", 4}}));
  // Layer 1 is not adapted: whole paths.
  EXPECT_EQ(json["target_modules"],
            (Json{"gpt_neox.layers.0.attention.dense", "gpt_neox.layers.0.attention.query_key_value"}));
}

TEST_F(PeftAdapter, WhereAllOfAKindAreAdaptedTheirNameIsEnough) {
  open("llama3-tiny");
  std::vector<LowRankChange> changes;
  for (std::size_t i = 0; i < table_->size(); ++i) {
    if ((*table_)[i].role == Role::attention_q) changes.push_back(change((*table_)[i].name, 2, 1.0));
  }
  write_peft_adapter(model_, *table_, changes, "base", folder_ / "adapter");
  EXPECT_EQ(settings()["target_modules"], (Json{"q_proj"}));
}

TEST_F(PeftAdapter, ChangesOfOneMatrixInSeveralPhasesBecomeOne) {
  open("llama3-tiny");
  const std::string q = "model.layers.0.self_attn.q_proj.weight";
  const std::vector<LowRankChange> changes = {change(q, 2, 2.0), change(q, 3, 0.5)};
  write_peft_adapter(model_, *table_, changes, "base", folder_ / "adapter");
  const std::vector<LowRankChange> again = read();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].a.size(0), 5);
  EXPECT_TRUE(at::allclose(sum(again), sum(changes), 1e-12, 1e-14));
}

TEST_F(PeftAdapter, TheirScalesAreRead) {
  write_some();
  const at::Tensor one = sum(read());
  set("lora_alpha", 8);
  EXPECT_TRUE(at::allclose(sum(read()), one * 2));
  set("alpha_pattern", Json{{"layers.0.*q_proj", 2}});
  EXPECT_TRUE(at::allclose(sum(read()), one / 2));
  set("alpha_pattern", Json{{"q_pro", 2}});  // not a whole name behind a dot
  EXPECT_TRUE(at::allclose(sum(read()), one * 2));
  set("use_rslora", true);
  EXPECT_TRUE(at::allclose(sum(read()), one * 2 * std::sqrt(2.0)));
}

TEST_F(PeftAdapter, WhatIsNotLoraOfLinearLayersIsRefused) {
  write_some();
  const std::string config = read_file(folder_ / "adapter" / adapter_config_file);
  const auto refused = [&](const char* key, const Json& value, const std::string& part) {
    set(key, value);
    EXPECT_TRUE(says(error_of([&] { (void)read(); }), part)) << key;
    write_file_atomically(folder_ / "adapter" / adapter_config_file, config);
  };
  refused("peft_type", "IA3", "unsupported value of 'peft_type'");
  refused("use_dora", true, "'use_dora'");
  refused("bias", "all", "'bias'");
  refused("modules_to_save", Json{"lm_head"}, "'modules_to_save'");
  refused("init_lora_weights", "pissa", "'init_lora_weights'");
  refused("layer_replication", Json{{0, 1}}, "'layer_replication'");
  refused("lora_alpha", "much", "'lora_alpha' has the wrong type");
  refused("lora_alpha", 0, "scaled by nothing");
  for (const std::string& pattern :
       {std::string("("), std::string("(a+)+$"), std::string(200000, '('), std::string(1001, 'a'),
        std::string("." + std::string(500, '*')), std::string("a*"), std::string(), std::string("\\")})
    refused("alpha_pattern", Json{{pattern, 2}}, "a pattern of modules that is not read");
  refused("alpha_pattern", Json{{"q_proj", "x"}}, "without a number");
  Json many;
  for (int i = 0; i < 4001; ++i) many["q" + std::to_string(i)] = 2;
  refused("alpha_pattern", many, "too many patterns");
  refused("peft_type", nullptr, "'peft_type'");
  refused("r", 99, "not of the rank that is set");
  refused("rank_pattern", Json{{"q_proj", 5}}, "not of the rank that is set");
  refused("lora_alpha", 1e300, "beyond all numbers");

  const std::string q = "base_model.model.model.layers.0.self_attn.q_proj";
  const std::uint64_t in = static_cast<std::uint64_t>(model_.config.width), out = in;
  const auto tensor = [](const std::string& name, std::vector<std::uint64_t> shape, float value = 0.5F) {
    std::size_t count = 1;
    for (const std::uint64_t n : shape) count *= n;
    const std::vector<float> values(count, value);
    const auto bytes = std::as_bytes(std::span(values));
    return Stored{name, DType::f32, std::move(shape), {bytes.begin(), bytes.end()}};
  };
  const auto wrong = [&](const std::vector<Stored>& tensors, const std::string& part) {
    replace_tensors(tensors);
    EXPECT_TRUE(says(error_of([&] { (void)read(); }), part)) << part;
  };
  wrong({tensor(q + ".lora_A.weight", {2, in})}, "lora_B");
  wrong({tensor(q + ".lora_A.weight", {2, in + 1}), tensor(q + ".lora_B.weight", {out, 2})}, "do not fit the model");
  wrong({tensor(q + ".lora_A.weight", {2, in}), tensor(q + ".lora_B.weight", {out, 3})}, "do not fit the model");
  wrong({tensor(q + ".lora_A.weight", {2, in}), tensor(q + ".lora_B.weight", {out * 2})}, "is no matrix");
  Stored whole = tensor(q + ".lora_A.weight", {2, in});
  whole.type = DType::i32;
  wrong({whole, tensor(q + ".lora_B.weight", {out, 2})}, "is no matrix of floating-point numbers");
  wrong({}, "changes nothing of this model");
  wrong({tensor(q + ".lora_A.weight", {2, in}, NAN), tensor(q + ".lora_B.weight", {out, 2})}, "not all numbers");
  wrong({tensor("base_model.model.model.embed_tokens.lora_embedding_A", {2, 4})}, "lora_embedding_A");
  wrong({tensor("base_model.model.model.layers.99.self_attn.q_proj.lora_A.weight", {2, in})}, "layers.99");
  fs::remove(folder_ / "adapter" / adapter_weights_file);
  EXPECT_TRUE(says(error_of([&] { (void)read(); }), "has no adapter_model.safetensors"));
}

TEST_F(PeftAdapter, TheFirstPatternOfTheFileCounts) {
  write_some();
  const at::Tensor one = sum(read());
  std::string config = read_file(folder_ / "adapter" / adapter_config_file);
  const auto with = [&](const std::string& patterns) {
    const std::string empty = "\"alpha_pattern\": {}";
    std::string changed = config;
    changed.replace(changed.find(empty), empty.size(), "\"alpha_pattern\": " + patterns);
    write_file_atomically(folder_ / "adapter" / adapter_config_file, changed);
    return sum(read());
  };
  EXPECT_TRUE(at::allclose(with(R"({"q_proj": 8, "layers.0.self_attn.q_proj": 2})"), one * 2));
  EXPECT_TRUE(at::allclose(with(R"({"layers.0.self_attn.q_proj": 2, "q_proj": 8})"), one / 2));
}

TEST(ModulePattern, MatchesAsPeftDoes) {
  const std::string module = "model.layers.12.self_attn.q_proj";
  for (const char* pattern :
       {"q_proj", "self_attn.q_proj", "model.layers.12.self_attn.q_proj", "layers.\\d+.self_attn.q_proj",
        "layers\\.12\\..*", ".*q_proj", ".*", ".+", "self.attn.q_proj", "12.self_attn.q_proj"})
    EXPECT_TRUE(ModulePattern(pattern, "here").matches(module)) << pattern;
  for (const char* pattern : {"proj", "k_proj", "layers.12", "layers.\\d.self_attn.q_proj", "q_projection",
                              "attn.q_proj", "2.self_attn.q_proj"})
    EXPECT_FALSE(ModulePattern(pattern, "here").matches(module)) << pattern;
}

TEST_F(PeftAdapter, EmbeddingsAndNothingAreNotWritten) {
  open("llama3-tiny");
  const std::vector<LowRankChange> embedding = {change("model.embed_tokens.weight", 2, 1.0)};
  for (const std::vector<LowRankChange>& changes : {embedding, std::vector<LowRankChange>()}) {
    const Error error = error_of([&] { write_peft_adapter(model_, *table_, changes, "base", folder_ / "adapter"); });
    EXPECT_EQ(error.kind(), ErrorKind::config);
    EXPECT_FALSE(fs::exists(folder_ / "adapter"));
  }
}

}  // namespace
}  // namespace stet
