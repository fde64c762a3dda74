#include <stet/model/model_config.hpp>

#include <stet/base/error.hpp>

namespace stet {

namespace {
config::IdentitySchema<RopeScaling> scaling_schema() {
  using config::every_part;
  using config::Limits;
  using R = RopeScaling;
  config::IdentitySchema<R> schema("rope_scaling", "Llama 3's stretching of the rotary frequencies");
  schema.field("factor", &R::factor, every_part, "how much longer the context becomes; 1: no scaling", Limits{.min = 1})
      .field("low_factor", &R::low_factor, every_part, "wavelengths above original_context / low_factor are stretched",
             Limits{.min = 0, .open_min = true})
      .field("high_factor", &R::high_factor, every_part, "wavelengths below original_context / high_factor stay",
             Limits{.min = 0, .open_min = true})
      .field("original_context", &R::original_context, every_part, "context of pre-training",
             Limits{.min = 1, .unit = "tokens"});
  return schema;
}
}  // namespace

config::IdentitySchema<ModelConfig> ModelConfig::schema() {
  using config::every_part;
  using config::Limits;
  using C = ModelConfig;
  config::IdentitySchema<C> schema("model", "shape of the transformer");
  schema.field("width", &C::width, every_part, "width of the residual stream", Limits{.min = 1})
      .field("layers", &C::layers, every_part, "number of blocks", Limits{.min = 1})
      .field("heads", &C::heads, every_part, "attention heads", Limits{.min = 1})
      .field("kv_heads", &C::kv_heads, every_part, "key/value heads; 0: as many as heads", Limits{.min = 0})
      .field("head_width", &C::head_width, every_part, "width of a head; 0: width / heads", Limits{.min = 0})
      .field("feed_forward", &C::feed_forward, every_part, "feed-forward width; 0: chosen from width", Limits{.min = 0})
      .field("context", &C::context, every_part, "longest sequence", Limits{.min = 2, .unit = "tokens"})
      .choice("positions", &C::positions, every_part, {{"learned", Positions::learned}, {"rotary", Positions::rotary}},
              "position encoding")
      .choice("norm", &C::norm, every_part, {{"layer", Norm::layer}, {"rms", Norm::rms}}, "normalization")
      .choice("activation", &C::activation, every_part,
              {{"gelu", Activation::gelu}, {"swiglu", Activation::swiglu}, {"gelu_erf", Activation::gelu_erf}},
              "feed-forward activation")
      .field("qkv_bias", &C::qkv_bias, every_part, "biases of query, key and value projections")
      .field("linear_bias", &C::linear_bias, every_part, "biases of output projection and feed-forward layers")
      .field("tied_head", &C::tied_head, every_part, "the output head is the embedding")
      .field("norm_epsilon", &C::norm_epsilon, every_part, "added to the variance", Limits{.min = 0})
      .field("rope_base", &C::rope_base, every_part, "base of the rotary frequencies", Limits{.min = 1})
      .field("rope_share", &C::rope_share, every_part, "share of a head's width that rotates",
             Limits{.min = 0, .max = 1, .open_min = true})
      .table("rope_scaling", &C::rope_scaling, every_part, scaling_schema())
      .choice("query_key_norm", &C::query_key_norm, config::Identity<C>(every_part).came_later(),
              {{"none", QueryKeyNorm::none}, {"head", QueryKeyNorm::head}, {"whole", QueryKeyNorm::whole}},
              "RMS norms of queries and keys")
      .field("norm_after", &C::norm_after, config::Identity<C>(every_part).came_later(),
             "norms of what attention and feed-forward give, not of what they get")
      .field("unrotated_every", &C::unrotated_every, config::Identity<C>(every_part).came_later(),
             "of so many blocks the last has no rotary positions; 0: all have them", Limits{.min = 0})
      .field("parallel_residual", &C::parallel_residual, every_part,
             "attention and feed-forward both read the block's input")
      .field("init_scale", &C::init_scale, every_part, "standard deviation of initial weights",
             Limits{.min = 0, .open_min = true});
  return schema;
}

void ModelConfig::complete() {
  const auto refuse = [](const std::string& what, const std::string& expected, std::int64_t received) {
    throw Error(ErrorKind::config, "model." + what).expected(expected).received(std::to_string(received));
  };
  const auto limit = [&](const char* name, std::int64_t value, std::int64_t least, std::int64_t most) {
    if (value < least || value > most) {
      refuse(std::string(name) + " is out of range", std::to_string(least) + " to " + std::to_string(most), value);
    }
  };
  // Wide enough for every model there is, and narrow enough for the products below to fit 64 bits.
  constexpr std::int64_t widest = std::int64_t{1} << 22, longest = std::int64_t{1} << 28;
  limit("vocabulary", vocabulary, 2, longest);
  limit("width", width, 1, widest);
  limit("layers", layers, 1, 4096);
  limit("heads", heads, 1, 65536);
  limit("kv_heads", kv_heads, 0, 65536);
  limit("head_width", head_width, 0, 65536);
  limit("feed_forward", feed_forward, 0, widest);
  limit("context", context, 1, longest);
  if (kv_heads == 0) kv_heads = heads;
  if (heads % kv_heads != 0)
    refuse("kv_heads does not divide heads", "a divisor of " + std::to_string(heads), kv_heads);
  if (head_width == 0) {
    if (width % heads != 0) refuse("heads does not divide width", "a divisor of " + std::to_string(width), heads);
    head_width = width / heads;
  }
  limit("heads * head_width", heads * head_width, 1, widest);
  if (positions == Positions::rotary) {
    if (head_width % 2 != 0) refuse("head_width is odd", "an even number with rotary positions", head_width);
    if (rotated_width() < 2 || rotated_width() % 2 != 0) {
      refuse("rope_share gives no even number of rotating elements", "2, 4, ... of " + std::to_string(head_width),
             rotated_width());
    }
    if (rope_scaling.factor != 1 && rope_scaling.high_factor <= rope_scaling.low_factor) {
      throw Error(ErrorKind::config, "model.rope_scaling.high_factor is not above low_factor");
    }
  }
  if (norm_after && parallel_residual)
    throw Error(ErrorKind::config, "model.norm_after has no meaning with model.parallel_residual");
  limit("unrotated_every", unrotated_every, 0, 4096);
  if (unrotated_every > 0 && positions != Positions::rotary)
    throw Error(ErrorKind::config, "model.unrotated_every needs model.positions = \"rotary\"");
  if (feed_forward == 0) {
    feed_forward = activation != Activation::swiglu ? 4 * width : (8 * width / 3 + 15) / 16 * 16;
  }
}

std::int64_t ModelConfig::rotated_width() const {
  return static_cast<std::int64_t>(rope_share * static_cast<double>(head_width));
}

std::int64_t ModelConfig::parameter_count() const {
  const std::int64_t qkv = (heads + 2 * kv_heads) * head_width;
  const std::int64_t norms = norm == Norm::layer ? 2 : 1;
  const std::int64_t up = activation == Activation::swiglu ? 2 * feed_forward : feed_forward;
  std::int64_t layer = qkv * width + heads * head_width * width + up * width + feed_forward * width + 2 * norms * width;
  if (qkv_bias) layer += qkv;
  if (query_key_norm == QueryKeyNorm::head) layer += 2 * head_width;
  if (query_key_norm == QueryKeyNorm::whole) layer += (heads + kv_heads) * head_width;
  if (linear_bias) layer += width + up + width;
  return vocabulary * width * (tied_head ? 1 : 2) + (positions == Positions::learned ? context * width : 0) +
         layers * layer + norms * width;
}

double ModelConfig::forward_flops_per_token() const {
  const std::int64_t qkv = (heads + 2 * kv_heads) * head_width;
  const std::int64_t up = activation == Activation::swiglu ? 2 * feed_forward : feed_forward;
  return 2.0 * static_cast<double>(layers * (qkv + heads * head_width + up + feed_forward) * width);
}

}  // namespace stet
