#include <stet/plugin/registry.hpp>

#include <stet/base/error.hpp>
#include <stet/base/hash.hpp>
#include <stet/base/strings.hpp>
#include <stet/plugin/elf_section.hpp>

#include <dlfcn.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>

namespace stet {

namespace {

/// Who can write a plugin, or replace it, can run code as the user.
void refuse_world_writable(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    throw Error(ErrorKind::plugin, "cannot read plugin").at(path.string()).hint("the file must exist on every node");
  }
  const bool sticky = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
  if ((status.st_mode & S_IWOTH) != 0 && !sticky) {
    throw Error(ErrorKind::plugin, "the plugin, or its folder, is writable by everyone")
        .at(path.string())
        .hint("chmod o-w " + path.string());
  }
}

void compare(const std::string& what, const std::string& host, const std::string& plugin, const std::filesystem::path& file) {
  if (host == plugin) return;
  throw Error(ErrorKind::plugin, "the plugin was built for another " + what)
      .at(file.string())
      .expected(host)
      .received(plugin)
      .hint("build the plugin again with the headers of this installation");
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
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) first.push_back(program.parent_path().parent_path() / "lib" / "stet-plugins");
  return first;
}

std::unique_ptr<LoadedPlugin> PluginRegistry::open(const std::filesystem::path& given) const {
  const std::filesystem::path file = std::filesystem::absolute(given);
  refuse_world_writable(file);
  refuse_world_writable(file.parent_path());
  // What the file says of itself, before any of its code runs.
  const std::optional<std::string> section = read_elf_section(file, ".stet.plugin");
  if (!section) {
    throw Error(ErrorKind::plugin, "not a stet plugin: it has no section .stet.plugin")
        .at(file.string())
        .hint("a plugin's source has one STET_PLUGIN(...) { ... }");
  }
  auto plugin = std::make_unique<LoadedPlugin>();
  plugin->file = file;
  plugin->facts = parse_facts(*section, file.string());
  plugin->hash = hash_file(file);
  const AbiFacts host = host_facts();
  compare("plugin ABI", std::to_string(host.abi), std::to_string(plugin->facts.abi), file);
  compare("libtorch", host.torch, plugin->facts.torch, file);
  compare("C++ library ABI (_GLIBCXX_USE_CXX11_ABI)", host.cxx11_abi, plugin->facts.cxx11_abi, file);

  void* const handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    throw Error(ErrorKind::plugin, "the plugin cannot be loaded").at(file.string()).received(::dlerror());
  }
  const auto entry = reinterpret_cast<PluginEntry (*)()>(::dlsym(handle, "stet_plugin_entry"));
  if (entry == nullptr) {
    throw Error(ErrorKind::plugin, "the plugin has no entry function").at(file.string()).expected("stet_plugin_entry");
  }
  const PluginEntry answer = entry();
  compare("plugin ABI", std::to_string(STET_PLUGIN_ABI), std::to_string(answer.abi), file);
  compare("size of Registrar", std::to_string(sizeof(Registrar)), std::to_string(answer.registrar_size), file);
  compare("alignment of Registrar", std::to_string(alignof(Registrar)), std::to_string(answer.registrar_alignment), file);
  try {
    answer.enroll(plugin->offers);
  } catch (const std::exception& error) {
    throw Error(ErrorKind::plugin, "the plugin failed while registering").at(file.string()).received(describe(error));
  }
  const auto check = [&](const auto& mine, auto member, const char* kind) {
    for (std::size_t i = 0; i < mine.size(); ++i) {
      const auto same = [&](const auto& other) { return other.name == mine[i].name; };
      bool twice = std::any_of(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(i), same);
      std::string owner = file.string();
      for (const auto& other : plugins_) {
        if (std::any_of((other->offers.*member).begin(), (other->offers.*member).end(), same)) {
          twice = true;
          owner = other->file.string();
        }
      }
      if (twice) {
        throw Error(ErrorKind::plugin, std::string("two ") + kind + " are named '" + mine[i].name + "'")
            .at(file.string())
            .received("already registered by " + owner);
      }
    }
  };
  check(plugin->offers.regularizers, &Registrar::regularizers, "regularizers");
  check(plugin->offers.freeze_strategies, &Registrar::freeze_strategies, "freeze strategies");
  check(plugin->offers.probes, &Registrar::probes, "probes");
  return plugin;
}

void PluginRegistry::load(const std::filesystem::path& file) {
  for (const auto& plugin : plugins_) {
    if (plugin->file == std::filesystem::absolute(file)) return;
  }
  std::unique_ptr<LoadedPlugin> plugin;
  collectively(communicator_, [&] { plugin = open(file); });
  const std::vector<std::string> hashes = communicator_.all_gather(plugin->hash);
  for (std::size_t rank = 1; rank < hashes.size(); ++rank) {
    if (hashes[rank] != hashes[0]) {
      throw Error(ErrorKind::plugin, "the plugin is not the same file on all ranks")
          .at(file.string())
          .expected("rank 0: " + hashes[0])
          .received("rank " + std::to_string(rank) + ": " + hashes[rank]);
    }
  }
  plugins_.push_back(std::move(plugin));
}

template <class Base>
const Offer<Base>& PluginRegistry::find(const std::string& name, const char* kind,
                                        std::vector<Offer<Base>> Registrar::* offers) {
  const auto look = [&]() -> const Offer<Base>* {
    for (const auto& plugin : plugins_) {
      for (const Offer<Base>& offer : (*plugin).offers.*offers) {
        if (offer.name == name) return &offer;
      }
    }
    return nullptr;
  };
  if (const Offer<Base>* found = look()) return *found;
  // Ranks may see different disks: rank 0 says which file, and load() checks that all have it.
  std::string chosen;
  for (const std::filesystem::path& folder : search_) {
    const std::filesystem::path file = folder / (name + ".so");
    if (name.find('/') == std::string::npos && std::filesystem::exists(file)) {
      chosen = file.string();
      break;
    }
  }
  chosen = communicator_.broadcast_text(chosen, 0);
  if (!chosen.empty()) {
    load(chosen);
    if (const Offer<Base>* found = look()) return *found;
    throw Error(ErrorKind::plugin, std::string("the plugin file offers no ") + kind + " '" + name + "'").at(chosen);
  }
  std::vector<std::string> places, known;
  for (const std::filesystem::path& folder : search_) {
    places.push_back(folder.string());
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".so") known.push_back(entry.path().stem().string());
    }
  }
  throw Error(ErrorKind::plugin, std::string("no ") + kind + " '" + name + "' is known")
      .expected("a file " + name + ".so in one of: " + join(places, ", "))
      .hint(suggestion(name, known));
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
    if (offers(plugin->offers.regularizers) || offers(plugin->offers.freeze_strategies) || offers(plugin->offers.probes)) {
      return plugin.get();
    }
  }
  return nullptr;
}

std::vector<std::string> PluginRegistry::load_all() {
  std::vector<std::string> failures;
  for (const std::filesystem::path& folder : search_) {
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      if (entry.path().extension() == ".so") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      try {
        load(file);
      } catch (const Error& refused) {
        failures.emplace_back(refused.what());
      }
    }
  }
  return failures;
}

}  // namespace stet
