#include <stet/base/host/host_identity.hpp>

#include <stet/base/hash.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cctype>
#include <fstream>
#include <random>

namespace stet {

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

std::string process_space() {
  std::string host = host_name();
  for (char& c : host) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  // Containers often share a host name, and always the boot; clones of a machine share the name, not the boot.
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  std::array<char, 64> space{};
  const ssize_t length = ::readlink("/proc/self/ns/pid", space.data(), space.size() - 1);
  const std::string spaces = boot + "/" + std::string(space.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  return host.substr(0, 40) + "-" + hash_hex(spaces).substr(0, 12);
}

std::string unique_name() {
  static std::atomic<std::uint64_t> counter{0};
  std::random_device random;
  return fmt::format("{}-{}-{:08x}-{}", process_space(), ::getpid(), random(), counter.fetch_add(1));
}

}  // namespace stet
