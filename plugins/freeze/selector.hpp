// One word of a selection: a group, a role, layers, or a pattern over names.
#pragma once

#include <stet/model/parameters.hpp>

#include <string>
#include <vector>

namespace stet::freeze {

class Selector {
 public:
  /// Throws Error (config) with a suggestion if the text is none of the forms that README.md lists.
  explicit Selector(std::string text);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool matches(const ParameterInfo& parameter) const;
  /// Throws Error (config) if layers are named that the model does not have. `layers`: their number.
  void check_layers(int layers) const;

 private:
  enum class Form { roles, layers, name };

  std::string text_;
  Form form_;
  std::vector<Role> roles_;
  int first_ = 0, last_ = 0;
  std::string pattern_;
};

}  // namespace stet::freeze
