// A model from any folder that holds one: Hugging Face's layout, a base model or a run of ours, or a checkpoint. And
// the writing of ours.
#pragma once

#include <stet/hugging_face/foreign_weights.hpp>
#include <stet/model/own_model.hpp>
#include <stet/model/transformer.hpp>
#include <stet/text/tokenizer.hpp>

#include <array>
#include <filesystem>
#include <optional>
#include <string>

namespace stet {

struct ModelFolder {
  std::optional<ForeignModel> foreign;             ///< set for a folder in Hugging Face's layout
  ModelConfig config;                              ///< complete
  at::Tensor weights;                              ///< flat
  std::optional<std::filesystem::path> tokenizer;  ///< the folder's tokenizer.json
  std::optional<ModelSource> source;               ///< of a run's model that began as somebody else's
};

/// Recognised by its files: config.json (Hugging Face), base.toml or model.toml with model.safetensors (ours),
/// manifest.json (one step-N folder of a checkpoint that says its model's shape). `type`: kFloat or kDouble. Throws
/// Error (data, or checkpoint) if the folder is none of these, or not whole.
[[nodiscard]] ModelFolder open_model_folder(const std::filesystem::path& folder, at::ScalarType type = at::kFloat);

/// Writes model.safetensors: every parameter under its name. What makes the folder one of ours, a base.toml or
/// model.toml, comes after it.
void save_own_weights(const std::filesystem::path& folder, const ParameterTable& table, const at::Tensor& weights);
/// What save_model_folder() writes, in this order.
inline constexpr std::array<const char*, 3> own_model_files = {single_weights_file, "tokenizer.json", "model.toml"};
void save_model_folder(const std::filesystem::path& folder, const Transformer& model, const at::Tensor& weights,
                       const Tokenizer& tokenizer, const std::optional<ModelSource>& source = std::nullopt);

}  // namespace stet
