// adapter_config.json of a LoRA adapter: which settings we compute, and rank and scale of each module.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace stet {

/// A key of PEFT's rank_pattern and alpha_pattern: it matches a module's whole path, or its end behind a dot. Theirs
/// are regular expressions; here names, dots, `.*`, `.+`, `\d`, `\d+` and escaped characters, which take no time to
/// match.
class ModulePattern {
 public:
  /// Throws Error (data) at `where` for any other.
  ModulePattern(std::string_view text, const std::string& where);
  [[nodiscard]] bool matches(std::string_view module) const;

 private:
  enum class Kind { character, any, digit };
  struct Element {
    Kind kind;
    char character;
    bool many, optional;
  };
  std::vector<Element> elements_;
};

class AdapterSettings {
 public:
  /// Throws Error (data) for settings that are not LoRA of linear layers alone.
  explicit AdapterSettings(const std::filesystem::path& file);
  /// What B A is multiplied by. Throws Error (data) if `rank`, that of the tensors, is not the one that is set.
  [[nodiscard]] double scale(const std::string& module, std::int64_t rank) const;

 private:
  using Patterns = std::vector<std::pair<ModulePattern, double>>;  // the first that matches counts
  std::string file_;
  double alpha_ = 8;
  std::int64_t rank_ = 8;
  bool rank_scaled_ = false;
  Patterns alphas_, ranks_;
};

}  // namespace stet
