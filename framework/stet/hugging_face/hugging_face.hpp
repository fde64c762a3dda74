// Folders in Hugging Face's layout (config.json and safetensors): GPT-2, GPT-NeoX (Pythia), Llama, Mistral, Qwen2,
// Qwen3, OLMo-2 and SmolLM3 to our shape and parameters and back. The files themselves are read by foreign_weights.hpp.
#pragma once

#include <stet/model/parameters.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

/// One tensor of theirs as a composition of ours: the parameters stacked along the first axis, or, with `heads`, head
/// by head (GPT-NeoX: the first head's query, key and value, then the second's, ...); transposed at the end if their
/// linear layers are [in, out] (GPT-2's).
struct ForeignTensor {
  std::string name;
  std::vector<std::size_t> parts;
  bool transposed = false;
  std::int64_t heads = 0;
};

struct ForeignModel {
  std::string architecture;  ///< "gpt2", "gpt_neox", "llama", "mistral", "olmo2", "qwen2", "qwen3", "smollm3"
  ModelConfig config;
  std::vector<std::int32_t> end_tokens = {};  ///< every eos_token_id of generation_config.json, else of config.json
};

/// Reads config.json (and generation_config.json for the end tokens). Throws Error (data) naming the field for an
/// unknown architecture or a value that we do not compute.
[[nodiscard]] ForeignModel read_foreign_config(const std::filesystem::path& folder);

/// Their tensors, in the order of our table.
[[nodiscard]] std::vector<ForeignTensor> foreign_layout(const ForeignModel& model, const ParameterTable& table);

/// The rows of our parameters (matrices [out, any], or vectors), one a part, in the order in which theirs has them; and
/// back: views where that can be.
[[nodiscard]] at::Tensor stack_rows(const ForeignTensor& tensor, std::vector<at::Tensor> parts);
[[nodiscard]] std::vector<at::Tensor> split_rows(const ForeignTensor& tensor, const ParameterTable& table,
                                                 const at::Tensor& stacked);

/// Their form of one tensor, from our flat buffer. Not necessarily contiguous.
[[nodiscard]] at::Tensor to_foreign(const ForeignTensor& tensor, const ParameterTable& table, const at::Tensor& flat);
/// The inverse: `value`, of the shape that to_foreign() gives, goes into our flat buffer.
void from_foreign(const ForeignTensor& tensor, const ParameterTable& table, const at::Tensor& value,
                  const at::Tensor& flat);

/// Names that checkpoints hold besides their parameters and that say nothing new: causal masks and rotary frequencies.
[[nodiscard]] bool is_known_buffer(std::string_view architecture, std::string_view name);

}  // namespace stet
