// The handshake between host and plugin. Two steps, so that a plugin made for another host is refused with a reason:
// 1. Facts in an ELF section of the file, read before any of its code runs.
// 2. The entry function, which returns plain numbers to compare before any object crosses the boundary.
#pragma once

#include <torch/version.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

/// Raised with every change of the classes in stet/plugin/.
#define STET_PLUGIN_ABI 5

/// Whose std::string and std::vector cross the boundary. Debug mode has other containers than the release mode. (The
/// compiler's own version does not matter: g++ and clang++ agree on layouts and calls.)
#if defined(_LIBCPP_VERSION)
#define STET_STDLIB_TEXT "libc++"
#elif defined(_GLIBCXX_DEBUG)
#define STET_STDLIB_TEXT "libstdc++ in debug mode"
#else
#define STET_STDLIB_TEXT "libstdc++"
#endif

#define STET_STRINGIZE_(x) #x
#define STET_STRINGIZE(x) STET_STRINGIZE_(x)
#define STET_TORCH_VERSION_TEXT \
  STET_STRINGIZE(TORCH_VERSION_MAJOR) "." STET_STRINGIZE(TORCH_VERSION_MINOR) "." STET_STRINGIZE(TORCH_VERSION_PATCH)
/// The facts that the preprocessor knows, one `key=value` a line. plugin_facts() in registrar.hpp adds the layout.
#define STET_ABI_FACTS                                                                                     \
  "abi=" STET_STRINGIZE(STET_PLUGIN_ABI) "\ntorch=" STET_TORCH_VERSION_TEXT "\ncxx11_abi=" STET_STRINGIZE( \
      _GLIBCXX_USE_CXX11_ABI) "\nstdlib=" STET_STDLIB_TEXT "\n"

namespace stet {

class Registrar;

/// What the entry function answers. Plain numbers and a pointer: readable whatever the versions.
struct PluginEntry {
  std::uint32_t abi;
  std::uint32_t registrar_size, registrar_alignment;  ///< of the Registrar class that the plugin was compiled with
  void (*enroll)(Registrar&);
};

/// The facts of a plugin file, or of this host.
struct AbiFacts {
  int abi = 0;
  std::string torch, cxx11_abi;
  std::string stdlib, layout;         ///< empty if `abi` is not this host's: then nothing else is compared
  std::string name, version, author;  ///< of a plugin
};

[[nodiscard]] AbiFacts host_facts();
/// Parses the text of the section. Throws Error (plugin) if a line is malformed, or a key is missing or there twice.
[[nodiscard]] AbiFacts parse_facts(std::string_view text, const std::string& file);

}  // namespace stet
