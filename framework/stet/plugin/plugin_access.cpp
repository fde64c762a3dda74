#include <stet/plugin/plugin_access.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/strings.hpp>

#include <fmt/format.h>

#include <grp.h>
#include <pwd.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

namespace stet {

namespace {

std::string name_of_user(uid_t user) {
  const passwd* const entry = ::getpwuid(user);
  return entry == nullptr ? std::to_string(user) : fmt::format("{} ({})", user, entry->pw_name);
}

std::string name_of_group(gid_t group) {
  const ::group* const entry = ::getgrgid(group);
  return entry == nullptr ? std::to_string(group) : fmt::format("{} ({})", group, entry->gr_name);
}

/// The owner that the files of users have whom this user namespace does not know; nothing where all are known.
std::optional<uid_t> owner_of_unmapped() {
  std::ifstream map("/proc/self/uid_map");
  std::uint64_t inside = 0, outside = 0, count = 0;
  if (!(map >> inside >> outside >> count) || (inside == 0 && outside == 0 && count == UINT32_MAX)) return std::nullopt;
  std::uint64_t overflow = 65534;
  std::ifstream("/proc/sys/kernel/overflowuid") >> overflow;
  return static_cast<uid_t>(overflow);
}

const char* name_of(PluginPart part) {
  switch (part) {
    case PluginPart::file: return "the plugin";
    case PluginPart::folder: return "the plugin's folder";
    case PluginPart::above: break;
  }
  return "a folder above the plugin";
}

/// An access control list may let single users write: the mode's group bits then are its mask.
bool has_access_list(const std::filesystem::path& path) {
  return ::getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) > 0;
}

}  // namespace

std::filesystem::path this_program() {
  std::error_code unknown;
  return std::filesystem::canonical("/proc/self/exe", unknown);
}

std::vector<uid_t> trusted_owners() {
  std::vector<uid_t> users = {0};
  const auto add = [&users](uid_t user) {
    if (std::find(users.begin(), users.end(), user) == users.end()) users.push_back(user);
  };
  add(::geteuid());
  std::filesystem::path part = this_program();
  for (bool last = part.empty(); !last; part = part.parent_path()) {
    struct stat status {};
    if (::stat(part.c_str(), &status) == 0) add(status.st_uid);
    last = part == part.parent_path();
  }
  return users;
}

bool is_private_group(gid_t group, uid_t user) {
  const passwd* const owner = ::getpwuid(user);
  if (owner == nullptr) return false;
  const std::string name = owner->pw_name;
  const ::group* const entry = ::getgrgid(group);
  if (entry == nullptr || name != entry->gr_name) return false;
  for (char** member = entry->gr_mem; *member != nullptr; ++member) {
    if (name != *member) return false;
  }
  bool alone = true;
  ::setpwent();
  while (const passwd* const other = ::getpwent()) alone = alone && (other->pw_gid != group || other->pw_uid == user);
  ::endpwent();
  return alone;
}

void check_access(const std::filesystem::path& path, const struct stat& status, PluginPart part,
                  std::span<const uid_t> trusted, const std::function<bool(gid_t, uid_t)>& private_group) {
  const std::string what = name_of(part);
  const std::string facts = fmt::format("mode {:04o}, owner {}, group {}", status.st_mode & 07777U,
                                        name_of_user(status.st_uid), name_of_group(status.st_gid));
  const bool sticky = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
  if (std::find(trusted.begin(), trusted.end(), status.st_uid) == trusted.end()) {
    std::vector<std::string> users;
    for (const uid_t user : trusted) users.push_back(std::to_string(user));
    throw Error(ErrorKind::plugin, what + " belongs to another user")
        .at(path.string())
        .expected("owner root, this user, or an owner of this program or of a folder above it: " + join(users, ", "))
        .received(fmt::format("owner {}; {}", status.st_uid, facts))
        .hint("copy the plugin into a folder of your own");
  }
  if (part == PluginPart::above && sticky) return;
  const auto refuse = [&](const char* by, const char* mend, const std::string& received) {
    throw Error(ErrorKind::plugin, what + " is writable by " + by)
        .at(path.string())
        .expected("write permission for its owner alone, or for a group of the owner's own too")
        .received(received + "; " + facts)
        .hint(std::string("chmod ") + mend + " " + path.string() +
              (status.st_uid == ::geteuid() ? "" : " (its owner can), or move to a folder that you alone can write"));
  };
  if ((status.st_mode & S_IWOTH) != 0) {
    refuse("everyone", (status.st_mode & S_IWGRP) != 0 ? "go-w" : "o-w",
           sticky ? "permission for all; the sticky bit does not keep others from adding files" : "permission for all");
  }
  if ((status.st_mode & S_IWGRP) == 0) return;
  if (has_access_list(path)) refuse("others", "g-w", "an access control list that may let others write");
  if (!private_group(status.st_gid, status.st_uid)) refuse("its group", "g-w", "permission for a group of others");
}

void check_folders(const std::filesystem::path& folder, std::span<const uid_t> trusted,
                   const std::filesystem::path& program) {
  std::vector<uid_t> above(trusted.begin(), trusted.end());
  if (const std::optional<uid_t> unmapped = owner_of_unmapped()) above.push_back(*unmapped);
  PluginPart part = PluginPart::folder;
  for (std::filesystem::path at = folder;; at = at.parent_path()) {
    if (part == PluginPart::above && lies_in(at, program)) return;  // and so are all above it
    struct stat status {};
    if (::stat(at.c_str(), &status) != 0) {
      throw Error(ErrorKind::plugin, std::string("cannot look at ") + name_of(part))
          .at(at.string())
          .received(std::strerror(errno));
    }
    check_access(at, status, part, part == PluginPart::folder ? trusted : std::span<const uid_t>(above));
    part = PluginPart::above;
    if (at == at.parent_path()) return;
  }
}

}  // namespace stet
