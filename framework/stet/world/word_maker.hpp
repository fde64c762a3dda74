// Pronounceable made-up words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <stet/base/philox.hpp>

namespace stet {

/// Words of two or three syllables, no two alike, none of the reserved ones; a function of the seed and the calls made.
class WordMaker {
 public:
  WordMaker(std::uint64_t seed, std::set<std::string> reserved);

  /// Throws Error (config) when the supply of words runs out (some 300,000).
  [[nodiscard]] std::vector<std::string> make(std::size_t count);

 private:
  Random random_;
  std::set<std::string> used_;
};

}  // namespace stet
