// read_foreign_config(): config.json of each architecture that we know. A field that changes what a model computes is
// either expressed by ModelConfig or must have the value under which it changes nothing; it is never ignored.
#include <stet/hugging_face/hugging_face.hpp>

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/text/end_token.hpp>
#include <stet/text/json.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace stet {

namespace {

using Json = nlohmann::json;

class ConfigReader {
 public:
  explicit ConfigReader(const std::filesystem::path& file)
      : file_(file.string()), json_(parse_json(read_file(file), file_, NonFinite::as_text)) {
    if (!json_.is_object()) throw Error(ErrorKind::data, "config.json is not an object").at(file_);
  }
  ConfigReader(std::string file, Json object) : file_(std::move(file)), json_(std::move(object)) {}

  [[nodiscard]] bool has(const char* key) const { return json_.contains(key) && !json_[key].is_null(); }
  template <class T>
  [[nodiscard]] T get(const char* key) const {
    if (!json_.contains(key)) throw Error(ErrorKind::data, std::string("missing field '") + key + "'").at(file_);
    return convert<T>(key);
  }
  template <class T>
  [[nodiscard]] T get(const char* key, T fallback) const {
    return has(key) ? convert<T>(key) : fallback;
  }
  /// Absent, null, or one of `values`.
  void expect(const char* key, std::initializer_list<Json> values) const {
    if (!has(key)) return;
    std::string allowed;
    for (const Json& value : values) {
      if (json_[key] == value) return;
      allowed += (allowed.empty() ? "" : " or ") + value.dump();
    }
    throw Error(ErrorKind::data, std::string("unsupported value of '") + key + "'")
        .at(file_)
        .expected(allowed.empty() ? "null" : allowed)
        .received(json_[key].dump());
  }
  /// The object under a key; absent or null: nothing.
  [[nodiscard]] std::optional<ConfigReader> object(const char* key) const {
    if (!has(key)) return std::nullopt;
    if (!json_[key].is_object())
      throw Error(ErrorKind::data, std::string("field '") + key + "' is not an object").at(file_);
    return ConfigReader(file_ + ", " + key, json_[key]);
  }
  /// Every element of the list under a key, if there is one, is `value`.
  void expect_all(const char* key, const Json& value) const {
    if (!has(key)) return;
    for (const Json& element : json_[key]) {
      if (element != value) {
        throw Error(ErrorKind::data, std::string("unsupported value in '") + key + "'")
            .at(file_)
            .expected(value.dump())
            .received(element.dump());
      }
    }
  }
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  template <class T>
  [[nodiscard]] T convert(const char* key) const {
    const Json& value = json_[key];
    if constexpr (std::is_same_v<T, bool>) {
      if (value.is_boolean()) return value.get<bool>();
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (value.is_string()) return value.get<std::string>();
    } else if constexpr (std::is_same_v<T, double>) {
      if (value.is_number()) return value.get<double>();
    } else {
      if (const std::optional<std::int64_t> number = as_whole(value)) return *number;
    }
    throw Error(ErrorKind::data, std::string("field '") + key + "' has the wrong type")
        .at(file_)
        .received(value.dump());
  }
  std::string file_;
  Json json_;
};

/// The numbers whose limits are the model schema's, for files that never meet it.
void check_numbers(const ModelConfig& c, const std::string& file) {
  const auto check = [&file](const char* what, bool good, double received) {
    if (good) return;
    throw Error(ErrorKind::data, std::string("a value that makes no sense: ") + what)
        .at(file)
        .received(std::to_string(received));
  };
  check("the share of a head that rotates, not in (0, 1]", c.rope_share > 0 && c.rope_share <= 1, c.rope_share);
  check("the base of the rotary frequencies, below 1", c.rope_base >= 1, c.rope_base);
  check("the norm's epsilon, negative", c.norm_epsilon >= 0, c.norm_epsilon);
  const RopeScaling& scaling = c.rope_scaling;
  check("the factor of rope_scaling, below 1", scaling.factor >= 1, scaling.factor);
  check("low_freq_factor of rope_scaling, not positive", scaling.low_factor > 0, scaling.low_factor);
  check("high_freq_factor of rope_scaling, not positive", scaling.high_factor > 0, scaling.high_factor);
  check("original_max_position_embeddings, not positive", scaling.original_context >= 1,
        static_cast<double>(scaling.original_context));
}

/// `rope_scaling`, or `rope_parameters` of newer files, which also holds the base.
void read_rope(const ConfigReader& json, ModelConfig& c, bool scaling_allowed) {
  c.rope_base = json.get<double>("rope_theta", 10000.0);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const std::optional<ConfigReader> rope = json.object(key);
    if (!rope) continue;
    c.rope_base = rope->get<double>("rope_theta", c.rope_base);
    c.rope_share = rope->get<double>("partial_rotary_factor", c.rope_share);
    const char* const type_key = rope->has("rope_type") ? "rope_type" : "type";
    if (!scaling_allowed || rope->get<std::string>(type_key) != "llama3") {
      if (scaling_allowed) rope->expect(type_key, {"default", "llama3"});
      if (!scaling_allowed) rope->expect(type_key, {"default"});
      continue;
    }
    c.rope_scaling.factor = rope->get<double>("factor");
    c.rope_scaling.low_factor = rope->get<double>("low_freq_factor");
    c.rope_scaling.high_factor = rope->get<double>("high_freq_factor");
    c.rope_scaling.original_context = rope->get<std::int64_t>("original_max_position_embeddings");
  }
}

