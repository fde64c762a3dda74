#include "selector.hpp"

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>

#include <algorithm>
#include <charconv>
#include <tuple>
#include <utility>

namespace stet::freeze {

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

Error refuse(const std::string& text, const std::string& expected) {
  return Error(ErrorKind::config, "freeze.freeze: unknown selector '" + text + "'").expected(expected).received(text);
}

/// "3" or "0-5".
std::pair<int, int> read_layers(const std::string& text, std::string_view range) {
  const auto number = [&](std::string_view digits) {
    int value = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || digits.front() == '-') value = -1;
    return value;
  };
  const std::size_t dash = range.find('-');
  const int first = number(range.substr(0, dash));
  const int last = dash == std::string_view::npos ? first : number(range.substr(dash + 1));
  if (first < 0 || last < first) throw refuse(text, "layers:N or layers:FIRST-LAST, counted from 0");
  return {first, last};
}

}  // namespace

Selector::Selector(std::string text) : text_(std::move(text)), form_(Form::roles) {
  if (text_.starts_with("layers:")) {
    form_ = Form::layers;
    std::tie(first_, last_) = read_layers(text_, std::string_view(text_).substr(7));
    return;
  }
  if (text_.starts_with("name:")) {
    form_ = Form::name;
    pattern_ = text_.substr(5);
    if (pattern_.empty()) throw refuse(text_, "name:PATTERN");
    return;
  }
  std::vector<std::string> known;
  for (auto& [word, roles] : words()) {
    if (word == text_) roles_ = std::move(roles);
    known.push_back(word);
  }
  if (!roles_.empty()) return;
  throw refuse(text_, join(known, ", ") + ", layers:FIRST-LAST, name:PATTERN").hint(suggestion(text_, known));
}

bool Selector::matches(const ParameterInfo& parameter) const {
  switch (form_) {
    case Form::roles: return std::find(roles_.begin(), roles_.end(), parameter.role) != roles_.end();
    case Form::layers: return first_ <= parameter.layer && parameter.layer <= last_;
    case Form::name: return matches_pattern(pattern_, parameter.name);
  }
  return false;
}

void Selector::check_layers(int layers) const {
  if (form_ != Form::layers || last_ < layers) return;
  throw Error(ErrorKind::config, "freeze.freeze: the model has no layer " + std::to_string(last_))
      .expected("layers 0 to " + std::to_string(layers - 1))
      .received(text_);
}

}  // namespace stet::freeze
