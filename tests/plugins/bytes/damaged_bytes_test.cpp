// A small deterministic fuzz of what reads plugin files before they are loaded: damaged bytes give the facts or an
// Error (plugin) with its parts, never a crash, and nothing outside the bytes is read (this program is built with
// AddressSanitizer, and every input has a heap block of exactly its size). What this does not test: the system's
// loader. A file with whole headers, right facts and damaged code can crash it.
#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/base/philox.hpp>
#include <stet/plugin/plugin_file.hpp>

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <vector>

namespace stet {
namespace {

class DamagedBytes : public ::testing::Test {
 protected:
  /// True if the bytes passed.
  bool inspect(const std::vector<char>& bytes) {
    try {
      const AbiFacts facts = inspect_bytes({bytes.data(), bytes.size()}, "fuzz.so");
      EXPECT_EQ(facts.abi, STET_PLUGIN_ABI);
      return true;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::plugin) << error.what();
      const std::string text = error.what();
      for (const char* label : {"where: fuzz.so", "expected: ", "received: ", "hint: "}) {
        EXPECT_NE(text.find(label), std::string::npos) << text;
      }
      return false;
    }
  }

  const std::string whole_ = read_file(std::filesystem::path(STET_HOSTILE_FOLDER) / "good.so");
  const std::vector<char> good_{whole_.begin(), whole_.end()};
};

TEST_F(DamagedBytes, TheGoodFilePasses) { EXPECT_TRUE(inspect(good_)); }

TEST_F(DamagedBytes, EveryShortLengthAndManyLongerOnes) {
  for (std::size_t size = 0; size < 1024; ++size)
    EXPECT_FALSE(inspect({good_.begin(), good_.begin() + static_cast<std::ptrdiff_t>(size)}));
  Random random(1, "length");
  for (int i = 0; i < 300; ++i) {
    const auto size = static_cast<std::ptrdiff_t>(random.below(good_.size()));
    EXPECT_FALSE(inspect({good_.begin(), good_.begin() + size})) << size;
  }
}

/// Flips one to four bytes in [begin, begin + count).
void flip(std::vector<char>& bytes, std::size_t begin, std::size_t count, Random& random) {
  for (std::uint64_t k = random.below(4) + 1; k > 0; --k) {
    bytes[begin + random.below(count)] ^= static_cast<char>(1U << random.below(8));
  }
}

TEST_F(DamagedBytes, FlipsInTheHeaders) {
  Elf64_Ehdr header{};
  std::memcpy(&header, good_.data(), sizeof header);
  const std::size_t programs = sizeof(Elf64_Phdr) * header.e_phnum, sections = sizeof(Elf64_Shdr) * header.e_shnum;
  Random random(2, "flip");
  int refused = 0;
  for (int i = 0; i < 1500; ++i) {
    std::vector<char> bytes = good_;
    switch (i % 3) {
      case 0: flip(bytes, 0, sizeof header, random); break;
      case 1: flip(bytes, header.e_phoff, programs, random); break;
      default: flip(bytes, header.e_shoff, sections, random);
    }
    refused += inspect(bytes) ? 0 : 1;
  }
  EXPECT_GT(refused, 300);  // many fields are none of ours, so many files pass
}

TEST_F(DamagedBytes, ExtremeNumbersInTheHeaders) {
  // Each 8-byte field of the header tables, set to values at which sums wrap round.
  Elf64_Ehdr header{};
  std::memcpy(&header, good_.data(), sizeof header);
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at + 8 <= sizeof header; at += 8) places.push_back(at);
  for (std::size_t at = 0; at < sizeof(Elf64_Phdr) * header.e_phnum; at += 8) places.push_back(header.e_phoff + at);
  for (std::size_t at = 0; at < sizeof(Elf64_Shdr) * header.e_shnum; at += 8) places.push_back(header.e_shoff + at);
  for (const std::size_t place : places) {
    for (const std::uint64_t value : {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{1} << 63U,
                                      ~std::uint64_t{0} - 63, std::uint64_t{good_.size()}}) {
      std::vector<char> bytes = good_;
      std::memcpy(bytes.data() + place, &value, sizeof value);
      static_cast<void>(inspect(bytes));
    }
  }
}

TEST_F(DamagedBytes, FlipsInTheFactsAndSymbols) {
  const std::size_t facts = whole_.find("abi=" STET_STRINGIZE(STET_PLUGIN_ABI) "\ntorch=");
  ASSERT_NE(facts, std::string::npos);
  Random random(3, "facts");
  for (int i = 0; i < 500; ++i) {
    std::vector<char> bytes = good_;
    flip(bytes, facts, 200, random);
    static_cast<void>(inspect(bytes));
  }
  // .dynsym and .dynstr stand near the beginning of the file.
  for (int i = 0; i < 500; ++i) {
    std::vector<char> bytes = good_;
    for (int k = 0; k < 50; ++k) flip(bytes, sizeof(Elf64_Ehdr), bytes.size() / 4, random);
    static_cast<void>(inspect(bytes));
  }
}

}  // namespace
}  // namespace stet
