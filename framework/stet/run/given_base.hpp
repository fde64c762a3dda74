// A base model that others trained ([base]): read where it lies; its own folder in the workspace holds only what it is.
#pragma once

#include <stet/run/base_model.hpp>

#include <filesystem>
#include <memory>

namespace stet {

/// Collective. Reads the model of base.config.base, looks whether its weights are numbers, and writes certification.md
/// (what it is), base.toml and finished.json into `folder`. Throws Error (data).
void adopt_base(const PlannedBase& base, const std::filesystem::path& folder, Communicator& communicator);

/// The weights, rounded as [base] weights says. Throws Error (data) if the model's shape is not `shape`, the planned
/// one.
[[nodiscard]] at::Tensor read_given_weights(const BaseConfig& base, const ModelConfig& shape);

/// The model with these weights. Its recall is empty: what it knows is asked by SLiCK alone. Throws as they do.
[[nodiscard]] std::unique_ptr<BaseModel> read_given_base(const PlannedBase& base, const World& world,
                                                         const std::filesystem::path& folder);

}  // namespace stet
