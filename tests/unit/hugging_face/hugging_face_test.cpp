// Foreign folders: what is refused and by which name, other ways of saying the same, buffers and heads.
#include "foreign_folder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
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

TEST_F(ForeignFolder, RefusesWhatItCannotComputeByTheFieldsName) {
  const auto refused = [&](const std::string& name, const Json& changes, const std::string& field) {
    config(name, changes);
    EXPECT_TRUE(says(error_of([&] { (void)read_foreign_config(folder_.path()); }), field)) << changes.dump();
  };
  refused("qwen2-tiny", {{"model_type", "qwen4"}}, "model_type");
  refused("qwen2-tiny", {{"model_type", "mamba"}}, "mamba");
  refused("qwen2-tiny", {{"use_sliding_window", true}}, "use_sliding_window");
  refused("qwen2-tiny", {{"layer_types", {"full_attention", "sliding_attention"}}}, "layer_types");
  refused("qwen2-tiny", {{"hidden_act", "gelu"}}, "hidden_act");
  refused("qwen2-tiny", {{"rope_scaling", {{"type", "yarn"}, {"factor", 4.0}}}}, "yarn");
  refused("qwen2-tiny", {{"num_attention_heads", 0}}, "heads");
  refused("qwen2-tiny", {{"num_attention_heads", 5}}, "heads");
  refused("qwen2-tiny", {{"num_hidden_layers", 1000000000}}, "layers");
  refused("qwen2-tiny", {{"hidden_size", -64}}, "width");
  refused("qwen2-tiny", {{"vocab_size", "many"}}, "vocab_size");
  refused("qwen2-tiny", {{"quantization_config", {{"bits", 4}}}}, "quantization_config");
  refused("llama3-tiny", {{"sliding_window", 128}}, "sliding_window");
  refused("llama3-tiny", {{"attention_bias", true}}, "attention_bias");
  refused("llama3-tiny", {{"mlp_bias", true}}, "mlp_bias");
  for (const char* type : {"yarn", "dynamic", "linear", "longrope"}) {
    refused("llama3-tiny", {{"rope_scaling", {{"rope_type", type}, {"factor", 2.0}}}}, "rope_type");
    refused("llama3-tiny", {{"rope_parameters", {{"rope_type", type}, {"factor", 2.0}}}}, "rope_type");
  }
  refused("llama3-tiny", {{"rope_scaling", {{"rope_type", "llama3"}, {"factor", 2.0}}}}, "low_freq_factor");
  refused("gpt2-tiny", {{"activation_function", "relu"}}, "activation_function");
  refused("gpt2-tiny", {{"scale_attn_weights", false}}, "scale_attn_weights");
  refused("gpt2-tiny", {{"scale_attn_by_inverse_layer_idx", true}}, "scale_attn_by_inverse_layer_idx");
  refused("gpt2-tiny", {{"add_cross_attention", true}}, "add_cross_attention");
  refused("pythia-tiny", {{"attention_bias", false}}, "attention_bias");
  refused("pythia-tiny", {{"rope_scaling", {{"type", "linear"}, {"factor", 2.0}}}}, "linear");
  refused("pythia-tiny", {{"rotary_pct", 0.2}}, "rope_share");  // three elements of sixteen
  refused("mistral-tiny", {{"sliding_window", 64}}, "sliding window");
  refused("mistral-tiny", {{"sliding_window", "wide"}}, "sliding_window");
  refused("qwen3-tiny", {{"attention_bias", true}}, "attention_bias");
  refused("qwen3-tiny", {{"use_sliding_window", true}}, "use_sliding_window");
  refused("olmo2-tiny", {{"attention_bias", true}}, "attention_bias");
  refused("olmo2-tiny", {{"rope_scaling", {{"type", "yarn"}, {"factor", 4.0}}}}, "yarn");
  for (const Json& list : {Json{1, 1, 0, 1}, Json{1, 1, 1}, Json{1, 0, 1, 0}, Json{1, 1, 1, "no"}, Json(3)})
    refused("smollm3-tiny", {{"no_rope_layers", list}}, "no_rope_layers");
  refused("smollm3-tiny", {{"no_rope_layer_interval", -1}}, "no_rope_layer");
  refused("smollm3-tiny", {{"mlp_bias", true}}, "mlp_bias");
  // What the library would convert: to 64, to 1, to anything.
  for (const Json& width : {Json(64.5), Json(true), Json(1e300), Json(-1e300), Json(~std::uint64_t{0})}) {
    refused("qwen2-tiny", {{"hidden_size", width}}, "hidden_size");
    refused("gpt2-tiny", {{"n_embd", width}}, "n_embd");
  }
  refused("gpt2-tiny", {{"n_embd", std::int64_t{1} << 62}}, "width");
  for (const double share : {2.0, 1e300, 0.0, -0.5})
    refused("llama3-tiny", {{"partial_rotary_factor", share}}, "share");
  refused("llama3-tiny", {{"rope_theta", -1.0}}, "base of the rotary");
  refused("llama3-tiny", {{"rms_norm_eps", -1e-5}}, "epsilon");
  put(folder_ / "config.json", "{");
  EXPECT_TRUE(says(error_of([&] { (void)read_foreign_config(folder_.path()); }), "JSON"));
}

