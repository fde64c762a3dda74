// What is known of a plugin file before any of its code runs: who can write it, whether it is whole, what it was built
// for.
#pragma once

#include <stet/plugin/abi.hpp>

#include <filesystem>
#include <string>
#include <string_view>

namespace stet {

struct PluginFile {
  std::filesystem::path file;  ///< absolute, as it was asked for
  std::filesystem::path real;  ///< with symbolic links resolved
  std::string hash;            ///< XXH3-128 of its bytes
  AbiFacts facts;
};

/// Reads the file (it must be a regular one; a pipe is not waited for) and refuses with Error (plugin) what cannot be a
/// plugin for this host: see check_access (plugin_access.hpp) and inspect_bytes. The folder of the file, that of the
/// link that leads to it, and all folders above these are checked too.
[[nodiscard]] PluginFile inspect_plugin(const std::filesystem::path& file);

/// The facts of a plugin with these bytes. Throws Error (plugin) if it is no shared object for this machine, is
/// damaged, has no facts or no entry function, or was built for another host than this one.
[[nodiscard]] AbiFacts inspect_bytes(std::string_view bytes, const std::string& name);

}  // namespace stet
