#include <stet/plugin/plugin_file.hpp>

#include <stet/base/error.hpp>
#include <stet/base/hash.hpp>
#include <stet/base/strings.hpp>
#include <stet/plugin/elf_file.hpp>
#include <stet/plugin/plugin_access.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>

namespace stet {

namespace {

constexpr off_t largest_plugin = off_t{1} << 32;  // it is read whole: a sparse file may claim any size

/// An open file, closed at the end.
class Descriptor {
 public:
  /// O_NONBLOCK: a FIFO that nobody writes would be waited for without end.
  explicit Descriptor(const std::filesystem::path& path)
      : number_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

std::string sort_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

Error unreadable(const std::filesystem::path& path, const std::string& reason) {
  return Error(ErrorKind::plugin, "cannot read the plugin")
      .at(path.string())
      .expected("a shared object that this user may read")
      .received(reason)
      .hint("the file must exist on every node, and this user must be allowed to read it");
}

std::string read_bytes(const Descriptor& file, std::size_t size, const std::filesystem::path& path) {
  std::string bytes(size, '\0');
  std::size_t have = 0;
  while (have < size) {
    const ssize_t got = ::read(file.number(), bytes.data() + have, size - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw unreadable(path, std::strerror(errno));
    if (got == 0) break;  // shortened meanwhile
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

void compare(const std::string& what, const std::string& host, const std::string& plugin, const std::string& name) {
  if (host == plugin) return;
  throw Error(ErrorKind::plugin, "the plugin was built for another " + what)
      .at(name)
      .expected(host)
      .received(plugin)
      .hint("build the plugin again with the headers and libraries of this installation");
}

}  // namespace

namespace {
/// "1.13" of "1.13.0".
std::string release_of(const std::string& version) { return version.substr(0, version.rfind('.')); }
}  // namespace

AbiFacts inspect_bytes(std::string_view bytes, const std::string& name) {
  const ElfFile elf(bytes, name);
  const std::optional<std::string_view> section = elf.section(".stet.plugin");
  if (!section) {
    throw Error(ErrorKind::plugin, "not a stet plugin: it has no section .stet.plugin")
        .at(name)
        .expected("the facts that STET_PLUGIN puts there")
        .received("a shared object without them")
        .hint("a plugin's source has one STET_PLUGIN(...) { ... }");
  }
  AbiFacts facts = parse_facts(*section, name);
  const AbiFacts host = host_facts();
  if (facts.abi != host.abi) {
    throw Error(ErrorKind::plugin, std::string("the plugin was built for ") +
                                       (facts.abi < host.abi ? "an older" : "a newer") + " plugin ABI")
        .at(name)
        .expected(std::to_string(host.abi))
        .received(std::to_string(facts.abi))
        .hint(facts.abi < host.abi
                  ? "build the plugin again with the headers of this installation"
                  : "build the plugin again with the headers of this installation, or use a newer stet");
  }
  // Patch releases keep names and layouts; a symbol that one of them lacks is found when the file is loaded (RTLD_NOW).
  if (release_of(host.torch) != release_of(facts.torch)) compare("libtorch", host.torch, facts.torch, name);
  compare("C++ library ABI (_GLIBCXX_USE_CXX11_ABI)", host.cxx11_abi, facts.cxx11_abi, name);
  compare("C++ standard library", host.stdlib, facts.stdlib, name);
  compare("layout of stet's classes (size/alignment)", host.layout, facts.layout, name);
  if (!elf.defines("stet_plugin_entry")) {
    throw Error(ErrorKind::plugin, "the plugin has no entry function")
        .at(name)
        .expected("the exported symbol stet_plugin_entry, which STET_PLUGIN defines")
        .received("a file that does not define it")
        .hint("do not hide it with a linker script or by stripping dynamic symbols");
  }
  return facts;
}

PluginFile inspect_plugin(const std::filesystem::path& given) {
  PluginFile result;
  result.file = std::filesystem::absolute(given).lexically_normal();
  std::error_code error;
  result.real = std::filesystem::canonical(result.file, error);
  if (error) throw unreadable(result.file, error.message());
  const Descriptor opened(result.real);
  struct stat status {};
  if (opened.number() < 0 || ::fstat(opened.number(), &status) != 0)
    throw unreadable(result.file, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) throw unreadable(result.file, sort_of(status.st_mode));
  const std::vector<uid_t> trusted = trusted_owners();
  check_access(result.real, status, PluginPart::file, trusted);
  check_folders(result.real.parent_path(), trusted);
  // Who can write where a link stands decides which of the plugins it is.
  const std::filesystem::path asked = std::filesystem::canonical(result.file.parent_path(), error);
  if (error) throw unreadable(result.file, error.message());
  if (asked != result.real.parent_path()) check_folders(asked, trusted);
  if (status.st_size > largest_plugin) {
    throw Error(ErrorKind::plugin, "a file too large for a plugin")
        .at(result.file.string())
        .expected("at most " + format_bytes(static_cast<double>(largest_plugin)))
        .received(format_bytes(static_cast<double>(status.st_size)))
        .hint("name the built plugin, not its source");
  }
  const std::string bytes = read_bytes(opened, static_cast<std::size_t>(status.st_size), result.file);
  result.facts = inspect_bytes(bytes, result.file.string());
  result.hash = hash_hex(std::as_bytes(std::span(bytes)));
  return result;
}

}  // namespace stet
