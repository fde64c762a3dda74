#include <stet/hugging_face/hugging_face.hpp>

#include <stet/base/error.hpp>

#include <algorithm>
#include <array>

namespace stet {

namespace {

/// Builds layouts whose names are "PREFIX.KIND" for KIND weight and bias.
class LayoutBuilder {
 public:
  explicit LayoutBuilder(const ParameterTable& table) : table_(table) {}

  void add(std::string theirs, const std::vector<std::string>& ours, bool transposed = false, std::int64_t heads = 0) {
    ForeignTensor tensor{std::move(theirs), {}, transposed, heads};
    for (const std::string& name : ours) {
      const int i = table_.index_of(name);
      STET_ASSERT(i >= 0);
      tensor.parts.push_back(static_cast<std::size_t>(i));
    }
    layout.push_back(std::move(tensor));
  }
  void pair(const std::string& theirs, const std::string& ours, bool transposed = false) {
    for (const std::string kind : {".weight", ".bias"})
      add(theirs + kind, {ours + kind}, transposed && kind == ".weight");
  }
  void fused(const std::string& theirs, const std::string& attention, bool transposed, std::int64_t heads) {
    for (const std::string kind : {".weight", ".bias"}) {
      add(theirs + kind, {attention + "q_proj" + kind, attention + "k_proj" + kind, attention + "v_proj" + kind},
          transposed && kind == ".weight", heads);
    }
  }

  std::vector<ForeignTensor> layout;

