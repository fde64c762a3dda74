#include "workload.hpp"

#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/world/synthetic_world.hpp>

namespace stet::benchmarks {

namespace {

Workload quickstart(std::string name) {
  SyntheticWorldOptions options;  // the defaults are the quickstart's
  const auto world = std::make_shared<const World>(make_synthetic_world(options));
  const Tokenizer tokenizer = world->make_tokenizer();
  ModelConfig config;
  config.vocabulary = static_cast<std::int64_t>(tokenizer.vocabulary_size());
  config.width = 128;
  config.layers = 3;
  config.heads = 4;
  config.feed_forward = 256;
  config.context = 64;
  Workload work;
  work.name = std::move(name);
  work.model = std::make_shared<const Transformer>(config);
  work.weights = initial_values(work.model->table(), work.model->config(), 1, at::kFloat);
  work.data = {work.name, world->epoch_size(), [world, tokenizer](std::uint64_t epoch, std::uint64_t index) {
                 return tokenize(tokenizer, world->pretraining_example(epoch, index), true, index);
               }};
  work.answers = tokenize_set("new facts", world->new_facts(), tokenizer, [&](const Fact& fact) -> const std::string& {
    return world->relations()[fact.relation].probe;
  });
  return work;
}

}  // namespace

double Workload::forward_flops(const PackedBatch& batch) const {
  const ModelConfig& c = model->config();
  const auto tokens = static_cast<double>(batch.tokens.size()), rows = static_cast<double>(batch.loss_rows.size());
  const double all = c.forward_flops_per_token() / static_cast<double>(c.layers);
  const double qkv = 2.0 * static_cast<double>((c.heads + 2 * c.kv_heads) * c.head_width * c.width);
  const double head = 2.0 * static_cast<double>(c.vocabulary * c.width);
  return tokens * (all * static_cast<double>(c.layers - 1) + qkv) + rows * (all - qkv + head);
}

PackedBatch Workload::batch(const Sampler& sampler, BatchRange range) const {
  std::vector<TokenSequence> sequences;
  for (std::uint64_t position = range.begin; position < range.end; ++position) {
    sequences.push_back(data.sequence(sampler.epoch(position), sampler.index(position)));
  }
  return pack(sequences);
}

Workload pretraining() {
  Workload work = quickstart("pre-training");
  work.options.learning_rate = 2e-3;
  work.options.weight_decay = 0.01;
  return work;
}

Workload fine_tuning() {
  Workload work = quickstart("fine-tuning");
  const auto sequences = std::make_shared<const std::vector<TokenSequence>>(work.answers.sequences);
  work.data = {work.name, sequences->size(),
               [sequences](std::uint64_t /*epoch*/, std::uint64_t index) { return (*sequences)[index]; }};
  return work;
}

Workload wide() {
  ModelConfig config;
  config.vocabulary = 2048;
  config.width = 384;
  config.layers = 6;
  config.heads = 6;
  config.feed_forward = 1024;
  config.context = 64;
  Workload work;
  work.name = "wide";
  work.model = std::make_shared<const Transformer>(config);
  work.weights = initial_values(work.model->table(), work.model->config(), 1, at::kFloat);
  work.options.batch_size = 16;
  work.data = {work.name, 1024, [](std::uint64_t /*epoch*/, std::uint64_t index) {
                 Random random(1, "benchmark", index);
                 TokenSequence sequence;
                 for (int t = 0; t < 64; ++t) sequence.ids.push_back(static_cast<TokenId>(random.below(2048)));
                 sequence.example = index;
                 return sequence;
               }};
  return work;
}

const at::Tensor& NoSnapshots::get(const std::string& name) const {
  throw Error(ErrorKind::config, "no snapshot '" + name + "' in a benchmark");
}

}  // namespace stet::benchmarks