TEST_F(ForeignFolder, ReadsTheWaysOfSayingTheSame) {
  const ModelConfig llama = read_foreign_config(fixture("llama3-tiny")).config;
  EXPECT_EQ(llama.rope_scaling, (RopeScaling{8.0, 1.0, 4.0, 64}));
  config("llama3-tiny", {{"rope_scaling", nullptr},
                         {"rope_theta", nullptr},
                         {"rope_parameters",
                          {{"rope_theta", 500000.0},
                           {"rope_type", "llama3"},
                           {"factor", 8.0},
                           {"low_freq_factor", 1.0},
                           {"high_freq_factor", 4.0},
                           {"original_max_position_embeddings", 64}}}});
  EXPECT_EQ(read_foreign_config(folder_.path()).config, llama);
  config("llama3-tiny", {{"attention_bias", true}, {"mlp_bias", true}, {"rope_scaling", {{"type", "default"}}}});
  const ModelConfig biased = read_foreign_config(folder_.path()).config;
  EXPECT_TRUE(biased.qkv_bias && biased.linear_bias);
  EXPECT_EQ(biased.rope_scaling, RopeScaling());
  config("pythia-tiny", {{"use_parallel_residual", false}, {"hidden_act", "gelu_new"}, {"rotary_pct", 1.0}});
  const ModelConfig neox = read_foreign_config(folder_.path()).config;
  EXPECT_FALSE(neox.parallel_residual);
  EXPECT_EQ(neox.activation, Activation::gelu);
  EXPECT_EQ(neox.rotated_width(), 16);
  config("mistral-tiny", {{"sliding_window", nullptr}});
  EXPECT_EQ(read_foreign_config(folder_.path()).config, read_foreign_config(fixture("mistral-tiny")).config);
  config("smollm3-tiny", {{"no_rope_layers", nullptr}});
  EXPECT_EQ(read_foreign_config(folder_.path()).config, read_foreign_config(fixture("smollm3-tiny")).config);
  config("smollm3-tiny", {{"no_rope_layers", {1, 1, 1, 1}}});
  EXPECT_EQ(read_foreign_config(folder_.path()).config.unrotated_every, 0);
  config("gpt2-tiny", {{"activation_function", "gelu"}});
  EXPECT_EQ(read_foreign_config(folder_.path()).config.activation, Activation::gelu_erf);
}

TEST_F(ForeignFolder, EndTokensAreThoseOfGenerationConfigIfItSays) {
  config("llama3-tiny", {{"eos_token_id", 7}});
  const auto ends = [&] { return read_foreign_config(folder_.path()).end_tokens; };
  EXPECT_EQ(ends(), std::vector<std::int32_t>{7});
  put(folder_ / "generation_config.json", R"({"eos_token_id": [5, 9]})");
  EXPECT_EQ(ends(), (std::vector<std::int32_t>{5, 9}));
  put(folder_ / "generation_config.json", R"({"eos_token_id": 4, "max_length": Infinity})");
  EXPECT_EQ(ends(), std::vector<std::int32_t>{4});
  put(folder_ / "generation_config.json", R"({"do_sample": true})");
  EXPECT_EQ(ends(), std::vector<std::int32_t>{7});
  put(folder_ / "generation_config.json", R"({"eos_token_id": ["5"]})");
  EXPECT_TRUE(says(error_of([&] { (void)ends(); }), "eos_token_id"));
}

