// Which process this is, among all that may see one shared folder.
#pragma once

#include <string>

namespace stet {

/// As gethostname gives it, for people to read.
[[nodiscard]] std::string host_name();

/// "HOST-BOOT-NAMESPACE": equal for two processes if and only if process numbers mean the same to both (same machine
/// since its last start, same container). Letters, digits, '-' and '_' alone.
[[nodiscard]] std::string process_space();

/// A name that no other process, on any host or in any container, and no other call makes: process_space(), process
/// number, random bits, counter.
[[nodiscard]] std::string unique_name();

}  // namespace stet
