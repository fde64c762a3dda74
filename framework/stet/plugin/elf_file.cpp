#include <stet/plugin/elf_file.hpp>

#include <stet/base/error.hpp>

#include <elf.h>

#include <array>
#include <cstring>

namespace stet {

namespace {

struct Machine {
  int number;
  const char* name;
};
constexpr std::array<Machine, 6> machines = {{{EM_X86_64, "x86-64"},
                                              {EM_AARCH64, "AArch64"},
                                              {EM_PPC64, "64-bit PowerPC"},
                                              {EM_RISCV, "RISC-V"},
                                              {EM_386, "32-bit x86"},
                                              {EM_ARM, "32-bit ARM"}}};
#if defined(__x86_64__)
constexpr int host_machine = EM_X86_64;
#elif defined(__aarch64__)
constexpr int host_machine = EM_AARCH64;
#elif defined(__powerpc64__)
constexpr int host_machine = EM_PPC64;
#elif defined(__riscv)
constexpr int host_machine = EM_RISCV;
#else
#error "add this processor's ELF machine number"
#endif

std::string machine_name(int number) {
  for (const Machine& machine : machines) {
    if (machine.number == number) return machine.name;
  }
  return "machine number " + std::to_string(number);
}

/// The text up to a zero byte, or all of it.
std::string_view c_string(std::string_view bytes) { return bytes.substr(0, bytes.find('\0')); }

}  // namespace

ElfFile::ElfFile(std::string_view bytes, std::string name) : bytes_(bytes), name_(std::move(name)) {
  if (bytes.size() < SELFMAG || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) {
    throw Error(ErrorKind::plugin, "not an ELF file")
        .at(name_)
        .expected("a shared object (.so)")
        .received(bytes.empty() ? "an empty file"
                                : "a file of " + std::to_string(bytes.size()) + " bytes without ELF's first four bytes")
        .hint("name the built plugin, not its source");
  }
  const auto header = read<Elf64_Ehdr>(0, "the ELF header");
  const auto other = [this](const std::string& received) {
    return Error(ErrorKind::plugin, "not a shared object of this kind of machine")
        .at(name_)
        .expected("a 64-bit little-endian ELF shared object for " + machine_name(host_machine))
        .received(received)
        .hint("build the plugin on this kind of machine");
  };
  if (header.e_ident[EI_CLASS] != ELFCLASS64) {
    throw other(header.e_ident[EI_CLASS] == ELFCLASS32 ? "a 32-bit file"
                                                       : "ELF class " + std::to_string(header.e_ident[EI_CLASS]));
  }
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) throw other("a file that is not little-endian");
  if (header.e_machine != host_machine) throw other("a file for " + machine_name(header.e_machine));
  if (header.e_type != ET_DYN) throw other("ELF type " + std::to_string(header.e_type) + " (a shared object has 3)");
  if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_phentsize != sizeof(Elf64_Phdr))
    throw other("header tables of another entry size");
  sections_ = header.e_shoff;
  section_count_ = header.e_shnum;
  names_index_ = header.e_shstrndx;
  segments_ = header.e_phoff;
  segment_count_ = header.e_phnum;
  static_cast<void>(slice(sections_, section_count_ * sizeof(Elf64_Shdr), "the section headers"));
  static_cast<void>(slice(segments_, segment_count_ * sizeof(Elf64_Phdr), "the program headers"));
  check_segments();
}

std::string_view ElfFile::slice(std::uint64_t offset, std::uint64_t size, const char* what) const {
  if (offset <= bytes_.size() && size <= bytes_.size() - offset) return bytes_.substr(offset, size);
  throw Error(ErrorKind::plugin, "the plugin file is truncated or damaged")
      .at(name_)
      .expected(std::string(what) + ": " + std::to_string(size) + " bytes at " + std::to_string(offset))
      .received("a file of " + std::to_string(bytes_.size()) + " bytes")
      .hint("copy or build it again");
}

template <class T>
T ElfFile::read(std::uint64_t offset, const char* what) const {
  T value{};
  std::memcpy(&value, slice(offset, sizeof(T), what).data(), sizeof(T));
  return value;
}

/// The loader trusts the program headers: a segment beyond the end of the file would be a bus error in it.
void ElfFile::check_segments() const {
  bool loads = false, dynamic = false;
  for (std::uint64_t i = 0; i < segment_count_; ++i) {
    const auto segment = read<Elf64_Phdr>(segments_ + i * sizeof(Elf64_Phdr), "a program header");
    if (segment.p_type != PT_LOAD && segment.p_type != PT_DYNAMIC) continue;
    static_cast<void>(slice(segment.p_offset, segment.p_filesz, "a segment"));
    loads = loads || segment.p_type == PT_LOAD;
    dynamic = dynamic || segment.p_type == PT_DYNAMIC;
    if (segment.p_type == PT_LOAD && segment.p_filesz > segment.p_memsz) {
      throw Error(ErrorKind::plugin, "the plugin file is truncated or damaged")
          .at(name_)
          .expected("a segment's size in memory to hold its " + std::to_string(segment.p_filesz) + " bytes in the file")
          .received(std::to_string(segment.p_memsz))
          .hint("copy or build it again");
    }
  }
  if (!loads || !dynamic) {
    throw Error(ErrorKind::plugin, "the plugin file is truncated or damaged")
        .at(name_)
        .expected("a loaded and a dynamic segment")
        .received(loads ? "no dynamic segment" : "no loaded segment")
        .hint("copy or build it again");
  }
}

std::optional<std::string_view> ElfFile::section(std::string_view name) const {
  if (section_count_ == 0) return std::nullopt;
  const auto header = [this](std::uint64_t index) {
    return read<Elf64_Shdr>(sections_ + index * sizeof(Elf64_Shdr), "a section header");
  };
  if (names_index_ >= section_count_) static_cast<void>(slice(bytes_.size() + 1, 0, "the names of the sections"));
  const Elf64_Shdr names = header(names_index_);
  const std::string_view table = slice(names.sh_offset, names.sh_size, "the names of the sections");
  for (std::uint64_t i = 0; i < section_count_; ++i) {
    const Elf64_Shdr entry = header(i);
    if (entry.sh_name >= table.size() || c_string(table.substr(entry.sh_name)) != name || entry.sh_type == SHT_NOBITS)
      continue;
    return slice(entry.sh_offset, entry.sh_size, "a section");
  }
  return std::nullopt;
}

bool ElfFile::defines(std::string_view symbol) const {
  const std::optional<std::string_view> symbols = section(".dynsym"), names = section(".dynstr");
  if (!symbols || !names) return false;
  for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= symbols->size(); at += sizeof(Elf64_Sym)) {
    Elf64_Sym entry{};
    std::memcpy(&entry, symbols->data() + at, sizeof entry);
    if (entry.st_shndx != SHN_UNDEF && entry.st_name < names->size() &&
        c_string(names->substr(entry.st_name)) == symbol)
      return true;
  }
  return false;
}

}  // namespace stet
