// Compares a folder in the fixtures' layout (a Hugging Face model plus expected.safetensors) with what our transformer
// computes: logits, loss and every gradient.
#pragma once

#include <stet/model/torch.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace stet {

struct Deviation {
  std::string name;     ///< "logits", "loss", "grad.<their name>"
  double relative = 0;  ///< max |ours - expected| / max |expected|
};

struct Verification {
  std::string architecture;
  at::ScalarType type;
  double tolerance;                   ///< 1e-6 in double, 1e-4 in float
  std::vector<Deviation> deviations;  ///< largest first
  [[nodiscard]] bool passed() const { return deviations.empty() || deviations.front().relative <= tolerance; }
};

/// `type`: kDouble or kFloat. Throws Error (data) if the folder is incomplete.
[[nodiscard]] Verification verify_model(const std::filesystem::path& folder, at::ScalarType type);

}  // namespace stet
