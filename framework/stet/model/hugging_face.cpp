#include <stet/model/hugging_face.hpp>

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/base/strings.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <set>

namespace stet {

namespace {

using Json = nlohmann::json;

class ConfigReader {
 public:
  explicit ConfigReader(const std::filesystem::path& file) : file_(file.string()) {
    try {
      json_ = Json::parse(read_file(file));
    } catch (const Json::exception& error) {
      throw Error(ErrorKind::data, "not valid JSON").at(file_).received(error.what());
    }
    if (!json_.is_object()) throw Error(ErrorKind::data, "config.json is not an object").at(file_);
  }

  template <class T>
  [[nodiscard]] T get(const char* key) const {
    if (!json_.contains(key)) throw Error(ErrorKind::data, std::string("missing field '") + key + "'").at(file_);
    return convert<T>(key);
  }
  template <class T>
  [[nodiscard]] T get(const char* key, T fallback) const {
    return json_.contains(key) && !json_[key].is_null() ? convert<T>(key) : fallback;
  }
  void expect(const char* key, const Json& value) const {
    if (json_.contains(key) && !json_[key].is_null() && json_[key] != value) {
      throw Error(ErrorKind::data, std::string("unsupported value of '") + key + "'")
          .at(file_)
          .expected(value.dump())
          .received(json_[key].dump());
    }
  }
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  template <class T>
  [[nodiscard]] T convert(const char* key) const {
    try {
      return json_[key].get<T>();
    } catch (const Json::exception&) {
      throw Error(ErrorKind::data, std::string("field '") + key + "' has the wrong type").at(file_).received(json_[key].dump());
    }
  }
  std::string file_;
  Json json_;
};

ModelConfig read_qwen2(const ConfigReader& json) {
  json.expect("hidden_act", "silu");
  json.expect("use_sliding_window", false);
  json.expect("rope_scaling", nullptr);
  ModelConfig c;
  c.vocabulary = json.get<std::int64_t>("vocab_size");
  c.width = json.get<std::int64_t>("hidden_size");
  c.layers = json.get<std::int64_t>("num_hidden_layers");
  c.heads = json.get<std::int64_t>("num_attention_heads");
  c.kv_heads = json.get<std::int64_t>("num_key_value_heads", c.heads);
  c.feed_forward = json.get<std::int64_t>("intermediate_size");
  c.context = json.get<std::int64_t>("max_position_embeddings");
  c.norm_epsilon = json.get<double>("rms_norm_eps");
  c.rope_base = json.get<double>("rope_theta", 10000.0);
  c.tied_head = json.get<bool>("tie_word_embeddings", false);
  c.positions = Positions::rotary;
  c.norm = Norm::rms;
  c.activation = Activation::swiglu;
  c.qkv_bias = true;
  return c;
}

ModelConfig read_gpt2(const ConfigReader& json) {
  json.expect("activation_function", "gelu_new");
  json.expect("scale_attn_by_inverse_layer_idx", false);
  ModelConfig c;
  c.vocabulary = json.get<std::int64_t>("vocab_size");
  c.width = json.get<std::int64_t>("n_embd");
  c.layers = json.get<std::int64_t>("n_layer");
  c.heads = json.get<std::int64_t>("n_head");
  c.feed_forward = json.get<std::int64_t>("n_inner", 4 * c.width);
  c.context = json.get<std::int64_t>("n_positions");
  c.norm_epsilon = json.get<double>("layer_norm_epsilon", 1e-5);
  c.tied_head = json.get<bool>("tie_word_embeddings", true);
  c.positions = Positions::learned;
  c.norm = Norm::layer;
  c.activation = Activation::gelu;
  c.qkv_bias = c.linear_bias = true;
  return c;
}

}  // namespace

ForeignModel read_foreign_config(const std::filesystem::path& folder) {
  const ConfigReader json(folder / "config.json");
  const auto type = json.get<std::string>("model_type");
  ForeignModel model{type, {}};
  if (type == "qwen2") {
    model.config = read_qwen2(json);
  } else if (type == "gpt2") {
    model.config = read_gpt2(json);
  } else {
    throw Error(ErrorKind::data, "unknown architecture").at(json.file()).expected("model_type gpt2 or qwen2").received(type);
  }
  model.config.complete();
  return model;
}

std::vector<ForeignTensor> foreign_layout(const ForeignModel& model, const ParameterTable& table) {
  std::vector<ForeignTensor> layout;
  if (model.architecture != "gpt2") {
    for (std::size_t i = 0; i < table.size(); ++i) layout.push_back({table[i].name, {i}, false});
    return layout;
  }
  const auto index = [&table](const std::string& name) {
    const int i = table.index_of(name);
    STET_ASSERT(i >= 0);
    return static_cast<std::size_t>(i);
  };
  const std::string t = "transformer.";
  layout.push_back({t + "wte.weight", {index("model.embed_tokens.weight")}});
  layout.push_back({t + "wpe.weight", {index("model.embed_positions.weight")}});
  for (std::int64_t l = 0; l < model.config.layers; ++l) {
    const std::string ours = "model.layers." + std::to_string(l) + ".", theirs = t + "h." + std::to_string(l) + ".";
    for (const std::string kind : {"weight", "bias"}) {
      const bool matrix = kind == "weight";
      layout.push_back({theirs + "ln_1." + kind, {index(ours + "input_layernorm." + kind)}});
      layout.push_back({theirs + "attn.c_attn." + kind,
                        {index(ours + "self_attn.q_proj." + kind), index(ours + "self_attn.k_proj." + kind),
                         index(ours + "self_attn.v_proj." + kind)},
                        matrix});
      layout.push_back({theirs + "attn.c_proj." + kind, {index(ours + "self_attn.o_proj." + kind)}, matrix});
      layout.push_back({theirs + "ln_2." + kind, {index(ours + "post_attention_layernorm." + kind)}});
      layout.push_back({theirs + "mlp.c_fc." + kind, {index(ours + "mlp.up_proj." + kind)}, matrix});
      layout.push_back({theirs + "mlp.c_proj." + kind, {index(ours + "mlp.down_proj." + kind)}, matrix});
    }
  }
  for (const std::string kind : {"weight", "bias"}) layout.push_back({t + "ln_f." + kind, {index("model.norm." + kind)}});
  if (!model.config.tied_head) layout.push_back({"lm_head.weight", {index("lm_head.weight")}});
  return layout;
}

at::Tensor to_foreign(const ForeignTensor& tensor, const ParameterTable& table, const at::Tensor& flat) {
  std::vector<at::Tensor> parts;
  for (const std::size_t i : tensor.parts) parts.push_back(table.view(flat, i));
  at::Tensor stacked = parts.size() == 1 ? parts[0] : at::cat(parts, 0);
  return tensor.transposed ? stacked.t() : stacked;
}

at::Tensor read_tensor(const TensorFile& file, const TensorInfo& info) {
  const std::vector<std::int64_t> shape(info.shape.begin(), info.shape.end());
  const auto source = [&info] {
    switch (info.dtype) {
      case DType::f64: return at::kDouble;
      case DType::f32: return at::kFloat;
      case DType::f16: return at::kHalf;
      case DType::bf16: return at::kBFloat16;
      case DType::i64: return at::kLong;
      case DType::i32: return at::kInt;
      case DType::i16: return at::kShort;
      case DType::i8: return at::kChar;
      case DType::u8: return at::kByte;
      case DType::boolean: return at::kBool;
      default: throw Error(ErrorKind::data, "unsupported dtype of tensor '" + info.name + "'").received(std::string(name_of(info.dtype)));
    }
  }();
  at::Tensor raw = at::empty(shape, source);
  const std::span<const std::byte> bytes = file.bytes(info);
  if (!bytes.empty()) std::memcpy(raw.data_ptr(), bytes.data(), bytes.size());
  return raw.to(at::isFloatingType(source) ? at::kDouble : at::kLong);
}

at::Tensor load_foreign_weights(const std::filesystem::path& folder, const ForeignModel& model,
                                const ParameterTable& table, at::ScalarType type) {
  const TensorFile file = TensorFile::open(folder / "model.safetensors");
  const std::vector<ForeignTensor> layout = foreign_layout(model, table);
  at::Tensor flat = at::zeros({table.total()}, at::kDouble);
  std::vector<std::string> missing, surplus, misshapen;
  std::set<std::string> known;
  for (const ForeignTensor& tensor : layout) {
    known.insert(tensor.name);
    const TensorInfo* info = file.find(tensor.name);
    if (info == nullptr) {
      missing.push_back(tensor.name);
      continue;
    }
    at::Tensor value = read_tensor(file, *info);
    if (value.sizes() != to_foreign(tensor, table, flat).sizes()) {
      misshapen.push_back(tensor.name);
      continue;
    }
    if (tensor.transposed) value = value.t();
    std::int64_t row = 0;
    for (const std::size_t i : tensor.parts) {
      const std::int64_t rows = table[i].shape[0];
      table.view(flat, i).copy_(value.narrow(0, row, rows));
      row += rows;
    }
  }
  for (const TensorInfo& info : file.tensors()) {
    const bool tied_copy = model.config.tied_head && info.name == "lm_head.weight";  // some writers repeat it
    if (!known.contains(info.name) && !tied_copy) surplus.push_back(info.name);
  }
  if (!missing.empty() || !surplus.empty() || !misshapen.empty()) {
    std::string text;
    const auto list = [&text](const char* label, const std::vector<std::string>& names) {
      if (!names.empty()) text += (text.empty() ? "" : "; ") + std::string(label) + ": " + join(names, ", ");
    };
    list("missing", missing);
    list("surplus", surplus);
    list("misshapen", misshapen);
    throw Error(ErrorKind::data, "the tensors are not those of config.json").at(file.path().string()).received(text);
  }
  return flat.to(type);
}

}  // namespace stet
