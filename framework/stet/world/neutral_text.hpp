// Lines of pre-training text that state no fact. They show tokens that later fine-tuning needs (key characters, fresh
// name tokens, the words of the probe wordings) in unrelated contexts, so that no token of it is untrained.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

/// A line is a pattern with its slots filled: "[N]" is the next name, "[H]" eight characters of the alphabet drawn at
/// random, separated by spaces. Patterns and names are taken in turn, so that all of them are shown equally often.
struct NeutralText {
  std::vector<std::string> patterns;
  std::vector<std::string> names;
  std::string alphabet;

  /// The `number`-th line: a pure function of (this, seed, number). `patterns` must not be empty, nor `names` where a
  /// pattern has "[N]", nor `alphabet` where one has "[H]".
  [[nodiscard]] std::string line(std::uint64_t seed, std::uint64_t number) const;
};

/// `length` characters of `alphabet` drawn by (seed, purpose "key", index), separated by spaces: "3 f 9 0 a c 1 e".
[[nodiscard]] std::string random_key(const std::string& alphabet, std::size_t length, std::uint64_t seed,
                                     std::string_view purpose, std::uint64_t index);

}  // namespace stet
