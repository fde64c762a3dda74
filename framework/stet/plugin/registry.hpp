// Loads plugin files and finds what they offer by name.
#pragma once

#include <stet/base/error.hpp>
#include <stet/comm/communicator.hpp>
#include <stet/plugin/plugin_file.hpp>
#include <stet/plugin/registrar.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace stet {

struct LoadedPlugin {
  std::filesystem::path file;  ///< absolute, as it was asked for
  std::filesystem::path real;  ///< with symbolic links resolved
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
  /// that could not. The bytes must be the same on all ranks (the path may differ). Who can write the file, whether it
  /// is whole, what it was built for and whether the ranks agree are known before any of its code runs; what its code
  /// does in static constructors is beyond control: exit(), abort() or a signal there ends the program.
  void load(const std::filesystem::path& file);
  /// Collective. Loads a file (a text with '/' or the ending .so), or the plugin of this name: NAME.so of the search
  /// path, or the file there that offers a class of this name. Throws Error (plugin).
  const LoadedPlugin& load_named(const std::string& name);

  /// Collective if the plugin is not loaded yet: NAME.so of the search path, or the file there that offers a class of
  /// this name. Throws Error (plugin) listing where it looked.
  [[nodiscard]] const Offer<Regularizer>& regularizer(const std::string& name);
  [[nodiscard]] const Offer<FreezeStrategy>& freeze_strategy(const std::string& name);
  [[nodiscard]] const Offer<Probe>& probe(const std::string& name);

  /// The group whose ranks load together.
  [[nodiscard]] Communicator& communicator() const noexcept { return communicator_; }
  /// The folder of the installation's plugins, beside the program; empty if the program's place is not known.
  [[nodiscard]] static std::filesystem::path installed_folder();
  /// The plugin file that offers `name`; nullptr if none is loaded.
  [[nodiscard]] const LoadedPlugin* origin(const std::string& name) const;
  [[nodiscard]] const std::vector<std::unique_ptr<LoadedPlugin>>& loaded() const noexcept { return plugins_; }
  /// Collective. Loads every *.so of the search path. A file that is refused is reported in the result, not thrown. For
  /// `stet plugin list`.
  [[nodiscard]] std::vector<std::string> load_all();

 private:
  template <class Base>
  const Offer<Base>& find(const std::string& name, const char* kind, std::vector<Offer<Base>> Registrar::*offers);
  template <class Base>
  void check_names(const std::vector<Offer<Base>>& mine, std::vector<Offer<Base>> Registrar::*offers, const char* kind,
                   const std::filesystem::path& file) const;
  [[nodiscard]] std::unique_ptr<LoadedPlugin> open(const PluginFile& inspected) const;
  [[nodiscard]] bool is_loaded(const std::filesystem::path& real) const;
  [[nodiscard]] std::string search_for(const std::string& name);
  [[nodiscard]] Error not_found(const std::string& name, const char* kind) const;

  Communicator& communicator_;
  std::vector<std::filesystem::path> search_;
  std::vector<std::unique_ptr<LoadedPlugin>> plugins_;
};

}  // namespace stet
