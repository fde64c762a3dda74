// Files that a file names: they stay in the folder that they belong to.
#pragma once

#include <stet/base/error.hpp>

#include <filesystem>
#include <string>

namespace stet {

/// Whether `file` is `folder` or below it, by their names alone: both without symbolic links.
[[nodiscard]] bool lies_in(const std::filesystem::path& folder, const std::filesystem::path& file);

/// `folder / name`, where `name` is what the file `named_by` says. Throws Error (`kind`), naming both, for a name that
/// is empty, absolute, has a part "..", or leads out of the folder through a symbolic link; as stays_within() does.
[[nodiscard]] std::filesystem::path contained_path(const std::filesystem::path& folder, const std::string& name,
                                                   const std::string& named_by, ErrorKind kind = ErrorKind::data);

/// `file`, which lies in `folder` by its name. Throws Error (`kind`) if it is a symbolic link, or behind one, that
/// leads out of the folder: `folder` itself may be one, it is what a user named. Links of Hugging Face's cache are
/// followed: from models--NAME/snapshots/REVISION into models--NAME/blobs. A file that does not exist is nobody's
/// matter here.
[[nodiscard]] std::filesystem::path stays_within(const std::filesystem::path& folder, const std::filesystem::path& file,
                                                 ErrorKind kind = ErrorKind::data);

}  // namespace stet
