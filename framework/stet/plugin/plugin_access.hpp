// Who can write a plugin, or replace it: whoever can, runs code as this user.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <span>
#include <vector>

namespace stet {

/// Without symbolic links; empty if the system does not tell.
[[nodiscard]] std::filesystem::path this_program();
/// The users who can change what this process runs anyway: root, this user, and the owners of this program and of the
/// folders above it (an installation for several users; a container's root in a checkout of another user).
[[nodiscard]] std::vector<uid_t> trusted_owners();

enum class PluginPart { file, folder, above };  ///< the plugin, its folder, a folder above that one

/// Whether a group is its user's alone: it has the user's name, no other member, and is nobody else's first group, as
/// far as the system's lists tell. Such groups come with umask 002.
[[nodiscard]] bool is_private_group(gid_t group, uid_t user);

/// Refuses with Error (plugin) one part of a plugin's path whose owner is not trusted, or that others can write: the
/// group too, unless `private_group(group, owner)`. The sticky bit excuses a folder above alone: others can add to it,
/// and cannot rename what is not theirs. `status` as stat() gives it. The message has path, mode and owner, and the
/// chmod that mends it.
void check_access(const std::filesystem::path& path, const struct stat& status, PluginPart part,
                  std::span<const uid_t> trusted,
                  const std::function<bool(gid_t, uid_t)>& private_group = is_private_group);

/// check_access() of every part of a path without symbolic links, from the plugin's folder up to / or to the first
/// folder above it that `program` lies in too: who can replace that one replaces the program as well. So a project's
/// folder that its group may write can hold stet with its plugins. Where user identities are mapped (containers without
/// root) what belongs to nobody that is mapped is accepted above the folder: the host's root looks like that.
void check_folders(const std::filesystem::path& folder, std::span<const uid_t> trusted,
                   const std::filesystem::path& program = this_program());

}  // namespace stet
