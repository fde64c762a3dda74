#include <stet/world/word_maker.hpp>

#include <stet/base/error.hpp>

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace stet {

WordMaker::WordMaker(std::uint64_t seed, std::set<std::string> reserved)
    : random_(seed, "made-up words"), used_(std::move(reserved)) {}

std::vector<std::string> WordMaker::make(std::size_t count) {
  constexpr std::string_view onsets = "bdfgklmnprstvz", vowels = "aeiou", endings = "nrsl";
  constexpr int patience = 10000;
  std::vector<std::string> words;
  words.reserve(count);
  for (int attempts = 0; words.size() < count; ++attempts) {
    if (attempts > patience) {
      throw Error(ErrorKind::config, "the world needs more made-up words than there are")
          .received(fmt::format("{} words", used_.size() + count - words.size()));
    }
    std::string word;
    for (std::uint64_t syllables = 2 + random_.below(2); syllables > 0; --syllables) {
      word += onsets[random_.below(onsets.size())];
      word += vowels[random_.below(vowels.size())];
    }
    if (random_.below(3) == 0) word += endings[random_.below(endings.size())];
    if (!used_.insert(word).second) continue;
    words.push_back(std::move(word));
    attempts = 0;
  }
  return words;
}

}  // namespace stet
