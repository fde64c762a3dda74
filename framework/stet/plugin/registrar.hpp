// How a plugin makes its classes known, and how the engine makes objects of them.
#pragma once

#include <stet/config/schema.hpp>
#include <stet/plugin/abi.hpp>
#include <stet/plugin/freeze_strategy.hpp>
#include <stet/plugin/probe.hpp>
#include <stet/plugin/regularizer.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace stet {

/// One registered class: its documentation, and how to make an object from its TOML table.
template <class Base>
struct Offer {
  /// The key whose value 0 turns the class off, for the conformance kit; without it `strength` or `lambda` if there is
  /// such a field.
  Offer& strength(std::string key) {
    strength_key = std::move(key);
    return *this;
  }
  /// Parameters (TOML) with which the conformance kit tries the class, where the defaults alone are not valid.
  Offer& example(std::string toml) {
    example_table = std::move(toml);
    return *this;
  }

  std::string name, help;
  std::vector<config::FieldInfo> fields;
  /// Throws Error (config) for unknown keys and bad values.
  std::function<std::unique_ptr<Base>(const config::Value& table)> create;
  /// The table with every default filled in, for the run record.
  std::function<config::Value(const config::Value& table)> resolve;
  std::string strength_key, example_table;
};

/// The key whose value 0 (false) turns a regularizer off, or nothing: the declared one, else a field `strength` or
/// `lambda`.
[[nodiscard]] std::string strength_key_of(const Offer<Regularizer>& offer);
/// That key's value in a resolved table of the class (a key with dots is of a nested table); nullptr if it has none.
/// Valid as long as the table.
[[nodiscard]] const config::Value* strength_in(const Offer<Regularizer>& offer, const config::Value& resolved);
/// Whether that value is 0, or false.
[[nodiscard]] bool is_off(const Offer<Regularizer>& offer, const config::Value& resolved);

/// Throws Error (plugin) if a regularizer declares a site whose hook its class does not override.
void check_site(const std::string& name, Site site, bool has_output_loss, bool has_add_gradient);

/// Collects what one plugin file offers. Passed to the body of STET_PLUGIN.
class Registrar {
 public:
  /// `Class` is made from `const P&`. `name` is the key of its table: [regularizer.NAME], [freeze.NAME], [probe.NAME].
  /// What is returned may be completed by strength() and example(), and is valid until the next class is registered.
  template <class Class, class P>
  Offer<Regularizer>& regularizer(std::string name, std::string help, config::Schema<P> schema) {
    return regularizers.emplace_back(offer<Regularizer, Class>(std::move(name), std::move(help), std::move(schema)));
  }
  template <class Class, class P>
  Offer<FreezeStrategy>& freeze_strategy(std::string name, std::string help, config::Schema<P> schema) {
    return freeze_strategies.emplace_back(
        offer<FreezeStrategy, Class>(std::move(name), std::move(help), std::move(schema)));
  }
  template <class Class, class P>
  Offer<Probe>& probe(std::string name, std::string help, config::Schema<P> schema) {
    return probes.emplace_back(offer<Probe, Class>(std::move(name), std::move(help), std::move(schema)));
  }

  std::vector<Offer<Regularizer>> regularizers;
  std::vector<Offer<FreezeStrategy>> freeze_strategies;
  std::vector<Offer<Probe>> probes;

 private:
  // The name of a member that is not overridden has the base's type. A private override cannot be named: it counts.
  template <class Class>
  [[nodiscard]] static constexpr bool overrides_output_loss() {
    if constexpr (requires { &Class::output_loss; }) {
      return !std::is_same_v<decltype(&Class::output_loss), decltype(&Regularizer::output_loss)>;
    }
    return true;
  }
  template <class Class>
  [[nodiscard]] static constexpr bool overrides_add_gradient() {
    if constexpr (requires { &Class::add_gradient; }) {
      return !std::is_same_v<decltype(&Class::add_gradient), decltype(&Regularizer::add_gradient)>;
    }
    return true;
  }

