// A small synthetic world, and what its tests look at.
#pragma once

#include <stet/base/strings.hpp>
#include <stet/world/synthetic_world.hpp>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace stet::testing {

inline SyntheticWorldOptions small_synthetic() {
  SyntheticWorldOptions options;
  options.entities = 120;
  options.first_names = 20;
  options.last_names = 30;
  options.new_entities = 60;
  return options;
}

inline std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::string& word : split(text, ' ')) {
    if (!word.empty()) words.push_back(std::move(word));
  }
  return words;
}

inline std::string whole_epoch(const World& world, std::uint64_t epoch) {
  std::string text;
  for (std::uint64_t i = 0; i < world.epoch_size(); ++i) text += world.pretraining_example(epoch, i).text() + "\n";
  return text;
}

/// Words of some epochs of pre-training text.
inline std::set<std::string> pretraining_words(const World& world, std::uint64_t epochs) {
  std::set<std::string> words;
  for (std::uint64_t epoch = 0; epoch < epochs; ++epoch) {
    for (std::uint64_t i = 0; i < world.epoch_size(); ++i) {
      for (std::string& word : words_of(world.pretraining_example(epoch, i).text())) words.insert(std::move(word));
    }
  }
  return words;
}

inline std::set<std::string> name_tokens(const std::vector<Fact>& facts) {
  std::set<std::string> tokens;
  for (const Fact& fact : facts) {
    for (std::string& token : words_of(fact.subject)) tokens.insert(std::move(token));
  }
  return tokens;
}

inline std::set<std::string> subjects_of(const std::vector<Fact>& facts) {
  std::set<std::string> subjects;
  for (const Fact& fact : facts) subjects.insert(fact.subject);
  return subjects;
}

}  // namespace stet::testing
