// A world and a random model small enough to be asked in every way: two relations of words, in a word-level vocabulary.
#pragma once

#include <stet/evaluate/evaluation.hpp>
#include <stet/evaluate/slick.hpp>
#include <stet/model/parameters.hpp>

#include <string>
#include <utility>
#include <vector>

namespace stet::testing {

struct SlickSetting {
  SlickSetting() {
    for (const char* name : {"born", "capital"}) {
      SlickRelation relation;
      relation.name = name;
      for (std::uint64_t i = 0; i < 45; ++i) relation.facts.push_back(fact(name, i));
      for (std::uint64_t i = 45; i < 52; ++i) relation.development.push_back(fact(name, i));
      relations.push_back(relation);
    }
    options.separator = end_of_text_token;
    options.prompts = 3;
    options.shots = 2;
    options.samples = 4;
    options.temperature = 1.0;
    options.top_k = 8;
  }

  static SlickFact fact(const std::string& relation, std::uint64_t i) {
    const std::vector<std::string> answers = {"red", "Green.", "blue", "red green"};
    return {1000 + i + (relation == "born" ? 0 : 500),
            relation + " s" + std::to_string(i % 3) + " s" + std::to_string(i % 2),
            {answers[i % 4], answers[(i + 1) % 4]}};
  }
  static Tokenizer make_tokenizer() {
    std::vector<std::string> words = {"born", "capital", "red", "Green.", "green", "blue"};
    for (int i = 0; i < 3; ++i) words.push_back("s" + std::to_string(i));
    return make_word_level(words);
  }
  static ModelConfig make_config(std::int64_t vocabulary) {
    ModelConfig config;
    config.vocabulary = vocabulary;
    config.width = 16;
    config.layers = 2;
    config.heads = 4;
    config.kv_heads = 2;
    config.context = 24;
    config.init_scale = 0.5;
    return config;
  }

  Tokenizer tokenizer = make_tokenizer();
  Transformer model{make_config(static_cast<std::int64_t>(tokenizer.vocabulary_size()))};
  at::Tensor weights = initial_values(model.table(), model.config(), 4, at::kDouble);
  std::vector<SlickRelation> relations;
  SlickOptions options;
};

/// The facts of both relations as prompts of their own, with the answer "red".
inline TokenizedSet asked_set(const SlickSetting& s) {
  TokenizedSet set;
  set.name = "asked";
  for (const SlickRelation& relation : s.relations) {
    for (const SlickFact& asked : relation.facts) {
      Fact fact;
      fact.id = asked.id;
      fact.answer = "red";
      TokenSequence sequence;
      sequence.ids = s.tokenizer.encode(asked.prompt);
      sequence.loss_begin = static_cast<std::uint32_t>(sequence.ids.size());
      for (const TokenId id : s.tokenizer.encode(fact.answer)) sequence.ids.push_back(id);
      sequence.ids.push_back(s.tokenizer.end_of_text());
      set.sequences.push_back(std::move(sequence));
      set.facts.push_back(std::move(fact));
    }
  }
  return set;
}

}  // namespace stet::testing
