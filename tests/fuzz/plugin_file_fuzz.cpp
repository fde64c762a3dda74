// Shared objects before they are loaded: the section with a plugin's facts, the facts, and the dynamic symbols.
#include "fuzz_input.hpp"

#include <stet/plugin/elf_file.hpp>
#include <stet/plugin/plugin_file.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = stet::fuzz::text_of(data, size);
  stet::fuzz::refuse_or_run([&] { static_cast<void>(stet::inspect_bytes(bytes, "input.so")); });
  // Also of a plugin that inspect_bytes() refuses early, as one of another libtorch.
  stet::fuzz::refuse_or_run([&] {
    const stet::ElfFile elf(bytes, "input.so");
    unsigned sum = elf.defines("stet_plugin_entry") ? 1 : 0;
    if (const auto section = elf.section(".stet.plugin")) {
      for (const char c : *section) sum += static_cast<unsigned char>(c);
      static_cast<void>(stet::parse_facts(*section, "input.so"));
    }
    STET_ASSERT(sum <= 255 * size + 1);
  });
  stet::fuzz::refuse_or_run([&] { static_cast<void>(stet::parse_facts(bytes, "input.so")); });
  return 0;
}
