#include <stet/world/neutral_text.hpp>

#include <stet/base/error.hpp>
#include <stet/base/permutation.hpp>
#include <stet/base/philox.hpp>

namespace stet {
namespace {
std::uint64_t count_slots(const std::string& pattern) {
  std::uint64_t slots = 0;
  for (std::size_t at = pattern.find("[N]"); at != std::string::npos; at = pattern.find("[N]", at + 3)) ++slots;
  return slots;
}
}  // namespace

std::string random_key(const std::string& alphabet, std::size_t length, std::uint64_t seed, std::string_view purpose,
                       std::uint64_t index) {
  STET_ASSERT(!alphabet.empty());
  Random random(seed, purpose, index);
  std::string key;
  for (std::size_t i = 0; i < length; ++i) {
    if (i > 0) key += ' ';
    key += alphabet[random.below(alphabet.size())];
  }
  return key;
}

std::string NeutralText::line(std::uint64_t seed, std::uint64_t number) const {
  STET_ASSERT(!patterns.empty());
  const std::uint64_t round = number / patterns.size(), turn = number % patterns.size();
  // Names are numbered through all lines; each run of names.size() numbers is a fresh permutation of the names.
  std::uint64_t slots_a_round = 0, name = 0;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const std::uint64_t slots = count_slots(patterns[i]);
    slots_a_round += slots;
    if (i < turn) name += slots;
  }
  name += round * slots_a_round;
  constexpr std::size_t key_characters = 8;
  const std::string& pattern = patterns[turn];
  std::string out;
  std::uint64_t keys = 0;
  for (std::size_t i = 0; i < pattern.size();) {
    if (pattern.compare(i, 3, "[N]") == 0) {
      STET_ASSERT(!names.empty());
      out += names[KeyedPermutation(names.size(), seed, name / names.size())(name % names.size())];
      ++name;
      i += 3;
    } else if (pattern.compare(i, 3, "[H]") == 0) {
      out += random_key(alphabet, key_characters, seed, "neutral key", number << 8 | keys++);
      i += 3;
    } else {
      out += pattern[i++];
    }
  }
  return out;
}

}  // namespace stet