  template <class Base, class Class, class P>
  static Offer<Base> offer(std::string name, std::string help, config::Schema<P> schema) {
    return {std::move(name),
            std::move(help),
            schema.fields(),
            [schema](const config::Value& table) -> std::unique_ptr<Base> {
              auto object = std::make_unique<Class>(schema.read(table));
              if constexpr (std::is_same_v<Base, Regularizer>) {
                check_site(schema.name(), object->site(), overrides_output_loss<Class>(),
                           overrides_add_gradient<Class>());
              }
              return object;
            },
            [schema](const config::Value& table) { return schema.resolve(schema.read(table)); },
            "",
            ""};
  }
};

/// The text of the facts section; the rest is filled with zero bytes.
template <std::size_t N>
struct FactsText {
  char text[N] = {};
};

/// `known` and a line `layout=`: size/alignment of the classes that cross the boundary, as this compiler lays them out.
template <std::size_t N>
consteval auto plugin_facts(const char (&known)[N]) {
  FactsText<N + 400> facts;
  std::size_t at = 0;
  const auto text = [&](const char* part) {
    while (*part != 0) facts.text[at++] = *part++;
  };
  const auto number = [&](std::size_t value) {
    std::size_t power = 1;
    while (value / power >= 10) power *= 10;
    for (; power > 0; power /= 10) facts.text[at++] = static_cast<char>('0' + value / power % 10);
  };
  const auto layout = [&](const char* name, std::size_t size, std::size_t alignment) {
    text(name);
    text(" ");
    number(size);
    text("/");
    number(alignment);
  };
  text(known);
  layout("layout=Registrar", sizeof(Registrar), alignof(Registrar));
  layout(", Offer", sizeof(Offer<Regularizer>), alignof(Offer<Regularizer>));
  layout(", OutputContext", sizeof(OutputContext), alignof(OutputContext));
  layout(", WeightContext", sizeof(WeightContext), alignof(WeightContext));
  layout(", CheckContext", sizeof(CheckContext), alignof(CheckContext));
  layout(", PhaseContext", sizeof(PhaseContext), alignof(PhaseContext));
  layout(", ProbeContext", sizeof(ProbeContext), alignof(ProbeContext));
  layout(", Measurement", sizeof(Measurement), alignof(Measurement));
  layout(", FactMeasurement", sizeof(FactMeasurement), alignof(FactMeasurement));
  layout(", ProbeFact", sizeof(ProbeFact), alignof(ProbeFact));
  layout(", TrainableSelection", sizeof(TrainableSelection), alignof(TrainableSelection));
  layout(", ParameterInfo", sizeof(ParameterInfo), alignof(ParameterInfo));
  layout(", Transformer", sizeof(Transformer), alignof(Transformer));
  text("\n");
  return facts;
}

}  // namespace stet

/// Begins the body that registers a plugin's classes; `registrar` is in scope. One a shared object.
#define STET_PLUGIN(NAME, VERSION, AUTHOR)                                                                \
  static void stet_plugin_enroll(::stet::Registrar&);                                                     \
  extern "C" {                                                                                            \
  __attribute__((section(".stet.plugin"), used)) static constexpr auto stet_plugin_facts =                \
      ::stet::plugin_facts(STET_ABI_FACTS "name=" NAME "\nversion=" VERSION "\nauthor=" AUTHOR "\n");     \
  __attribute__((visibility("default"))) ::stet::PluginEntry stet_plugin_entry();                         \
  ::stet::PluginEntry stet_plugin_entry() {                                                               \
    return {STET_PLUGIN_ABI, sizeof(::stet::Registrar), alignof(::stet::Registrar), &stet_plugin_enroll}; \
  }                                                                                                       \
  }                                                                                                       \
  static void stet_plugin_enroll(::stet::Registrar& registrar)
