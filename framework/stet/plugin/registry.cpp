#include <stet/plugin/registry.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace stet {

namespace {

Error failed_while_registering(const std::filesystem::path& file, const std::string& received) {
  return Error(ErrorKind::plugin, "the plugin failed while registering")
      .at(file.string())
      .expected("a body of STET_PLUGIN that registers its classes and returns")
      .received(received)
      .hint("this comes from the plugin's own code");
}

void same_number(const char* what, std::size_t host, std::size_t plugin, const std::filesystem::path& file) {
  if (host == plugin) return;
  throw Error(ErrorKind::plugin, std::string("the plugin's entry function answers another ") + what + " than its facts")
      .at(file.string())
      .expected(std::to_string(host))
      .received(std::to_string(plugin))
      .hint("build the plugin again with the headers of this installation");
}

bool is_name(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

}  // namespace

PluginRegistry::PluginRegistry(Communicator& communicator, std::vector<std::filesystem::path> search)
    : communicator_(communicator), search_(std::move(search)) {}

std::vector<std::filesystem::path> PluginRegistry::usual_search(std::vector<std::filesystem::path> first) {
  if (const char* path = std::getenv("STET_PLUGIN_PATH"); path != nullptr) {
    for (const std::string& folder : split(path, ':')) {
      if (!folder.empty()) first.emplace_back(folder);
    }
  }
  if (std::filesystem::path installed = installed_folder(); !installed.empty()) first.push_back(std::move(installed));
  return first;
}

std::filesystem::path PluginRegistry::installed_folder() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::path() : program.parent_path().parent_path() / "lib" / "stet-plugins";
}

/// The first step that runs foreign code.
std::unique_ptr<LoadedPlugin> PluginRegistry::open(const PluginFile& inspected) const {
  const std::filesystem::path& file = inspected.file;
  auto plugin = std::make_unique<LoadedPlugin>(LoadedPlugin{file, inspected.real, inspected.facts, inspected.hash, {}});
  void* const handle = ::dlopen(inspected.real.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    throw Error(ErrorKind::plugin, "the plugin cannot be loaded")
        .at(file.string())
        .expected("a shared object whose libraries and symbols are all found")
        .received(::dlerror())
        .hint("ldd -r " + file.string() + " shows what is missing");
  }
  const auto entry = reinterpret_cast<PluginEntry (*)()>(::dlsym(handle, "stet_plugin_entry"));
  if (entry == nullptr) {
    throw Error(ErrorKind::plugin, "the plugin has no entry function")
        .at(file.string())
        .expected("the exported symbol stet_plugin_entry, which STET_PLUGIN defines");
  }
  const PluginEntry answer = entry();
  same_number("plugin ABI", STET_PLUGIN_ABI, answer.abi, file);
  same_number("size of Registrar", sizeof(Registrar), answer.registrar_size, file);
  same_number("alignment of Registrar", alignof(Registrar), answer.registrar_alignment, file);
  try {
    answer.enroll(plugin->offers);
  } catch (const std::exception& error) {
    throw failed_while_registering(file, describe(error));
  } catch (...) {
    throw failed_while_registering(file, "something thrown that is no std::exception");
  }
  check_names(plugin->offers.regularizers, &Registrar::regularizers, "regularizers", file);
  check_names(plugin->offers.freeze_strategies, &Registrar::freeze_strategies, "freeze strategies", file);
  check_names(plugin->offers.probes, &Registrar::probes, "probes", file);
  return plugin;
}

template <class Base>
void PluginRegistry::check_names(const std::vector<Offer<Base>>& mine, std::vector<Offer<Base>> Registrar::*offers,
                                 const char* kind, const std::filesystem::path& file) const {
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const std::string& name = mine[i].name;
    if (!is_name(name)) {
      throw failed_while_registering(file, "'" + name + "' in the list of its " + kind)
          .expected("names of letters, digits, '_' and '-'")
          .hint("the name becomes the key of a TOML table");
    }
    const auto same = [&name](const Offer<Base>& other) { return other.name == name; };
    std::string owner;
    if (std::any_of(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(i), same)) owner = "the same file";
    for (const auto& other : plugins_) {
      const std::vector<Offer<Base>>& theirs = (*other).offers.*offers;
      if (std::any_of(theirs.begin(), theirs.end(), same)) owner = other->file.string();
    }
    if (owner.empty()) continue;
    throw Error(ErrorKind::plugin, std::string("two ") + kind + " are named '" + name + "'")
        .at(file.string())
        .expected("a name of its own")
        .received("already registered by " + owner)
        .hint("rename one, or take one of the files out of the search path");
  }
}

