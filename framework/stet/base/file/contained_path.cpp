#include <stet/base/file/contained_path.hpp>

#include <algorithm>
#include <system_error>

namespace stet {

namespace fs = std::filesystem;

bool lies_in(const fs::path& folder, const fs::path& file) {
  return std::mismatch(folder.begin(), folder.end(), file.begin(), file.end()).first == folder.end();
}

fs::path stays_within(const fs::path& folder, const fs::path& file, ErrorKind kind) {
  std::error_code error;
  // An empty path is the working folder's.
  const fs::path home = fs::canonical(folder.empty() ? fs::path(".") : folder, error);
  if (error) return file;  // whoever opens it says why it cannot
  const fs::path real = fs::canonical(file, error);
  if (!error && fs::is_other(fs::status(real, error)))  // a pipe would be waited for
    throw Error(kind, "not a regular file").at(file.string());
  if (error || lies_in(home, real)) return file;
  const fs::path snapshots = home.parent_path();
  if (snapshots.filename() == "snapshots" && lies_in(snapshots.parent_path() / "blobs", real)) return file;
  throw Error(kind, "a symbolic link leads out of its folder")
      .at(file.string())
      .expected("a file in " + home.string())
      .received(real.string())
      .hint("put the file itself there, if you trust where the link leads");
}

fs::path contained_path(const fs::path& folder, const std::string& name, const std::string& named_by, ErrorKind kind) {
  const fs::path given(name);
  const bool climbs = std::find(given.begin(), given.end(), "..") != given.end();
  if (name.empty() || given.is_absolute() || climbs || name.find('\0') != std::string::npos) {
    throw Error(kind, "a file names another one that does not lie in its folder")
        .at(named_by)
        .expected("a relative path without '..'")
        .received("'" + name + "'")
        .hint("the file was altered, or made to read or write elsewhere: do not use it");
  }
  return stays_within(folder, folder / given, kind);
}

}  // namespace stet
