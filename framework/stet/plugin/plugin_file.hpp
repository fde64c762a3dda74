// What is known of a plugin file before any of its code runs: who can write it, whether it is whole, what it was built
// for.
#pragma once

#include <stet/plugin/abi.hpp>

#include <sys/types.h>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

struct PluginFile {
  std::filesystem::path file;  ///< absolute, as it was asked for
  std::filesystem::path real;  ///< with symbolic links resolved
  std::string hash;            ///< XXH3-128 of its bytes
  AbiFacts facts;
};

/// Reads the file (it must be a regular one; a pipe is not waited for) and refuses with Error (plugin) what cannot be a
/// plugin for this host: see check_access and inspect_bytes. The folder of the file, and that of the link that leads to
/// it, are checked too; the folders above these are not.
[[nodiscard]] PluginFile inspect_plugin(const std::filesystem::path& file);

/// Refuses a file or folder that everyone can write, or that belongs to a user who is not trusted: who can write a
/// plugin, or replace it in its folder, runs code as the user. A folder's sticky bit is no excuse, since it lets others
/// add files. `mode` and `owner` as stat() gives them.
void check_access(const std::filesystem::path& path, mode_t mode, uid_t owner, std::span<const uid_t> trusted);

/// Root, this user, and the owner of this program, whose code runs anyway (an installation for several users).
[[nodiscard]] std::vector<uid_t> trusted_owners();

/// The facts of a plugin with these bytes. Throws Error (plugin) if it is no shared object for this machine, is
/// damaged, has no facts or no entry function, or was built for another host than this one.
[[nodiscard]] AbiFacts inspect_bytes(std::string_view bytes, const std::string& name);

}  // namespace stet
