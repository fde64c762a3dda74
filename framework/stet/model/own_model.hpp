// The shape of a model that stet wrote: [model] of a base.toml or model.toml beside its model.safetensors, or a text in
// a checkpoint.
#pragma once

#include <stet/model/model_config.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace stet {

/// All weights of a folder in one file, in ours and in Hugging Face's layout.
inline constexpr const char* single_weights_file = "model.safetensors";

/// The folder that a run's model was read from ([base]): what goes home goes in its form.
struct ModelSource {
  std::string folder;   ///< where it lay
  std::string content;  ///< hash of what it held (plan/base_folder.hpp)
};

/// The file that says the shape; nothing if the folder holds no model of ours.
[[nodiscard]] std::optional<std::filesystem::path> own_shape_file(const std::filesystem::path& folder);
/// The vocabulary is the embedding's, in model.safetensors. Throws Error (data).
[[nodiscard]] ModelConfig read_own_shape(const std::filesystem::path& folder);

/// The shape as text, for a checkpoint's metadata (key "model"), and back.
[[nodiscard]] std::string model_shape_text(const ModelConfig& config);
[[nodiscard]] ModelConfig read_model_shape(const std::string& text, const std::string& where);

}  // namespace stet