TEST_F(ForeignFolder, LinksOutOfTheFolderAreNotFollowed) {
  Folder other;
  fs::copy_file(fixture("llama3-tiny") / "model.safetensors", other / "model.safetensors");
  config("llama3-tiny");
  fs::create_symlink(other / "model.safetensors", folder_ / "model.safetensors");
  EXPECT_TRUE(says(error_of([&] { (void)load(); }), "a symbolic link leads out of its folder"));
  fs::rename(folder_ / "model.safetensors", folder_ / "part.safetensors");
  Json index = {{"weight_map", Json::object()}};
  for (const Stored& tensor : tensors_of("llama3-tiny")) index["weight_map"][tensor.name] = "part.safetensors";
  put(folder_ / "model.safetensors.index.json", index.dump());
  EXPECT_TRUE(says(error_of([&] { (void)load(); }), "a symbolic link leads out of its folder"));
  for (const char* name : {"../x.safetensors", "/etc/x.safetensors", "..", ""}) {
    index["weight_map"].begin().value() = name;
    put(folder_ / "model.safetensors.index.json", index.dump());
    EXPECT_TRUE(says(error_of([&] { (void)load(); }), "does not lie in its folder")) << name;
  }
}

TEST_F(ForeignFolder, AnExportDoesNotCopyWhatALinkLeadsTo) {
  Folder other, out;
  put(other / "secret", "s");
  config("llama3-tiny");
  fs::copy_file(fixture("llama3-tiny") / "model.safetensors", folder_ / "model.safetensors");
  fs::create_symlink(other / "secret", folder_ / "LICENSE");
  const ForeignModel model = read_foreign_config(folder_.path());
  const at::Tensor weights = load(at::kFloat);
  EXPECT_TRUE(
      says(error_of([&] { export_like(folder_.path(), model, ParameterTable(model.config), weights, out / "copy"); }),
           "a symbolic link leads out of its folder"));
  EXPECT_FALSE(fs::exists(out / "copy/LICENSE"));
}

TEST_F(ForeignFolder, ATinyFolderThatClaimsTerabytesIsRefusedBeforeAnythingIsAllocated) {
  config("llama3-tiny", {{"hidden_size", 1 << 22},
                         {"num_attention_heads", 4096},
                         {"num_key_value_heads", 4096},
                         {"head_dim", 1024},
                         {"vocab_size", 1 << 27},
                         {"intermediate_size", 1 << 22},
                         {"num_hidden_layers", 4096},
                         {"max_position_embeddings", 1 << 28}});
  fs::copy_file(fixture("llama3-tiny") / "model.safetensors", folder_ / "model.safetensors");
  const ForeignModel model = read_foreign_config(folder_.path());
  EXPECT_GT(ParameterTable(model.config).total(), std::int64_t{1} << 48);
  EXPECT_TRUE(says(error_of([&] { (void)load(); }), "the tensors are not those of config.json"));
  for (const char* key : {"hidden_size", "num_hidden_layers", "vocab_size", "max_position_embeddings"}) {
    config("llama3-tiny", {{key, std::int64_t{1} << 60}});
    EXPECT_NE(std::string(error_of([&] { (void)read_foreign_config(folder_.path()); }).what()).find("out of range"),
              std::string::npos)
        << key;
  }
}

