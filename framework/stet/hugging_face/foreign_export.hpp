// Our weights as folders in Hugging Face's layout.
#pragma once

#include <stet/hugging_face/foreign_weights.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace stet {

/// Throws Error (config) if there is something already, Error (data) if it cannot be made.
void create_empty_folder(const std::filesystem::path& folder);

/// Writes `weights` (flat, kFloat or kDouble) in the form of the folder that they were loaded from: the same files with
/// the same headers (tensor order, dtypes, metadata, padding) and buffers. Every other file of the folder is copied
/// (config.json, tokenizer, chat templates, licence, ...) but for weights in other formats, which would be stale, and
/// hidden files. Weights that have not changed give the same bytes. `destination` must be absent or empty. Throws Error
/// (data) as load_foreign_weights() does, if a value does not fit the files' dtype, or if the disk fails.
void export_like(const std::filesystem::path& source, const ForeignModel& model, const ParameterTable& table,
                 const at::Tensor& weights, const std::filesystem::path& destination);

/// The architecture whose names and config.json express `config` exactly: "llama", "qwen2", "gpt2" or "gpt_neox";
/// nothing if none does. `config` must be complete.
[[nodiscard]] std::optional<std::string> foreign_architecture_of(const ModelConfig& config);

/// config.json text; read_foreign_config() of it gives `config` (init_scale apart, which a trained model does not
/// need).
[[nodiscard]] std::string foreign_config_json(const std::string& architecture, const ModelConfig& config,
                                              at::ScalarType type, std::optional<std::int64_t> end_of_text);

/// Writes config.json and model.safetensors (names in alphabetical order, as Hugging Face's writer has them), in the
/// weights' own type. `end_of_text` is the id that ends a text, if there is a tokenizer. `destination` must be absent
/// or empty. Throws Error (config) if no architecture expresses the shape, saying what stands in the way.
void export_as_foreign(const ModelConfig& config, const ParameterTable& table, const at::Tensor& weights,
                       std::optional<std::int64_t> end_of_text, const std::filesystem::path& destination);

}  // namespace stet
