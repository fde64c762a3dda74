// Arguments as they are. CLI11 has a notation of its own for lists: where an option takes several values, "[a,b]" would
// be two, "[MASK]" would be MASK, and "{}" none. A user who types a text means the text.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace stet {

/// A copy of the arguments in which those that look like that notation are marked, so that CLI11 leaves them alone.
class LiteralArguments {
 public:
  LiteralArguments(int argc, const char* const* argv);

  [[nodiscard]] int count() const { return static_cast<int>(pointers_.size()); }
  [[nodiscard]] const char* const* values() const { return pointers_.data(); }
  /// What the user wrote.
  [[nodiscard]] static std::string original(std::string_view argument);

 private:
  std::vector<std::string> texts_;
  std::vector<const char*> pointers_;
};

/// An option or positional argument that may be given several times; each value is taken as it was written.
template <class Text>
CLI::Option* add_literal_list(CLI::App& app, const std::string& name, std::vector<Text>& target,
                              const std::string& help) {
  const auto take = [&target](const CLI::results_t& given) {
    target.clear();
    for (const std::string& argument : given) target.emplace_back(LiteralArguments::original(argument));
    return true;
  };
  // An option takes one value each time: where it takes more, it also takes the -- behind it.
  return app.add_option(name, take, help)
      ->type_size(1)
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(!name.starts_with('-'));
}

}  // namespace stet