TEST_F(ForeignFolder, InfinityMattersOnlyWhereItIsRead) {
  const std::string text = read_file(fixture("llama3-tiny") / "config.json");
  const auto with = [&](const std::string& member) {
    put(folder_ / "config.json", "{" + member + "," + text.substr(text.find('{') + 1));
  };
  with(R"("some_limit": Infinity, "other": [-Infinity, NaN])");
  EXPECT_EQ(read_foreign_config(folder_.path()).config, read_foreign_config(fixture("llama3-tiny")).config);
  with(R"("partial_rotary_factor": Infinity)");
  EXPECT_TRUE(says(error_of([&] { (void)read_foreign_config(folder_.path()); }), "partial_rotary_factor"));
  put(folder_ / "config.json", text + '\0' + text);
  const Error nul = error_of([&] { (void)read_foreign_config(folder_.path()); });
  EXPECT_TRUE(says(nul, "a NUL byte"));
  EXPECT_TRUE(nul.where().starts_with((folder_ / "config.json").string() + ":" +
                                      std::to_string(1 + std::count(text.begin(), text.end(), '\n')) + ":"))
      << nul.where();
}

TEST_F(ForeignFolder, ATiedModelMayStoreItsHeadAlone) {
  for (const auto& [model, embedding, prefix] : {std::tuple{"qwen2-tiny", "model.embed_tokens.weight", ""},
                                                 std::tuple{"gpt2-tiny", "transformer.wte.weight", ""},
                                                 std::tuple{"gpt2-tiny", "transformer.wte.weight", "transformer."}}) {
    config(model);
    std::vector<Stored> tensors = tensors_of(model);
    for (Stored& tensor : tensors) {
      if (tensor.name == embedding) tensor.name = "lm_head.weight";
      if (*prefix != '\0' && tensor.name.starts_with(prefix)) tensor.name.erase(0, std::string(prefix).size());
    }
    store(folder_ / "model.safetensors", tensors);
    EXPECT_TRUE(load().equal(original(model))) << model;
    Folder out;
    const ForeignModel foreign = read_foreign_config(folder_.path());
    export_like(folder_.path(), foreign, ParameterTable(foreign.config), load(at::kFloat), out / "copy");
    EXPECT_EQ(read_file(out / "copy/model.safetensors"), read_file(folder_ / "model.safetensors"));
  }
  config("qwen2-tiny-untied");
  std::vector<Stored> tensors = tensors_of("qwen2-tiny-untied");
  std::erase_if(tensors, [](const Stored& tensor) { return tensor.name == "model.embed_tokens.weight"; });
  store(folder_ / "model.safetensors", tensors);
  EXPECT_TRUE(says(error_of([&] { (void)load(); }), "missing: model.embed_tokens.weight"));
}

TEST_F(ForeignFolder, ExportCarriesEveryFileButWeightsOfOtherFormats) {
  config("gpt2-tiny");
  store(folder_ / "model.safetensors", tensors_of("gpt2-tiny"));
  std::map<std::string, std::string> companions;
  for (const std::string name :
       {"chat_template.jinja", "added_tokens.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
        "LICENSE", "README.md", "merges.txt", "generation_config.json", "additional_chat_templates/tool_use.jinja"}) {
    companions[name] = name == "tokenizer.model" ? std::string("\x0a\0\xff", 3) : "{\"of\": \"" + name + "\"}";
    folder_.write(name, companions[name]);
  }
  folder_.write(".cache/blob", "notice");  // links are followed within the folder, and in a hub's cache
  fs::create_symlink(".cache/blob", folder_ / "NOTICE");
  companions["NOTICE"] = "notice";
  for (const std::string name : {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.gguf",
                                 "expected.safetensors", ".gitattributes", "onnx/model.onnx"})
    folder_.write(name, "stale");
  Folder out;
  const ForeignModel foreign = read_foreign_config(folder_.path());
  export_like(folder_.path(), foreign, ParameterTable(foreign.config), load(at::kFloat), out / "copy");
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(out / "copy")) {
    if (entry.is_regular_file())
      found[entry.path().lexically_relative(out / "copy").string()] = read_file(entry.path());
  }
  EXPECT_TRUE(found.erase("config.json") == 1 && found.erase("model.safetensors") == 1);
  EXPECT_EQ(found, companions);
}

