// config.json of Llama and of what descends from it: rotary positions, RMS norms, gated feed-forward layers.
#pragma once

#include <stet/hugging_face/config_reader.hpp>
#include <stet/model/model_config.hpp>

namespace stet {

/// The rotary positions' base, share and scaling: `rope_scaling`, or `rope_parameters` of newer files, which also holds
/// the base. `scaling_allowed`: Llama 3's.
void read_rope(const ConfigReader& json, ModelConfig& config, bool scaling_allowed);

[[nodiscard]] ModelConfig read_qwen2(const ConfigReader& json);
[[nodiscard]] ModelConfig read_llama(const ConfigReader& json);
[[nodiscard]] ModelConfig read_mistral(const ConfigReader& json);
[[nodiscard]] ModelConfig read_qwen3(const ConfigReader& json);
[[nodiscard]] ModelConfig read_olmo2(const ConfigReader& json);
[[nodiscard]] ModelConfig read_smollm3(const ConfigReader& json);

}  // namespace stet