 private:
  const ParameterTable& table_;
};

std::vector<ForeignTensor> gpt2_layout(const ModelConfig& config, const ParameterTable& table) {
  LayoutBuilder builder(table);
  const std::string t = "transformer.";
  builder.add(t + "wte.weight", {"model.embed_tokens.weight"});
  builder.add(t + "wpe.weight", {"model.embed_positions.weight"});
  for (std::int64_t l = 0; l < config.layers; ++l) {
    const std::string ours = "model.layers." + std::to_string(l) + ".", theirs = t + "h." + std::to_string(l) + ".";
    builder.pair(theirs + "ln_1", ours + "input_layernorm");
    builder.fused(theirs + "attn.c_attn", ours + "self_attn.", true, 0);
    builder.pair(theirs + "attn.c_proj", ours + "self_attn.o_proj", true);
    builder.pair(theirs + "ln_2", ours + "post_attention_layernorm");
    builder.pair(theirs + "mlp.c_fc", ours + "mlp.up_proj", true);
    builder.pair(theirs + "mlp.c_proj", ours + "mlp.down_proj", true);
  }
  builder.pair(t + "ln_f", "model.norm");
  if (!config.tied_head) builder.add("lm_head.weight", {"lm_head.weight"});
  return std::move(builder.layout);
}

std::vector<ForeignTensor> gpt_neox_layout(const ModelConfig& config, const ParameterTable& table) {
  LayoutBuilder builder(table);
  const std::string t = "gpt_neox.";
  builder.add(t + "embed_in.weight", {"model.embed_tokens.weight"});
  for (std::int64_t l = 0; l < config.layers; ++l) {
    const std::string ours = "model.layers." + std::to_string(l) + ".",
                      theirs = t + "layers." + std::to_string(l) + ".";
    builder.pair(theirs + "input_layernorm", ours + "input_layernorm");
    builder.fused(theirs + "attention.query_key_value", ours + "self_attn.", false, config.heads);
    builder.pair(theirs + "attention.dense", ours + "self_attn.o_proj");
    builder.pair(theirs + "post_attention_layernorm", ours + "post_attention_layernorm");
    builder.pair(theirs + "mlp.dense_h_to_4h", ours + "mlp.up_proj");
    builder.pair(theirs + "mlp.dense_4h_to_h", ours + "mlp.down_proj");
  }
  builder.pair(t + "final_layer_norm", "model.norm");
  if (!config.tied_head) builder.add("embed_out.weight", {"lm_head.weight"});
  return std::move(builder.layout);
}

}  // namespace

std::vector<ForeignTensor> foreign_layout(const ForeignModel& model, const ParameterTable& table) {
  if (model.architecture == "gpt2") return gpt2_layout(model.config, table);
  if (model.architecture == "gpt_neox") return gpt_neox_layout(model.config, table);
  std::vector<ForeignTensor> layout;  // Llama and its kin: our names are theirs
  for (std::size_t i = 0; i < table.size(); ++i) layout.push_back({table[i].name, {i}});
  return layout;
}

at::Tensor stack_rows(const ForeignTensor& tensor, std::vector<at::Tensor> parts) {
  if (parts.size() == 1) return parts[0];
  if (tensor.heads == 0) return at::cat(parts, 0);
  const bool vector = parts[0].dim() == 1;
  for (at::Tensor& part : parts) part = part.view({tensor.heads, part.size(0) / tensor.heads, -1});
  const at::Tensor by_head = at::cat(parts, 1);  // [heads, parts * D, in]
  return vector ? by_head.reshape({-1}) : by_head.reshape({by_head.size(0) * by_head.size(1), by_head.size(2)});
}

std::vector<at::Tensor> split_rows(const ForeignTensor& tensor, const ParameterTable& table,
                                   const at::Tensor& stacked) {
  std::vector<at::Tensor> parts;
  std::int64_t row = 0;
  for (std::size_t p = 0; p < tensor.parts.size(); ++p) {
    const std::int64_t rows = table[tensor.parts[p]].shape[0];
    if (tensor.heads == 0) {
      parts.push_back(stacked.narrow(0, row, rows));
      row += rows;
    } else {
      const auto count = static_cast<std::int64_t>(tensor.parts.size()), D = rows / tensor.heads;
      const at::Tensor by_head = stacked.reshape({tensor.heads, count * D, -1});
      std::vector<std::int64_t> shape = stacked.sizes().vec();
      shape[0] = rows;
      parts.push_back(by_head.narrow(1, static_cast<std::int64_t>(p) * D, D).reshape(shape));
    }
  }
  return parts;
}

at::Tensor to_foreign(const ForeignTensor& tensor, const ParameterTable& table, const at::Tensor& flat) {
  std::vector<at::Tensor> parts;
  for (const std::size_t i : tensor.parts) parts.push_back(table.view(flat, i));
  const at::Tensor stacked = stack_rows(tensor, std::move(parts));
  return tensor.transposed ? stacked.t() : stacked;
}

void from_foreign(const ForeignTensor& tensor, const ParameterTable& table, const at::Tensor& value,
                  const at::Tensor& flat) {
  const std::vector<at::Tensor> parts = split_rows(tensor, table, tensor.transposed ? value.t() : value);
  for (std::size_t p = 0; p < parts.size(); ++p) table.view(flat, tensor.parts[p]).copy_(parts[p]);
}

bool is_known_buffer(std::string_view architecture, std::string_view name) {
  const auto within_layer = [&](std::string_view prefix, std::initializer_list<std::string_view> rests) {
    if (!name.starts_with(prefix)) return false;
    const std::string_view tail = name.substr(prefix.size());
    const std::size_t digits = std::min(tail.find_first_not_of("0123456789"), tail.size());
    return digits > 0 &&
           std::any_of(rests.begin(), rests.end(), [&](std::string_view rest) { return tail.substr(digits) == rest; });
  };
  if (architecture == "gpt2") {
    return within_layer("transformer.h.", {".attn.bias", ".attn.masked_bias"}) ||
           within_layer("h.", {".attn.bias", ".attn.masked_bias"});
  }
  if (architecture == "gpt_neox") {
    return within_layer("gpt_neox.layers.",
                        {".attention.bias", ".attention.masked_bias", ".attention.rotary_emb.inv_freq"}) ||
           name == "gpt_neox.rotary_emb.inv_freq";
  }
  return within_layer("model.layers.", {".self_attn.rotary_emb.inv_freq"}) || name == "model.rotary_emb.inv_freq";
}

}  // namespace stet