TEST_F(ForeignFolder, ListsAllTensorsThatAreWrong) {
  config("llama3-tiny");
  std::vector<Stored> tensors = tensors_of("llama3-tiny");
  const auto named = [&](const std::string& name) {
    return std::find_if(tensors.begin(), tensors.end(), [&](const Stored& t) { return t.name == name; });
  };
  tensors.erase(named("model.norm.weight"));
  tensors.erase(named("model.layers.1.mlp.up_proj.weight"));
  Stored& square = *named("model.layers.0.mlp.down_proj.weight");
  std::swap(square.shape[0], square.shape[1]);
  named("model.layers.2.input_layernorm.weight")->type = DType::i32;
  tensors.push_back({"model.layers.0.self_attn.q_norm.weight", DType::f32, {1}, std::vector<std::byte>(4)});
  tensors.push_back({"model.layers.9.self_attn.rotary_emb.cos", DType::f32, {1}, std::vector<std::byte>(4)});
  store(folder_ / "model.safetensors", tensors);
  const Error error = error_of([&] { (void)load(); });
  EXPECT_TRUE(says(error, "missing: model.layers.1.mlp.up_proj.weight, model.norm.weight"));
  EXPECT_TRUE(says(error, "misshapen: model.layers.0.mlp.down_proj.weight"));
  EXPECT_TRUE(says(error, "not floating-point: model.layers.2.input_layernorm.weight"));
  EXPECT_TRUE(says(error, "model.layers.0.self_attn.q_norm.weight"));
  EXPECT_TRUE(says(error, "model.layers.9.self_attn.rotary_emb.cos"));
  EXPECT_TRUE(says(error, "surplus"));
}

TEST_F(ForeignFolder, KnownBuffersAreAcceptedAndOthersNot) {
  const std::vector<std::tuple<std::string, std::vector<std::string>, std::string>> cases = {
      {"pythia-tiny",
       {"gpt_neox.layers.0.attention.bias", "gpt_neox.layers.1.attention.masked_bias",
        "gpt_neox.layers.1.attention.rotary_emb.inv_freq"},
       "gpt_neox.layers.x.attention.bias"},
      {"gpt2-tiny", {"transformer.h.0.attn.bias", "transformer.h.2.attn.masked_bias"}, "transformer.h.0.attn.biases"},
      {"llama3-tiny", {"model.layers.0.self_attn.rotary_emb.inv_freq"}, "model.layers.0.attn.bias"}};
  for (const auto& [name, buffers, stranger] : cases) {
    config(name);
    std::vector<Stored> tensors = tensors_of(name);
    for (const std::string& buffer : buffers)
      tensors.push_back({buffer, DType::boolean, {2, 2}, std::vector<std::byte>(4)});
    store(folder_ / "model.safetensors", tensors);
    EXPECT_TRUE(load().equal(original(name))) << name;
    tensors.push_back({stranger, DType::f32, {1}, std::vector<std::byte>(4)});
    store(folder_ / "model.safetensors", tensors);
    EXPECT_TRUE(says(error_of([&] { (void)load(); }), "surplus: " + stranger));
  }
}

TEST_F(ForeignFolder, PublishedGpt2NamesLackThePrefix) {
  config("gpt2-tiny");
  std::vector<Stored> tensors = tensors_of("gpt2-tiny");
  for (Stored& tensor : tensors) tensor.name.erase(0, std::string("transformer.").size());
  tensors.push_back({"h.0.attn.bias", DType::f32, {1, 1, 2, 2}, std::vector<std::byte>(16)});
  store(folder_ / "model.safetensors", tensors);
  EXPECT_TRUE(load().equal(original("gpt2-tiny")));
}

TEST_F(ForeignFolder, ARepeatedHeadOfATiedModelMustBeTheEmbedding) {
  config("qwen2-tiny");
  std::vector<Stored> tensors = tensors_of("qwen2-tiny");
  Stored head = *std::find_if(tensors.begin(), tensors.end(),
                              [](const Stored& t) { return t.name == "model.embed_tokens.weight"; });
  head.name = "lm_head.weight";
  tensors.push_back(head);
  store(folder_ / "model.safetensors", tensors);
  EXPECT_TRUE(load().equal(original("qwen2-tiny")));
  tensors.back().bytes[0] ^= std::byte{1};
  store(folder_ / "model.safetensors", tensors);
  EXPECT_TRUE(says(error_of([&] { (void)load(); }), "lm_head.weight"));
}

}  // namespace
}  // namespace stet
