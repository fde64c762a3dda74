#include <stet/hugging_face/llama_config.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace stet {

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

namespace {

/// What all of them have.
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

}  // namespace

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

ModelConfig read_mistral(const ConfigReader& json) {
  ModelConfig c = read_llama_like(json, false);
  const auto window = json.get<std::int64_t>("sliding_window", 0);
  if (window > 0 && window < c.context) {
    throw Error(ErrorKind::data, "attention within a sliding window, which we do not compute")
        .at(json.file())
        .expected("sliding_window null, or at least max_position_embeddings = " + std::to_string(c.context))
        .received(std::to_string(window))
        .hint("for texts that are shorter than the window nothing changes: set max_position_embeddings to it");
  }
  return c;
}

ModelConfig read_qwen3(const ConfigReader& json) {
  json.expect("use_sliding_window", {false});
  json.expect("attention_bias", {false});
  ModelConfig c = read_llama_like(json, false);
  if (c.head_width == 0) c.head_width = 128;  // the library's default for this architecture alone
  c.query_key_norm = QueryKeyNorm::head;
  return c;
}

ModelConfig read_olmo2(const ConfigReader& json) {
  json.expect("attention_bias", {false});
  ModelConfig c = read_llama_like(json, false);
  c.query_key_norm = QueryKeyNorm::whole;
  c.norm_after = true;
  return c;
}

/// Blocks without rotation, as a list of 0 and 1 or as an interval.
ModelConfig read_smollm3(const ConfigReader& json) {
  json.expect("use_sliding_window", {false});
  json.expect("sliding_window", {});
  json.expect("attention_bias", {false});
  json.expect("mlp_bias", {false});
  ModelConfig c = read_llama_like(json, false);
  c.unrotated_every = json.get<std::int64_t>("no_rope_layer_interval", 4);
  if (c.unrotated_every < 0)
    throw Error(ErrorKind::data, "unsupported value of 'no_rope_layer_interval'")
        .at(json.file())
        .received(std::to_string(c.unrotated_every));
  const std::optional<std::vector<std::int64_t>> list = json.whole_numbers("no_rope_layers");
  if (!list) return c;
  // Of a list without any 0, or with one block alone, no interval can be told.
  if (std::find(list->begin(), list->end(), 0) == list->end()) c.unrotated_every = 0;
  for (std::size_t l = 0; l < list->size(); ++l) {
    if (list->size() == static_cast<std::size_t>(c.layers) &&
        ((*list)[l] != 0) == c.rotates(static_cast<std::int64_t>(l)))
      continue;
    throw Error(ErrorKind::data, "unsupported value of 'no_rope_layers'")
        .at(json.file())
        .expected("0 for every no_rope_layer_interval-th block, 1 for the others")
        .received(std::to_string((*list)[l]) + " for block " + std::to_string(l) + " of " + std::to_string(c.layers));
  }
  return c;
}

}  // namespace stet
