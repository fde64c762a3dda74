// Foreign folders: what is refused and by which name, weights in several files and in other types, buffers, and export.
#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/base/philox.hpp>
#include <stet/model/hugging_face/foreign_export.hpp>
#include <stet/model/transformer.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <fixtures_folder.hpp>
#include <unit/tensorfile/temporary.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

namespace stet {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

fs::path fixture(const std::string& name) { return fixtures_folder() / "models" / name; }

::testing::AssertionResult says(const Error& error, const std::string& part) {
  if (error.kind() != ErrorKind::data) return ::testing::AssertionFailure() << "kind " << error.exit_code();
  if (std::string(error.what()).find(part) == std::string::npos)
    return ::testing::AssertionFailure() << "'" << part << "' is not in:\n" << error.what();
  return ::testing::AssertionSuccess();
}

struct Stored {
  std::string name;
  DType type;
  std::vector<std::uint64_t> shape;
  std::vector<std::byte> bytes;
};

/// A fixture's tensors in memory, to be changed and written elsewhere.
std::vector<Stored> tensors_of(const std::string& name) {
  const TensorFile file = TensorFile::open(fixture(name) / "model.safetensors");
  std::vector<Stored> result;
  for (const TensorInfo& info : file.tensors()) {
    const auto bytes = file.bytes(info);
    result.push_back({info.name, info.dtype, info.shape, {bytes.begin(), bytes.end()}});
  }
  return result;
}

void store(const fs::path& file, const std::vector<Stored>& tensors) {
  std::vector<TensorView> views;
  for (const Stored& t : tensors) views.push_back({{t.name, t.type, t.shape}, t.bytes});
  write_tensor_file(file, views, {{"format", "pt"}});
}

class ForeignFolder : public ::testing::Test {
 protected:
  /// config.json of the fixture with `changes` merged in (null: as null, not removed).
  void config(const std::string& name, const Json& changes = Json::object()) {
    Json json = Json::parse(read_file(fixture(name) / "config.json"));
    for (const auto& [key, value] : changes.items()) json[key] = value;
    put(folder_ / "config.json", json.dump());
  }
  at::Tensor load(at::ScalarType type = at::kDouble) const {
    const ForeignModel model = read_foreign_config(folder_.path());
    const Transformer transformer(model.config);
    return load_foreign_weights(folder_.path(), model, transformer.table(), type);
  }
  static at::Tensor original(const std::string& name) {
    const ForeignModel model = read_foreign_config(fixture(name));
    return load_foreign_weights(fixture(name), model, ParameterTable(model.config), at::kDouble);
  }
  Folder folder_;
};

TEST_F(ForeignFolder, RefusesWhatItCannotComputeByTheFieldsName) {
  const auto refused = [&](const std::string& name, const Json& changes, const std::string& field) {
    config(name, changes);
    EXPECT_TRUE(says(error_of([&] { (void)read_foreign_config(folder_.path()); }), field)) << changes.dump();
  };
  refused("qwen2-tiny", {{"model_type", "qwen3"}}, "model_type");
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
  Folder elsewhere;  // as a hub's cache has it
  put(elsewhere / "blob", "notice");
  fs::create_symlink(elsewhere / "blob", folder_ / "NOTICE");
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
    EXPECT_EQ(again.architecture, foreign.architecture);
    EXPECT_EQ(again.config, foreign.config);
    EXPECT_TRUE(load_foreign_weights(out / "own", again, table, type).equal(flat));
    EXPECT_EQ(Json::parse(read_file(out / "own/config.json")).at("eos_token_id"), 7);
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Export,
                         ::testing::Values("qwen2-tiny", "qwen2-tiny-untied", "gpt2-tiny", "llama3-tiny",
                                           "pythia-tiny"));

TEST(ExportShapes, EveryShapeIsExpressedExactlyOrRefused) {
  int expressed = 0, refused = 0;
  for (int bits = 0; bits < 1 << 10; ++bits) {
    const auto bit = [bits](int i) { return (bits >> i & 1) != 0; };
    ModelConfig c;
    c.vocabulary = 11;
    c.width = 32;
    c.layers = 1;
    c.positions = bit(0) ? Positions::learned : Positions::rotary;
    c.norm = bit(1) ? Norm::layer : Norm::rms;
    c.activation = bit(2) ? (bit(3) ? Activation::gelu_erf : Activation::gelu) : Activation::swiglu;
    c.qkv_bias = bit(4);
    c.linear_bias = bit(5);
    c.kv_heads = bit(6) ? 2 : 4;
    c.parallel_residual = bit(7);
    if (bit(8)) c.rope_share = 0.5;
    if (bit(9)) c.rope_scaling.factor = 4;
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
