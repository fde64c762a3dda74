// read_foreign_config(): config.json of each architecture that we know. A field that changes what a model computes is
// either expressed by ModelConfig or must have the value under which it changes nothing; it is never ignored.
#include <stet/hugging_face/config_reader.hpp>
#include <stet/hugging_face/hugging_face.hpp>
#include <stet/hugging_face/llama_config.hpp>

#include <stet/base/error.hpp>
#include <stet/text/end_token.hpp>

#include <cstdint>
#include <string>

namespace stet {

namespace {

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
  } else if (type == "mistral") {
    model.config = read_mistral(json);
  } else if (type == "qwen3") {
    model.config = read_qwen3(json);
  } else if (type == "olmo2") {
    model.config = read_olmo2(json);
  } else if (type == "smollm3") {
    model.config = read_smollm3(json);
  } else if (type == "gpt2") {
    model.config = read_gpt2(json);
  } else if (type == "gpt_neox") {
    model.config = read_gpt_neox(json);
  } else {
    throw Error(ErrorKind::data, "unknown architecture")
        .at(json.file())
        .expected("model_type gpt2, gpt_neox, llama, mistral, olmo2, qwen2, qwen3 or smollm3")
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
