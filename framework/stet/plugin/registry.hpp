// Loads plugin files and finds what they offer by name.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/plugin/registrar.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace stet {

struct LoadedPlugin {
  std::filesystem::path file;
  AbiFacts facts;
  std::string hash;  ///< XXH3-128 of the file
  Registrar offers;
};

/// The plugins of one program. Loaded files stay loaded until the process ends (unloading code whose objects or static
/// data may live on is not safe); objects made by create() must be destroyed before the registry.
class PluginRegistry {
 public:
  /// `search`: folders in the order of preference; for the name NAME the file NAME.so is looked for.
  PluginRegistry(Communicator& communicator, std::vector<std::filesystem::path> search);

  /// The usual search path: `first` (an experiment's own folders), then STET_PLUGIN_PATH (colon-separated), then the
  /// folder installed beside the program.
  [[nodiscard]] static std::vector<std::filesystem::path> usual_search(std::vector<std::filesystem::path> first);

  /// Collective. Loads a file: every rank loads it, or every rank throws Error (plugin) with the reason of the first
  /// that could not; the file must be the same on all ranks.
  void load(const std::filesystem::path& file);

  /// Collective if the plugin is not loaded yet. Throws Error (plugin) listing where it looked.
  [[nodiscard]] const Offer<Regularizer>& regularizer(const std::string& name);
  [[nodiscard]] const Offer<FreezeStrategy>& freeze_strategy(const std::string& name);
  [[nodiscard]] const Offer<Probe>& probe(const std::string& name);

  /// The plugin file that offers `name`; nullptr if none is loaded.
  [[nodiscard]] const LoadedPlugin* origin(const std::string& name) const;
  [[nodiscard]] const std::vector<std::unique_ptr<LoadedPlugin>>& loaded() const noexcept { return plugins_; }
  /// Loads every *.so of the search path. A file that is refused is reported in the result, not thrown. For `stet plugin
  /// list`.
  [[nodiscard]] std::vector<std::string> load_all();

 private:
  template <class Base>
  const Offer<Base>& find(const std::string& name, const char* kind, std::vector<Offer<Base>> Registrar::* offers);
  [[nodiscard]] std::unique_ptr<LoadedPlugin> open(const std::filesystem::path& file) const;

  Communicator& communicator_;
  std::vector<std::filesystem::path> search_;
  std::vector<std::unique_ptr<LoadedPlugin>> plugins_;
};

}  // namespace stet
