#include <stet/experiment/pretraining_data.hpp>

#include <stet/data/sampler.hpp>

#include <algorithm>

namespace stet {

TrainingData pretraining_data(const World& world, const Tokenizer& tokenizer, std::int64_t texts_per_sequence, std::int64_t context,
                              std::uint64_t seed) {
  const std::string name = "pre-training text";
  const std::uint64_t texts = world.epoch_size();
  if (texts_per_sequence == 1) {
    return {name, texts, [&world, &tokenizer](std::uint64_t epoch, std::uint64_t index) {
              return tokenize(tokenizer, world.pretraining_example(epoch, index), true, index);
            }};
  }
  const auto together = static_cast<std::uint64_t>(texts_per_sequence);
  const Sampler company(texts, seed ^ 0x7061636bULL);  // another order than that of the sequences
  return {name, (texts + together - 1) / together,
          [&world, &tokenizer, company, together, texts, context](std::uint64_t epoch, std::uint64_t index) {
            TokenSequence all;
            all.example = index;
            for (std::uint64_t i = index * together; i < std::min(texts, (index + 1) * together); ++i) {
              const std::uint64_t text = company.index(epoch * texts + i);
              const TokenSequence one = tokenize(tokenizer, world.pretraining_example(epoch, text), true, text);
              all.ids.insert(all.ids.end(), one.ids.begin(), one.ids.end());
            }
            if (all.ids.size() > static_cast<std::size_t>(context)) all.ids.resize(static_cast<std::size_t>(context));
            return all;
          }};
}

}  // namespace stet
