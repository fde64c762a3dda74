#include <stet/plugin/elf_section.hpp>

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>

#include <elf.h>

#include <cstring>

namespace stet {

std::optional<std::string> read_elf_section(const std::filesystem::path& file, std::string_view section) {
  const std::string bytes = read_file(file);
  const auto truncated = [&file] {
    return Error(ErrorKind::plugin, "the plugin file is truncated").at(file.string()).hint("copy or build it again");
  };
  const auto slice = [&](std::uint64_t offset, std::uint64_t size) -> std::string_view {
    if (offset > bytes.size() || size > bytes.size() - offset) throw truncated();
    return std::string_view(bytes).substr(offset, size);
  };
  const auto as = [&]<class T>(std::uint64_t offset, T value) {
    std::memcpy(&value, slice(offset, sizeof(T)).data(), sizeof(T));
    return value;
  };
  if (bytes.size() < SELFMAG || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) {
    throw Error(ErrorKind::plugin, "not an ELF file").at(file.string()).expected("a shared object (.so)");
  }
  const auto header = as(0, Elf64_Ehdr{});
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_type != ET_DYN ||
      header.e_shentsize != sizeof(Elf64_Shdr)) {
    throw Error(ErrorKind::plugin, "not a shared object of this kind of machine")
        .at(file.string())
        .expected("a 64-bit little-endian ELF shared object");
  }
  const auto section_header = [&](std::uint64_t index) {
    return as(header.e_shoff + index * sizeof(Elf64_Shdr), Elf64_Shdr{});
  };
  if (header.e_shoff > bytes.size() || header.e_shstrndx >= header.e_shnum) throw truncated();
  const Elf64_Shdr names = section_header(header.e_shstrndx);
  const std::string_view name_table = slice(names.sh_offset, names.sh_size);
  for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr entry = section_header(i);
    if (entry.sh_name >= name_table.size()) throw truncated();
    const std::string_view rest = name_table.substr(entry.sh_name);
    if (rest.substr(0, rest.find('\0')) != section) continue;
    return std::string(slice(entry.sh_offset, entry.sh_size));
  }
  return std::nullopt;
}

}  // namespace stet