void PluginRegistry::load(const std::filesystem::path& file) {
  // Three steps, each of them with one verdict for all ranks. No code of the plugin runs before the third.
  PluginFile inspected;
  collectively(communicator_, [&] { inspected = inspect_plugin(file); });
  const std::vector<std::string> hashes = communicator_.all_gather(inspected.hash);
  for (std::size_t rank = 1; rank < hashes.size(); ++rank) {
    if (hashes[rank] != hashes[0]) {
      throw Error(ErrorKind::plugin, "the plugin is not the same file on all ranks")
          .at("rank " + std::to_string(rank) + ": " + file.filename().string())
          .expected("rank 0's bytes, hash " + hashes[0])
          .received("hash " + hashes[rank])
          .hint("copy the file to every node again");
    }
  }
  // The same on all ranks if their bytes are; ranks may differ in path, and in whether a link led to it.
  std::array<double, 2> loaded{is_loaded(inspected.real) ? 1.0 : 0.0, is_loaded(inspected.real) ? 0.0 : 1.0};
  communicator_.all_reduce_max(loaded);
  if (loaded[1] == 0.0) return;
  std::unique_ptr<LoadedPlugin> plugin;
  collectively(communicator_, [&] { plugin = open(inspected); });
  plugins_.push_back(std::move(plugin));
}

bool PluginRegistry::is_loaded(const std::filesystem::path& real) const {
  return std::any_of(plugins_.begin(), plugins_.end(), [&real](const auto& plugin) { return plugin->real == real; });
}

const LoadedPlugin& PluginRegistry::load_named(const std::string& name) {
  const std::filesystem::path given(name);
  const bool is_file = name.find('/') != std::string::npos || given.extension() == ".so";
  const std::string chosen = is_file ? name : search_for(name);
  if (!chosen.empty()) {
    load(chosen);
    // Already loaded, or the last.
    std::error_code error;
    const std::filesystem::path real = std::filesystem::canonical(chosen, error);
    for (const auto& plugin : plugins_) {
      if (plugin->real == real) return *plugin;
    }
    return *plugins_.back();
  }
  static_cast<void>(load_all());
  if (const LoadedPlugin* const found = origin(name)) return *found;
  throw not_found(name, "plugin");
}

/// Ranks may see different disks: rank 0 says which file, and load() checks that all have it. Collective.
std::string PluginRegistry::search_for(const std::string& name) {
  std::string chosen;
  for (const std::filesystem::path& folder : search_) {
    std::error_code error;
    const std::filesystem::path file = folder / (name + ".so");
    if (name.find('/') == std::string::npos && std::filesystem::exists(std::filesystem::symlink_status(file, error))) {
      chosen = file.string();
      break;
    }
  }
  return communicator_.broadcast_text(chosen, 0);
}

Error PluginRegistry::not_found(const std::string& name, const char* kind) const {
  std::vector<std::string> places, known;
  for (const std::filesystem::path& folder : search_) {
    places.push_back(folder.string());
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".so") known.push_back(entry.path().stem().string());
    }
  }
  return Error(ErrorKind::plugin, std::string("no ") + kind + " '" + name + "' is known")
      .expected("a file " + name + ".so in one of: " + join(places, ", "))
      .received("none there")
      .hint(suggestion(name, known));
}

template <class Base>
const Offer<Base>& PluginRegistry::find(const std::string& name, const char* kind,
                                        std::vector<Offer<Base>> Registrar::*offers) {
  const auto look = [&]() -> const Offer<Base>* {
    for (const auto& plugin : plugins_) {
      for (const Offer<Base>& offer : (*plugin).offers.*offers) {
        if (offer.name == name) return &offer;
      }
    }
    return nullptr;
  };
  if (const Offer<Base>* found = look()) return *found;
  const std::string chosen = search_for(name);
  if (chosen.empty()) {  // or in a file of another name
    static_cast<void>(load_all());
    if (const Offer<Base>* found = look()) return *found;
    throw not_found(name, kind);
  }
  load(chosen);
  if (const Offer<Base>* found = look()) return *found;
  throw Error(ErrorKind::plugin, std::string("the plugin file offers no ") + kind + " '" + name + "'")
      .at(chosen)
      .hint("`stet plugin info " + name + "` lists what it offers");
}

const Offer<Regularizer>& PluginRegistry::regularizer(const std::string& name) {
  return find<Regularizer>(name, "regularizer", &Registrar::regularizers);
}
const Offer<FreezeStrategy>& PluginRegistry::freeze_strategy(const std::string& name) {
  return find<FreezeStrategy>(name, "freeze strategy", &Registrar::freeze_strategies);
}
const Offer<Probe>& PluginRegistry::probe(const std::string& name) {
  return find<Probe>(name, "probe", &Registrar::probes);
}

const LoadedPlugin* PluginRegistry::origin(const std::string& name) const {
  for (const auto& plugin : plugins_) {
    const auto offers = [&name](const auto& list) {
      return std::any_of(list.begin(), list.end(), [&](const auto& offer) { return offer.name == name; });
    };
    if (offers(plugin->offers.regularizers) || offers(plugin->offers.freeze_strategies) ||
        offers(plugin->offers.probes)) {
      return plugin.get();
    }
  }
  return nullptr;
}

std::vector<std::string> PluginRegistry::load_all() {
  // Rank 0 says which files there are: every rank must make the same calls of load(), whatever its own disk holds.
  std::string listed;
  for (const std::filesystem::path& folder : search_) {
    std::error_code error;
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".so") files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    for (const std::string& file : files) listed += file + '\0';
  }
  std::vector<std::string> failures;
  for (const std::string& file : split(communicator_.broadcast_text(listed, 0), '\0')) {
    if (file.empty()) continue;
    try {
      load(file);
    } catch (const Error& refused) {
      failures.emplace_back(refused.what());
    }
  }
  return failures;
}

}  // namespace stet
