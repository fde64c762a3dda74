// How a plugin makes its classes known, and how the engine makes objects of them.
#pragma once

#include <stet/config/schema.hpp>
#include <stet/plugin/abi.hpp>
#include <stet/plugin/freeze_strategy.hpp>
#include <stet/plugin/probe.hpp>
#include <stet/plugin/regularizer.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// One registered class: its documentation, and how to make an object from its TOML table.
template <class Base>
struct Offer {
  std::string name, help;
  std::vector<config::FieldInfo> fields;
  /// Throws Error (config) for unknown keys and bad values.
  std::function<std::unique_ptr<Base>(const config::Value& table)> create;
  /// The table with every default filled in, for the run record.
  std::function<config::Value(const config::Value& table)> resolve;
};

/// Collects what one plugin file offers. Passed to the body of STET_PLUGIN.
class Registrar {
 public:
  /// `Class` is made from `const P&`. `name` is the key of its table: [regularizer.NAME], [freeze.NAME], [probe.NAME].
  template <class Class, class P>
  void regularizer(std::string name, std::string help, config::Schema<P> schema) {
    regularizers.push_back(offer<Regularizer, Class>(std::move(name), std::move(help), std::move(schema)));
  }
  template <class Class, class P>
  void freeze_strategy(std::string name, std::string help, config::Schema<P> schema) {
    freeze_strategies.push_back(offer<FreezeStrategy, Class>(std::move(name), std::move(help), std::move(schema)));
  }
  template <class Class, class P>
  void probe(std::string name, std::string help, config::Schema<P> schema) {
    probes.push_back(offer<Probe, Class>(std::move(name), std::move(help), std::move(schema)));
  }

  std::vector<Offer<Regularizer>> regularizers;
  std::vector<Offer<FreezeStrategy>> freeze_strategies;
  std::vector<Offer<Probe>> probes;

 private:
  template <class Base, class Class, class P>
  static Offer<Base> offer(std::string name, std::string help, config::Schema<P> schema) {
    return {std::move(name), std::move(help), schema.fields(),
            [schema](const config::Value& table) -> std::unique_ptr<Base> {
              return std::make_unique<Class>(schema.read(table));
            },
            [schema](const config::Value& table) { return schema.resolve(schema.read(table)); }};
  }
};

}  // namespace stet

/// Begins the body that registers a plugin's classes; `registrar` is in scope. One a shared object.
#define STET_PLUGIN(NAME, VERSION, AUTHOR)                                                                     \
  static void stet_plugin_enroll(::stet::Registrar&);                                                          \
  extern "C" {                                                                                                 \
  extern __attribute__((visibility("default"))) const char stet_plugin_facts[];                                \
  __attribute__((section(".stet.plugin"), used)) const char stet_plugin_facts[] =                              \
      STET_ABI_FACTS "name=" NAME "\nversion=" VERSION "\nauthor=" AUTHOR "\n";                                \
  __attribute__((visibility("default"))) ::stet::PluginEntry stet_plugin_entry();                              \
  ::stet::PluginEntry stet_plugin_entry() {                                                                    \
    return {STET_PLUGIN_ABI, sizeof(::stet::Registrar), alignof(::stet::Registrar), &stet_plugin_enroll};      \
  }                                                                                                            \
  }                                                                                                            \
  static void stet_plugin_enroll(::stet::Registrar& registrar)
