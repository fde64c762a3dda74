#include <stet/plan/check/plugin_use_check.hpp>

#include <stet/base/error.hpp>
#include <stet/plan/sets_config.hpp>
#include <stet/plugin/guard.hpp>

#include <fmt/format.h>

#include <utility>

namespace stet {

namespace {

std::string text_of(const config::Source& source) {
  return source.line > 0 ? fmt::format("{}:{}:{}", source.file, source.line, source.column) : source.file;
}

/// What the run's examples will be called, with their sizes as far as the file says them.
std::vector<CheckContext::Set> sets_of(const SetsConfig& sets) {
  std::vector<CheckContext::Set> result;
  for (const std::string& name : sets.names()) result.push_back({name, sets.size_of(name), true});
  for (const char* name : text_set_names) result.push_back({name, -1, false});
  return result;
}

template <class Base>
void check_one(const std::string& arm, const PluginUse& use, const CheckContext& context, const char* kind,
               const Offer<Base>& offer) {
  try {
    offer.create(use.parameters)->check(context);
  } catch (...) {
    Error error = hook_error("");
    const std::string place = text_of(use.written.source());
    Error named(error.kind(), fmt::format("arm {}, {} '{}': {}", arm, kind, use.key, error.message()));
    named.expected(error.expected()).received(error.received()).hint(error.hint()).detail(error.detail());
    // Errors of the context are placed at the key; others know at best the name of their own table.
    const bool has_file = !use.written.source().file.empty() && error.where().starts_with(use.written.source().file);
    if (has_file || place.empty() || error.where().starts_with("--set ")) throw named.at(error.where());
    throw named.at(place);
  }
}

}  // namespace

void check_uses(const std::string& arm, const RunConfig& config, const KnownModel& model, PluginRegistry& registry) {
  const ParameterTable table(model.shape);
  const std::vector<CheckContext::Set> sets = sets_of(config.sets);
  const auto each = [&](const std::vector<PluginUse>& uses, const char* table_name, const char* kind,
                        const auto& offer) {
    for (const PluginUse& use : uses) {
      std::vector<CheckContext::Phase> phases;
      for (const PhaseConfig& phase : config.phases)
        phases.push_back({phase.name, phase.sets, phase.epochs, use.acts_in(phase.name)});
      const CheckContext context{fmt::format("{}.{}", table_name, use.key),
                                 use.written,
                                 std::move(phases),
                                 sets,
                                 table,
                                 model.shape,
                                 model.vocabulary_known,
                                 config.train.micro_shards};
      check_one(arm, use, context, kind, offer(use.plugin));
    }
  };
  each(
      config.regularizers, "regularizer",
      "regularizer", [&](const std::string& name) -> auto& { return registry.regularizer(name); });
  each(
      config.freezes, "freeze",
      "freeze strategy", [&](const std::string& name) -> auto& { return registry.freeze_strategy(name); });
  each(
      config.probes, "probe", "probe", [&](const std::string& name) -> auto& { return registry.probe(name); });
}

}  // namespace stet
