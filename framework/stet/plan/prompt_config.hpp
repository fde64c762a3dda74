// [prompt]: how facts are asked in fine-tuning, in scoring and by SLiCK, where it is not as the world words it.
#pragma once

#include <stet/config/identity_schema.hpp>
#include <stet/world/world.hpp>

#include <string>

namespace stet {

struct PromptConfig {
  /// With {question}, the world's own question, once, and behind it {answer}, once; empty: the world's wording.
  std::string pattern;

  [[nodiscard]] bool given() const noexcept { return !pattern.empty(); }
  /// Throws Error (config) at `written`, where the file has it, if a place is missing or there twice.
  void check(const config::Value& written) const;
  /// A wording of the world's ("Where is [X] located? [Y]") in this form ("Q: Where is [X] located?\nA: [Y]").
  [[nodiscard]] std::string wording(const std::string& probe) const;
  /// The world, whose facts are asked in this form.
  [[nodiscard]] World apply(World world) const;
};

[[nodiscard]] config::IdentitySchema<PromptConfig> prompt_schema();

}  // namespace stet
