#include <stet/cli/commands/commands.hpp>

#include <stet/base/error.hpp>
#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/cli/machine.hpp>
#include <stet/hugging_face/verify.hpp>
#include <stet/plugin/registry.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stet {

namespace {
template <class Base>
void print_offers(const char* kind, const std::vector<Offer<Base>>& offers, bool fields) {
  for (const Offer<Base>& offer : offers) {
    print_shown("  {} {}: {}\n", kind, offer.name, offer.help);
    if (fields) print_shown("{}", config::format_fields(offer.fields));
  }
}

void print_plugin(const LoadedPlugin& plugin, bool fields) {
  print_shown("{} {} by {} ({})\n", plugin.facts.name, plugin.facts.version, plugin.facts.author, plugin.file.string());
  print_offers("regularizer", plugin.offers.regularizers, fields);
  print_offers("freeze strategy", plugin.offers.freeze_strategies, fields);
  print_offers("probe", plugin.offers.probes, fields);
}
}  // namespace

// Rank 0 alone lists plugins: loading in the world's group would wait for the other ranks.
int plugin_list_command(Session& /*session*/) {
  const std::vector<std::filesystem::path> search = PluginRegistry::usual_search({});
  const std::unique_ptr<Communicator> alone = make_single_process();
  PluginRegistry registry(*alone, search);
  const std::vector<std::string> failures = registry.load_all();
  for (const auto& plugin : registry.loaded()) print_plugin(*plugin, false);
  for (const std::string& failure : failures) print_shown("refused: {}\n", failure);
  std::vector<std::string> folders;
  for (const auto& folder : search) folders.push_back(folder.string());
  if (registry.loaded().empty()) print_shown("no plugin found in: {}\n", join(folders, ", "));
  return failures.empty() ? 0 : static_cast<int>(ErrorKind::plugin);
}

int plugin_info_command(const Options& options, Session& /*session*/) {
  const std::unique_ptr<Communicator> alone = make_single_process();
  PluginRegistry registry(*alone, PluginRegistry::usual_search({}));
  static_cast<void>(registry.load_all());
  std::vector<std::string> names;
  for (const auto& plugin : registry.loaded()) {
    names.push_back(plugin->facts.name);
    if (plugin->facts.name != options.name && registry.origin(options.name) != plugin.get()) continue;
    print_plugin(*plugin, true);
    print_shown("  ABI {}, libtorch {}, file hash {}\n", plugin->facts.abi, plugin->facts.torch, plugin->hash);
    return 0;
  }
  throw Error(ErrorKind::plugin, "no plugin '" + options.name + "' is known").hint(suggestion(options.name, names));
}

int doctor_command(const Options& options) {
  const MachineReport report = inspect_machine(options.measure);
  print_shown("{}", format(report));
  print_shown("plugin search path:\n");
  for (const auto& folder : PluginRegistry::usual_search({})) {
    print_shown("  {}{}\n", folder.string(), std::filesystem::is_directory(folder) ? "" : " (absent)");
  }
  return 0;
}

int model_verify_command(const Options& options) {
  bool passed = true;
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const Verification result = verify_model(options.file, type);
    print_shown("{} in {}: {} values compared, tolerance {:.0e} relative: {}\n", result.architecture,
                type == at::kDouble ? "float64" : "float32", result.deviations.size(), result.tolerance,
                result.passed() ? "agrees" : "DIFFERS");
    for (std::size_t i = 0; i < std::min<std::size_t>(5, result.deviations.size()); ++i) {
      print_shown("  {:.2e}  {}\n", result.deviations[i].relative, result.deviations[i].name);
    }
    passed = passed && result.passed();
  }
  return passed ? 0 : static_cast<int>(ErrorKind::numerical);
}

}  // namespace stet
