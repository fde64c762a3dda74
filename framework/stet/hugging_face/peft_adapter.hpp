// LoRA adapters as the library PEFT keeps them: a folder with adapter_config.json and adapter_model.safetensors, to
// changes of our parameters and back.
//
// Their matrices are ours (foreign_layout()): where theirs holds several of ours (query, key and value as one), the
// adapter's A has our A's below each other, and its B our B's as blocks, in their order of rows. Read back, each of
// ours takes the columns of B that are not zero for it.
// What this is not: DoRA, adapters of embeddings, prompts, trained biases and modules_to_save, which are refused.
#pragma once

#include <stet/base/error.hpp>
#include <stet/hugging_face/hugging_face.hpp>
#include <stet/model/low_rank_change.hpp>

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace stet {

inline constexpr const char *adapter_config_file = "adapter_config.json",
                            *adapter_weights_file = "adapter_model.safetensors";

/// The form in which others hold the model in `folder`, whose names an adapter uses: that of its config.json, else the
/// architecture that has this shape. Throws Error of the kind if there is none.
[[nodiscard]] ForeignModel foreign_form(const std::filesystem::path& folder, const ModelConfig& shape,
                                        ErrorKind kind = ErrorKind::data);

/// The adapter's changes, in the order of their matrices, with factors of `type` (kFloat or kDouble). Throws Error
/// (data), naming file and tensor or setting, for what is not LoRA of this model's linear layers.
[[nodiscard]] std::vector<LowRankChange> read_peft_adapter(const std::filesystem::path& folder,
                                                           const ForeignModel& model, const ParameterTable& table,
                                                           at::ScalarType type);

/// Writes both files; `base` is what base_model_name_or_path says. `destination` must be absent or empty. The changes
/// may be several a parameter. Throws Error (config) for changes of embeddings and positions, which PEFT ties to other
/// code, and if `changes` is empty.
void write_peft_adapter(const ForeignModel& model, const ParameterTable& table, std::span<const LowRankChange> changes,
                        const std::string& base, const std::filesystem::path& destination);

}  // namespace stet
