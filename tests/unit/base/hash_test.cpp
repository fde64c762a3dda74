#include <stet/base/error.hpp>
#include <stet/base/hash.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace stet {
namespace {

// XXH3 128 bits with seed 0: the published value for no input at all.
constexpr const char* empty_hash = "99aa06d3014798d86001c324468d497f";

TEST(Hash, KnownAnswer) {
  EXPECT_EQ(hash_hex(std::string_view()), empty_hash);
  EXPECT_EQ(Hasher().hex(), empty_hash);
}

TEST(Hash, PiecesOfBytesDoNotMatter) {
  const std::string text(1000, 'x');
  const auto bytes = std::as_bytes(std::span(text));
  Hasher hasher;
  hasher.add(bytes.first(1)).add(bytes.subspan(1, 500)).add(bytes.subspan(501));
  EXPECT_EQ(hasher.hex(), hash_hex(text));
  EXPECT_NE(hash_hex(text), hash_hex(text + "x"));
}

TEST(Hash, PiecesOfTextDoMatter) {
  const auto of = [](std::string_view a, std::string_view b) { return Hasher().add(a).add(b).hex(); };
  EXPECT_NE(of("ab", "c"), of("a", "bc"));
  EXPECT_NE(of("", "a"), of("a", ""));
  EXPECT_EQ(of("ab", "c"), of("ab", "c"));
}

TEST(Hash, AHasherGoesOnAfterItsDigest) {
  Hasher hasher;
  hasher.add(std::string_view("a"));
  const std::string first = hasher.hex();
  EXPECT_EQ(hasher.hex(), first);
  hasher.add(std::string_view("b"));
  EXPECT_EQ(hasher.hex(), Hasher().add(std::string_view("a")).add(std::string_view("b")).hex());
}

TEST(Hash, OfAFile) {
  std::string name = (std::filesystem::temp_directory_path() / "stet-hash-XXXXXX").string();
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  const std::filesystem::path folder = name;
  const std::string text((std::size_t{1} << 20) + 17, 'y');  // more than one buffer
  std::ofstream(folder / "full", std::ios::binary) << text;
  std::ofstream(folder / "empty", std::ios::binary).flush();
  EXPECT_EQ(hash_file(folder / "full"), hash_hex(text));
  EXPECT_EQ(hash_file(folder / "empty"), empty_hash);
  EXPECT_THROW((void)hash_file(folder / "none"), Error);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace stet
