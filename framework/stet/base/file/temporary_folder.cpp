#include <stet/base/file/temporary_folder.hpp>

#include <stet/base/error.hpp>

#include <stdlib.h>

#include <string>
#include <system_error>

namespace stet {

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "stet-check-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw Error(ErrorKind::checkpoint, "cannot make a temporary folder")
        .at(name)
        .hint("set TMPDIR to a folder that can be written");
  }
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace stet
