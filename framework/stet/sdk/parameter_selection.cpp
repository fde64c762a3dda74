#include <stet/base/strings.hpp>
#include <stet/sdk/parameter_selection.hpp>

#include <algorithm>
#include <charconv>
#include <utility>

namespace stet {

namespace {

using Roles = std::vector<Role>;

/// Groups first, then every role by itself.
std::vector<std::pair<std::string, Roles>> words() {
  std::vector<std::pair<std::string, Roles>> all = {
      {"attention", {Role::attention_q, Role::attention_k, Role::attention_v, Role::attention_o}},
      {"ffn", {Role::ffn_gate, Role::ffn_up, Role::ffn_down}},
      {"norms", {Role::norm}},
      {"embeddings", {Role::embedding, Role::position}},
      {"head", {Role::head}}};
  for (int i = 0; i < role_count; ++i) {
    const Role role = static_cast<Role>(i);
    if (role != Role::head) all.emplace_back(role_name(role), Roles{role});
  }
  return all;
}

}  // namespace

Error ParameterSelector::refuse(const std::string& expected) const {
  return Error(ErrorKind::config, owner_ + ": unknown selector '" + text_ + "'").expected(expected).received(text_);
}

/// "3" or "0-5".
void ParameterSelector::read_layers(std::string_view range) {
  const auto number = [&](std::string_view digits) {
    int value = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || digits.front() == '-') value = -1;
    return value;
  };
  const std::size_t dash = range.find('-');
  first_ = number(range.substr(0, dash));
  last_ = dash == std::string_view::npos ? first_ : number(range.substr(dash + 1));
  if (first_ < 0 || last_ < first_) throw refuse("layers:N or layers:FIRST-LAST, counted from 0");
}

ParameterSelector::ParameterSelector(std::string text, std::string owner)
    : text_(std::move(text)), owner_(std::move(owner)), form_(Form::roles) {
  if (text_.starts_with("layers:")) {
    form_ = Form::layers;
    read_layers(std::string_view(text_).substr(7));
    return;
  }
  if (text_.starts_with("name:")) {
    form_ = Form::name;
    pattern_ = text_.substr(5);
    if (pattern_.empty()) throw refuse("name:PATTERN");
    return;
  }
  std::vector<std::string> known;
  for (auto& [word, roles] : words()) {
    if (word == text_) roles_ = std::move(roles);
    known.push_back(word);
  }
  if (!roles_.empty()) return;
  throw refuse(join(known, ", ") + ", layers:FIRST-LAST, name:PATTERN").hint(suggestion(text_, known));
}

bool ParameterSelector::matches(const ParameterInfo& parameter) const {
  switch (form_) {
    case Form::roles: return std::find(roles_.begin(), roles_.end(), parameter.role) != roles_.end();
    case Form::layers: return first_ <= parameter.layer && parameter.layer <= last_;
    case Form::name: return matches_pattern(pattern_, parameter.name);
  }
  return false;
}

void ParameterSelector::check_layers(int layers) const {
  if (form_ != Form::layers || last_ < layers) return;
  throw Error(ErrorKind::config, owner_ + ": the model has no layer " + std::to_string(last_))
      .expected("layers 0 to " + std::to_string(layers - 1))
      .received(text_);
}

ParameterSelection::ParameterSelection(const std::vector<std::string>& texts, const std::string& owner)
    : owner_(owner) {
  for (const std::string& text : texts) selectors_.emplace_back(text, owner);
}

std::vector<bool> ParameterSelection::of(const ParameterTable& table,
                                         const std::function<bool(const ParameterInfo&)>& eligible,
                                         const std::string& what) const {
  int layers = 0;
  for (const ParameterInfo& parameter : table.entries()) layers = std::max(layers, parameter.layer + 1);
  std::vector<bool> chosen(table.size(), false);
  for (const ParameterSelector& selector : selectors_) {
    selector.check_layers(layers);
    bool found = false;
    for (std::size_t i = 0; i < table.size(); ++i) {
      if (!selector.matches(table[i]) || !eligible(table[i])) continue;
      chosen[i] = found = true;
    }
    if (!found) throw no_match(selector, table, what);
  }
  return chosen;
}

std::vector<bool> ParameterSelection::matrices(const ParameterTable& table) const {
  return of(
      table, [](const ParameterInfo& parameter) { return parameter.shape.size() == 2; }, "matrix");
}

void require_some(const std::vector<std::string>& texts, const std::string& owner, const std::string& key) {
  if (!texts.empty()) return;
  throw Error(ErrorKind::config, owner + ": nothing is left to train").received(key + " = []");
}

Error ParameterSelection::no_match(const ParameterSelector& selector, const ParameterTable& table,
                                   const std::string& what) const {
  Error error(ErrorKind::config, owner_ + ": the selector '" + selector.text() + "' matches no " + what);
  error.received(selector.text());
  if (selector.text() == "head") return error.hint("the model's head is its embedding (model.tied_head)");
  std::vector<std::string> names;
  for (const ParameterInfo& parameter : table.entries()) names.push_back(parameter.name);
  const std::string near = selector.text().starts_with("name:") ? nearest(selector.text().substr(5), names) : "";
  return near.empty() ? error : error.hint("did you mean 'name:" + near + "'?");
}

}  // namespace stet
