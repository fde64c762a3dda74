#include <stet/experiment/estimate.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/evaluate/evaluation.hpp>
#include <stet/experiment/base_model.hpp>
#include <stet/experiment/pretraining_data.hpp>
#include <stet/train/trainer.hpp>

#include <algorithm>

namespace stet {

namespace {

class NoSnapshots : public Snapshots {
 public:
  [[nodiscard]] const at::Tensor& get(const std::string& name) const override {
    throw Error(ErrorKind::config, "no snapshot '" + name + "' while timing");
  }
};

struct Speed {
  double seconds_per_sequence = 0, tokens_per_second = 0;
};

/// The median over steps, so that one slow step does not count.
Speed time_steps(const Transformer& model, const at::Tensor& weights, const TrainOptions& options, const TrainingData& data, double seconds) {
  const std::unique_ptr<Communicator> alone = make_single_process();
  Trainer trainer(model, weights.clone(), options, *alone);
  const NoSnapshots none;
  trainer.begin_phase({}, {}, none);
  const Sampler sampler(data.epoch_size, 1);
  std::vector<double> per_sequence;
  double tokens = 0;
  std::uint64_t position = 0;
  const Stopwatch total;
  while (per_sequence.size() < 4 || total.seconds() < seconds) {
    const BatchRange range = batch_at(position, data.epoch_size, static_cast<std::uint64_t>(options.batch_size));
    const Stopwatch watch;
    tokens += static_cast<double>(trainer.step(data, sampler, range, 1000).tokens);
    per_sequence.push_back(watch.seconds() / static_cast<double>(range.end - range.begin));
    position = range.end;
  }
  std::nth_element(per_sequence.begin(), per_sequence.begin() + static_cast<std::ptrdiff_t>(per_sequence.size() / 2), per_sequence.end());
  const double median = per_sequence[per_sequence.size() / 2];
  return {median, tokens / static_cast<double>(position) / median};
}

}  // namespace

Estimate estimate_cost(const Plan& plan, double seconds) {
  STET_ASSERT(!plan.runs.empty());
  const RunConfig& config = plan.runs.front().config;
  const World world = make_world(config.data);
  const Tokenizer tokenizer = make_tokenizer(config.data, world);
  ModelConfig shape = config.model;
  shape.vocabulary = static_cast<std::int64_t>(tokenizer.vocabulary_size());
  const Transformer model(shape);
  const at::Tensor weights = initial_values(model.table(), model.config(), 1, at::kFloat);
  Estimate estimate;
  estimate.parameters = model.table().total();

  const TrainingData text = make_pretraining_data(config, world, tokenizer, 0);
  const Speed pretrain = time_steps(model, weights, config.pretrain.train, text, seconds / 2);
  estimate.pretrain_tokens_per_second = pretrain.tokens_per_second;
  estimate.base_seconds = pretrain.seconds_per_sequence * static_cast<double>(text.epoch_size) * static_cast<double>(config.pretrain.epochs);

  std::vector<Fact> facts(world.new_facts().begin(), world.new_facts().end());
  const EvaluationSet set = make_evaluation_set("sample", facts, tokenizer, [&](const Fact& fact) -> const std::string& {
    return world.relations()[fact.relation].probe;
  });
  const TrainingData answers{"facts", set.sequences.size(), [&](std::uint64_t /*epoch*/, std::uint64_t index) { return set.sequences[index]; }};
  const Speed train = time_steps(model, weights, config.train, answers, seconds / 4);
  estimate.train_tokens_per_second = train.tokens_per_second;
  const std::unique_ptr<Communicator> alone = make_single_process();
  const Stopwatch watch;
  int rounds = 0;
  while (rounds < 2 || watch.seconds() < seconds / 4) {
    static_cast<void>(score(model, weights, set, *alone, static_cast<std::size_t>(config.evaluate.batch_size)));
    ++rounds;
  }
  const double score_seconds = watch.seconds() / static_cast<double>(rounds) / static_cast<double>(set.sequences.size());
  const auto evaluated = static_cast<double>(config.sets.facts());
  double total = 0;
  for (const PlannedRun& run : plan.runs) {
    for (const PhaseConfig& phase : run.config.phases) {
      double size = 0;
      for (const std::string& name : phase.sets) size += static_cast<double>(name == "known" ? run.config.sets.known : run.config.sets.unknown);
      total += static_cast<double>(phase.epochs) * size * train.seconds_per_sequence;
      total += static_cast<double>(phase.epochs) / static_cast<double>(run.config.evaluate.every_epochs) * evaluated * score_seconds;
    }
  }
  estimate.run_seconds = total / static_cast<double>(plan.runs.size());
  const double state = static_cast<double>(estimate.parameters) * 4 * (5.0 + static_cast<double>(config.phases.size()));
  const double activations = static_cast<double>(config.pretrain.train.batch_size) * pretrain.tokens_per_second * pretrain.seconds_per_sequence * 4 *
                             (static_cast<double>(shape.layers) * 14 * static_cast<double>(model.config().width) + 3 * static_cast<double>(shape.vocabulary));
  estimate.memory_bytes = state + activations + 150e6;  // libtorch itself
  return estimate;
}

}  // namespace stet
