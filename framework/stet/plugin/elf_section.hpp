// Reads one section of a 64-bit ELF file without running any of it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace stet {

/// The bytes of the section, or nothing if the file has no section of this name. Throws Error (plugin) if the file is not
/// a little-endian 64-bit ELF shared object, or is truncated. Every offset is checked against the file.
[[nodiscard]] std::optional<std::string> read_elf_section(const std::filesystem::path& file, std::string_view section);

}  // namespace stet
