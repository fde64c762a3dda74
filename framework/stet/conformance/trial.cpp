// What the checks of a regularizer try: the class as it is, turned off, and with other parameters.
#include <stet/config/document.hpp>
#include <stet/conformance/checks.hpp>

#include <algorithm>
#include <cmath>

namespace stet::conformance {

namespace {

using Kind = config::Value::Kind;

/// 0 in the type of the value; nothing if the type has none.
std::optional<config::Value> off_value(const config::Value& now) {
  if (now.is(Kind::boolean)) return config::Value(false);
  if (now.is(Kind::integer)) return config::Value(std::int64_t{0});
  if (now.is(Kind::real)) return config::Value(0.0);
  return std::nullopt;
}

/// Other strengths of the same type, none of them 0; the range may allow only some.
std::vector<config::Value> other_values(const config::Value& now) {
  if (now.is(Kind::integer)) {
    const std::int64_t value = now.as_integer();
    std::vector<config::Value> others;
    for (const std::int64_t other : {2 * value, value + 1, value - 1}) {
      if (other != 0 && other != value) others.emplace_back(other);
    }
    return others;
  }
  if (now.is(Kind::real) && now.as_real() != 0)
    return {config::Value(2 * now.as_real()), config::Value(0.5 * now.as_real())};
  return {};
}

Create<Regularizer> with_strength(const Offer<Regularizer>& offer, const config::Value& table, const std::string& key,
                                  const config::Value& value) {
  return [&offer, table, assignment = key + "=" + config::inline_toml(value)] {
    config::Value changed = table;
    config::apply_override(changed, assignment);
    return offer.create(changed);
  };
}

}  // namespace

RegularizerTrial make_trial(const Offer<Regularizer>& offer, const config::Value& table, const ConformanceBench& bench,
                            Communicator& alone) {
  RegularizerTrial trial{bench, alone, [&offer, table] { return offer.create(table); }, {}, {}, {}, false};
  const std::string key = strength_key_of(offer);
  if (key.empty()) {
    trial.no_off =
        not_applicable("no key 'strength' or 'lambda'; declare it: registrar.regularizer<...>(...).strength(KEY)");
    return trial;
  }
  if (std::none_of(offer.fields.begin(), offer.fields.end(),
                   [&key](const config::FieldInfo& field) { return field.key == key; })) {
    trial.no_off = failed("the declared strength key '" + key + "' is no parameter of the class",
                          "name a field in .strength(KEY)");
    return trial;
  }
  const config::Value resolved = offer.resolve(table);
  const config::Value* const now = strength_in(offer, resolved);
  const std::optional<config::Value> off = now == nullptr ? std::nullopt : off_value(*now);
  if (!off) {
    trial.no_off = not_applicable(now == nullptr ? "'" + key + "' has no value with these parameters"
                                                 : "'" + key + "' is a " + std::string(config::kind_name(now->kind())) +
                                                       ", which has no 0");
    return trial;
  }
  trial.is_off = is_off(offer, resolved);
  trial.create_off = with_strength(offer, table, key, *off);
  for (const config::Value& value : other_values(*now)) {
    const Create<Regularizer> other = with_strength(offer, table, key, value);
    try {
      static_cast<void>(other());
      trial.create_other = other;
      break;
    } catch (const Error&) {
      continue;
    }
  }
  return trial;
}

}  // namespace stet::conformance
