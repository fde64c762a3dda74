// adapter.safetensors of a run: what low-rank phases changed, beside or in place of the run's whole model. Small, so
// every run keeps it; `stet export --adapter` makes PEFT's form of it.
#pragma once

#include <stet/model/low_rank_change.hpp>
#include <stet/model/model_config.hpp>
#include <stet/model/own_model.hpp>

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace stet {

inline constexpr const char* own_adapter_file = "adapter.safetensors";

struct AdapterRecord {
  ModelConfig config;                  ///< of the model that was changed; complete
  std::optional<ModelSource> source;   ///< as ModelFolder::source
  std::vector<LowRankChange> changes;  ///< one a parameter
};

void write_adapter_record(const std::filesystem::path& folder, const AdapterRecord& record);
/// Throws Error (data) if the folder has none, or one that does not hold together.
[[nodiscard]] AdapterRecord read_adapter_record(const std::filesystem::path& folder);

}  // namespace stet