/// What Llama and Qwen2 have in common.
ModelConfig read_llama_like(const ConfigReader& json, bool scaling_allowed) {
  json.expect("hidden_act", {"silu", "swish"});
  json.expect_all("layer_types", "full_attention");
  ModelConfig c;
  c.vocabulary = json.get<std::int64_t>("vocab_size");
  c.width = json.get<std::int64_t>("hidden_size");
  c.layers = json.get<std::int64_t>("num_hidden_layers");
  c.heads = json.get<std::int64_t>("num_attention_heads");
  c.kv_heads = json.get<std::int64_t>("num_key_value_heads", c.heads);
  c.head_width = json.get<std::int64_t>("head_dim", 0);
  c.feed_forward = json.get<std::int64_t>("intermediate_size");
  c.context = json.get<std::int64_t>("max_position_embeddings");
  c.norm_epsilon = json.get<double>("rms_norm_eps", 1e-6);
  c.tied_head = json.get<bool>("tie_word_embeddings", false);
  c.positions = Positions::rotary;
  c.norm = Norm::rms;
  c.activation = Activation::swiglu;
  c.rope_share = json.get<double>("partial_rotary_factor", 1.0);
  read_rope(json, c, scaling_allowed);
  return c;
}

ModelConfig read_qwen2(const ConfigReader& json) {
  json.expect("use_sliding_window", {false});
  ModelConfig c = read_llama_like(json, false);
  c.qkv_bias = true;
  return c;
}

ModelConfig read_llama(const ConfigReader& json) {
  json.expect("sliding_window", {});
  json.expect("use_sliding_window", {false});
  ModelConfig c = read_llama_like(json, true);
  // Llama's attention_bias is that of all four projections; ours of the output goes with the feed-forward layers'.
  c.qkv_bias = json.get<bool>("attention_bias", false);
  c.linear_bias = json.get<bool>("mlp_bias", false);
  if (c.qkv_bias != c.linear_bias) {
    throw Error(ErrorKind::data, "unsupported combination of 'attention_bias' and 'mlp_bias'")
        .at(json.file())
        .expected("both true or both false")
        .received(std::string("attention_bias ") + (c.qkv_bias ? "true" : "false") + ", mlp_bias " +
                  (c.linear_bias ? "true" : "false"));
  }
  return c;
}

Activation read_gelu(const ConfigReader& json, const char* key, const char* fallback) {
  json.expect(key, {"gelu", "gelu_new", "gelu_pytorch_tanh"});
  return json.get<std::string>(key, fallback) == "gelu" ? Activation::gelu_erf : Activation::gelu;
}

ModelConfig read_gpt2(const ConfigReader& json) {
  json.expect("scale_attn_weights", {true});
  json.expect("scale_attn_by_inverse_layer_idx", {false});
  json.expect("add_cross_attention", {false});
  ModelConfig c;
  c.vocabulary = json.get<std::int64_t>("vocab_size");
  c.width = json.get<std::int64_t>("n_embd");
  c.layers = json.get<std::int64_t>("n_layer");
  c.heads = json.get<std::int64_t>("n_head");
  c.feed_forward = json.get<std::int64_t>("n_inner", 0);  // complete() makes it 4 times the width
  c.context = json.get<std::int64_t>("n_positions");
  c.norm_epsilon = json.get<double>("layer_norm_epsilon", 1e-5);
  c.tied_head = json.get<bool>("tie_word_embeddings", true);
  c.positions = Positions::learned;
  c.norm = Norm::layer;
  c.activation = read_gelu(json, "activation_function", "gelu_new");
  c.qkv_bias = c.linear_bias = true;
  return c;
}

ModelConfig read_gpt_neox(const ConfigReader& json) {
  json.expect("attention_bias", {true});
  ModelConfig c;
  c.vocabulary = json.get<std::int64_t>("vocab_size");
  c.width = json.get<std::int64_t>("hidden_size");
  c.layers = json.get<std::int64_t>("num_hidden_layers");
  c.heads = json.get<std::int64_t>("num_attention_heads");
  c.feed_forward = json.get<std::int64_t>("intermediate_size");
  c.context = json.get<std::int64_t>("max_position_embeddings");
  c.norm_epsilon = json.get<double>("layer_norm_eps", 1e-5);
  c.tied_head = json.get<bool>("tie_word_embeddings", false);
  c.positions = Positions::rotary;
  c.norm = Norm::layer;
  c.activation = read_gelu(json, "hidden_act", "gelu");
  c.qkv_bias = c.linear_bias = true;
  c.parallel_residual = json.get<bool>("use_parallel_residual", true);
  c.rope_share = json.get<double>("rotary_pct", json.get<double>("partial_rotary_factor", 0.25));
  read_rope(json, c, false);
  if (!json.has("rope_theta") && !json.object("rope_parameters"))
    c.rope_base = json.get<double>("rotary_emb_base", 10000.0);
  return c;
}

}  // namespace

ForeignModel read_foreign_config(const std::filesystem::path& folder) {
  const ConfigReader json(folder / "config.json");
  const auto type = json.get<std::string>("model_type");
  json.expect("quantization_config", {});
  ForeignModel model{type, {}, read_end_ids(folder)};
  if (type == "qwen2") {
    model.config = read_qwen2(json);
  } else if (type == "llama") {
    model.config = read_llama(json);
  } else if (type == "gpt2") {
    model.config = read_gpt2(json);
  } else if (type == "gpt_neox") {
    model.config = read_gpt_neox(json);
  } else {
    throw Error(ErrorKind::data, "unknown architecture")
        .at(json.file())
        .expected("model_type gpt2, gpt_neox, llama or qwen2")
        .received(type);
  }
  check_numbers(model.config, json.file());
  try {
    model.config.complete();
  } catch (Error& error) {
    throw Error(ErrorKind::data, error.message()).at(json.file()).hint("config.json gives a shape that makes no sense");
  }
  return model;
}

}  // namespace stet
