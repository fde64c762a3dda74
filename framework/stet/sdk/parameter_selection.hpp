// Choosing parameters by words: a group, a role, layers, or a pattern over names. plugins/freeze/README.md lists them.
#pragma once

#include <stet/base/error.hpp>
#include <stet/model/parameters.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

/// One word.
class ParameterSelector {
 public:
  /// `owner`: the table it stands in, for messages ("freeze.lora"). Throws Error (config) with a suggestion if the text
  /// is none of the forms that are listed there.
  ParameterSelector(std::string text, std::string owner);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool matches(const ParameterInfo& parameter) const;
  /// Throws Error (config) if layers are named that the model does not have. `layers`: their number.
  void check_layers(int layers) const;

 private:
  enum class Form { roles, layers, name };
  [[nodiscard]] Error refuse(const std::string& expected) const;
  void read_layers(std::string_view range);

  std::string text_, owner_;
  Form form_;
  std::vector<Role> roles_;
  int first_ = 0, last_ = 0;
  std::string pattern_;
};

/// Several selectors: what any of them matches.
class ParameterSelection {
 public:
  /// Throws as ParameterSelector does. None: nothing is matched.
  ParameterSelection(const std::vector<std::string>& texts, const std::string& owner);

  /// One entry a parameter: matched by some selector, and `eligible`. Throws Error (config) if a selector matches
  /// nothing that is eligible, or names layers that the model does not have. `what` is matched, for the message
  /// ("parameter").
  [[nodiscard]] std::vector<bool> of(const ParameterTable& table,
                                     const std::function<bool(const ParameterInfo&)>& eligible,
                                     const std::string& what = "parameter") const;
  /// Of the matrices (2-D parameters) alone.
  [[nodiscard]] std::vector<bool> matrices(const ParameterTable& table) const;

 private:
  [[nodiscard]] Error no_match(const ParameterSelector& selector, const ParameterTable& table,
                               const std::string& what) const;

  std::string owner_;
  std::vector<ParameterSelector> selectors_;
};

/// Throws Error (config) if a list of selectors is empty, so that nothing would train. `key`: what it is called.
void require_some(const std::vector<std::string>& texts, const std::string& owner, const std::string& key);

}  // namespace stet
