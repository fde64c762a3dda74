// Checks of a class's parameters: documented keys are accepted, misspelt ones and values out of range are refused; its
// own check() takes them.
#include <stet/base/error.hpp>
#include <stet/config/document.hpp>
#include <stet/conformance/checks.hpp>
#include <stet/plan/sets_config.hpp>

#include <algorithm>
#include <charconv>
#include <optional>

namespace stet::conformance {

namespace {

struct Bound {
  double value;
  bool open, lower;
};

/// The bounds in a FieldInfo::range: "[0, 1)", ">= 1", "< 2".
std::vector<Bound> bounds_of(const std::string& range) {
  const auto number = [&range](std::size_t at) {
    double value = 0;
    std::from_chars(range.data() + at, range.data() + range.size(), value);
    return value;
  };
  if (range.empty()) return {};
  if (range[0] == '[' || range[0] == '(') {
    return {{number(1), range[0] == '(', true}, {number(range.find(", ") + 2), range.back() == ')', false}};
  }
  return {{number(range.find(' ') + 1), range.find('=') == std::string::npos, range[0] == '>'}};
}

/// A value just on the wrong side of a bound.
config::Value beyond(const Bound& bound, bool integer) {
  const double value = bound.open ? bound.value : bound.lower ? bound.value - 1 : bound.value + 1;
  return integer ? config::Value(static_cast<std::int64_t>(value)) : config::Value(value);
}

/// The refusal's text, or nothing if the table is accepted.
template <class Base>
std::optional<std::string> refusal(const Offer<Base>& offer, const config::Value& table) {
  try {
    static_cast<void>(offer.resolve(table));
    static_cast<void>(offer.create(table));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::config) throw;
    return error.what();
  }
  return std::nullopt;
}

config::Value with(const config::Value& table, const std::string& key, const config::Value& value) {
  config::Value changed = table;
  changed.set(key, value);
  return changed;
}

}  // namespace

template <class Base>
Finding check_keys(const Offer<Base>& offer, const config::Value& table) {
  const config::Value resolved = offer.resolve(table);
  std::size_t accepted = 0, misspelt = 0, bounds = 0;
  for (const config::FieldInfo& field : offer.fields) {
    if (field.help.empty())
      return failed("the key '" + field.key + "' has no help text",
                    "a reader of `stet plugin info` knows no more than that");
    if (field.key.find_first_of(".[") != std::string::npos) continue;  // of a nested table
    const config::Value* const value = resolved.find(field.key);
    if (value != nullptr) {
      const config::Value spelt_out = with(table, field.key, *value);
      if (const auto text = refusal(offer, spelt_out))
        return failed(
            field.key + " = " + config::inline_toml(*value) + ", the value it has anyway, is refused: " + *text,
            "accept what resolves");
      if (!(offer.resolve(spelt_out) == resolved))
        return failed("giving '" + field.key + "' its own value changes the resolved table",
                      "a field must read what it writes");
      const bool has_default = !field.default_text.starts_with('(') && table.find(field.key) == nullptr;
      if (has_default &&
          !(config::parse(field.key + " = " + field.default_text, "default").members()[0].second == *value)) {
        return failed("the documented default of '" + field.key + "' is " + field.default_text + ", the real one " +
                          config::inline_toml(*value),
                      "keep defaults in the members of the parameters' struct");
      }
      ++accepted;
    }
    std::string wrong = field.key + field.key.back();
    while (std::any_of(offer.fields.begin(), offer.fields.end(),
                       [&wrong](const auto& other) { return other.key == wrong; }))
      wrong += "x";
    const std::optional<std::string> text =
        refusal(offer, with(table, wrong, value != nullptr ? *value : config::Value(1)));
    if (!text)
      return failed("the misspelt key '" + wrong + "' is accepted",
                    "read the table with the schema alone, without leave()");
    if (text->find("hint: ") == std::string::npos || text->find(wrong) == std::string::npos)
      return failed("the misspelt key '" + wrong + "' is refused without a suggestion: " + *text,
                    "let the schema refuse it");
    ++misspelt;
    if (field.type != "integer" && field.type != "unsigned integer" && field.type != "real") continue;
    for (const Bound& bound : bounds_of(field.range)) {
      const config::Value outside = beyond(bound, field.type != "real");
      if (!refusal(offer, with(table, field.key, outside)))
        return failed(field.key + " = " + config::inline_toml(outside) + " is accepted, outside " + field.range,
                      "let the schema check the range");
      ++bounds;
    }
  }
  return passed(fmt::format(
      "keys accepted with their values: {}; misspelt ones refused with a suggestion: {}; bounds enforced: {}", accepted,
      misspelt, bounds));
}

template <class Base>
Finding check_before_training(const std::string& owner, const Offer<Base>& offer, const config::Value& table,
                              const ConformanceBench& bench) {
  std::vector<CheckContext::Phase> phases{{"earlier", {"known"}, 1, false}};
  for (const char* phase : {ConformanceBench::phase, ConformanceBench::second_phase})
    phases.push_back({phase, {"known", "unknown"}, 4, true});
  std::vector<CheckContext::Set> sets;
  for (const TokenizedSet& set : bench.sets())
    sets.push_back({set.name, static_cast<std::int64_t>(set.sequences.size()), true});
  for (const char* text : text_set_names) sets.push_back({text, -1, false});
  const CheckContext context{owner,
                             table,
                             std::move(phases),
                             std::move(sets),
                             bench.model().table(),
                             bench.model().config(),
                             true,
                             ConformanceBench::shards};
  try {
    offer.create(table)->check(context);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::config) throw;
    return failed("its check() refuses the parameters it is tried with: " + error.message(),
                  "let check() throw only for what cannot work");
  }
  return passed("check() takes them");
}

template Finding check_before_training(const std::string&, const Offer<Regularizer>&, const config::Value&,
                                       const ConformanceBench&);
template Finding check_before_training(const std::string&, const Offer<FreezeStrategy>&, const config::Value&,
                                       const ConformanceBench&);
template Finding check_before_training(const std::string&, const Offer<Probe>&, const config::Value&,
                                       const ConformanceBench&);
template Finding check_keys(const Offer<Regularizer>&, const config::Value&);
template Finding check_keys(const Offer<FreezeStrategy>&, const config::Value&);
template Finding check_keys(const Offer<Probe>&, const config::Value&);

}  // namespace stet::conformance
