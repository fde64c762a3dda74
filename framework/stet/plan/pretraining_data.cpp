#include <stet/plan/pretraining_data.hpp>

#include <stet/base/error.hpp>
#include <stet/data/shard_set.hpp>
#include <stet/train/shard_data.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <memory>

namespace stet {

namespace {

TrainingData world_texts(const World& world, const Tokenizer& tokenizer) {
  return {"pre-training text", world.epoch_size(), [&world, &tokenizer](std::uint64_t epoch, std::uint64_t index) {
            return tokenize(tokenizer, world.pretraining_example(epoch, index), true, index);
          }};
}

TrainingData texts_together(const World& world, const Tokenizer& tokenizer, std::uint64_t together, std::size_t context,
                            std::uint64_t seed) {
  const std::uint64_t texts = world.epoch_size();
  const Sampler company(texts, seed ^ 0x7061636bULL);  // another order than that of the sequences
  return {"pre-training text", (texts + together - 1) / together,
          [&world, &tokenizer, company, together, texts, context](std::uint64_t epoch, std::uint64_t index) {
            TokenSequence all;
            all.example = index;
            for (std::uint64_t i = index * together; i < std::min(texts, (index + 1) * together); ++i) {
              const std::uint64_t text = company.index(epoch * texts + i);
              const TokenSequence one = tokenize(tokenizer, world.pretraining_example(epoch, text), true, text);
              all.ids.insert(all.ids.end(), one.ids.begin(), one.ids.end());
            }
            if (all.ids.size() > context) all.ids.resize(context);
            return all;
          }};
}

}  // namespace

TrainingData make_pretraining_data(const RunConfig& config, const World& world, const Tokenizer& tokenizer,
                                   std::int64_t index) {
  TrainingData text =
      config.pretrain.texts_per_sequence == 1
          ? world_texts(world, tokenizer)
          : texts_together(world, tokenizer, static_cast<std::uint64_t>(config.pretrain.texts_per_sequence),
                           static_cast<std::size_t>(config.model.context),
                           config.pretrain.seed + static_cast<std::uint64_t>(index));
  if (config.pretrain.shards.empty()) return text;
  const std::filesystem::path folder = config.pretrain.shards;
  auto set = std::make_shared<ShardSet>(ShardSet::open(folder));
  if (set->index().tokenizer != tokenizer.hash()) {
    throw Error(ErrorKind::config, "the shards of pretrain.shards were made with another tokenizer than the world's")
        .at(folder.string())
        .expected("tokenizer " + tokenizer.hash())
        .received("tokenizer " + set->index().tokenizer)
        .hint(config.data.world == WorldKind::entity_questions
                  ? "set data.tokenizer = \"" + (folder / "tokenizer.json").string() + "\""
                  : "a synthetic world has a tokenizer of its own words: shards go with world = \"entity-questions\" "
                    "and data.tokenizer");
  }
  if (set->index().totals().longest > static_cast<std::uint64_t>(config.model.context)) {
    throw Error(ErrorKind::config, "the shards of pretrain.shards are longer than the model's context")
        .at(folder.string())
        .expected(fmt::format("at most model.context = {} tokens", config.model.context))
        .received(fmt::format("{} tokens", set->index().totals().longest))
        .hint(fmt::format("build them with --context {}, or raise model.context", config.model.context));
  }
  if (set->size() == 0) return text;
  return join_data(std::move(text), shard_data(std::move(set), "shards"));
}

Sampler make_pretraining_sampler(const RunConfig& config, const TrainingData& data, std::int64_t index) {
  return {data.epoch_size, config.pretrain.seed + static_cast<std::uint64_t>(index),
          config.pretrain.shards.empty() ? BlockOrder{} : shard_order};
}

void verify_shards(const std::filesystem::path& folder, Communicator& communicator) {
  collectively(communicator, [&] {
    ShardSet set = ShardSet::open(folder);
    for (auto k = static_cast<std::size_t>(communicator.rank()); k < set.index().shards.size();
         k += static_cast<std::size_t>(communicator.size()))
      set.verify(k);
  });
}

}  // namespace stet
