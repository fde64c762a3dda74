#include <stet/schedule/arm_cost.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/evaluate/evaluation.hpp>
#include <stet/outcomes/outcomes.hpp>
#include <stet/plan/pretraining_data.hpp>
#include <stet/run/base_model.hpp>
#include <stet/run/knowledge_labels.hpp>
#include <stet/run/probe_context.hpp>
#include <stet/run/run_evaluation.hpp>
#include <stet/run/run_examples.hpp>
#include <stet/run/run_sets.hpp>
#include <stet/run/training/fine_tuning.hpp>
#include <stet/run/training/phase_data.hpp>
#include <stet/train/trainer.hpp>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace stet {

namespace {

/// Who waits for a plan: what takes longer than this is measured in part.
constexpr double slow_seconds = 4;

struct Speed {
  double seconds_per_sequence = 0, tokens_per_second = 0;
};

/// The median over steps, so that one slow step does not count; the first, which fills caches, never does.
Speed time_steps(Trainer& trainer, const TrainingData& data, double seconds) {
  const Sampler sampler(data.epoch_size, 1);
  const auto batch = static_cast<std::uint64_t>(trainer.options().batch_size);
  std::vector<double> per_sequence;
  double tokens = 0;
  std::uint64_t position = 0, counted = 0;
  const ProcessorStopwatch total;
  // Of a large model a few steps say enough: two behind the first.
  while (per_sequence.size() < (total.seconds() > slow_seconds ? 2 : 4) || total.seconds() < seconds) {
    const BatchRange range = batch_at(position, data.epoch_size, batch);
    const ProcessorStopwatch watch;
    const auto seen = static_cast<double>(trainer.step(data, sampler, range, 1000).tokens);
    if (position > 0) {
      per_sequence.push_back(watch.seconds() / static_cast<double>(range.end - range.begin));
      tokens += seen;
      counted += range.end - range.begin;
    }
    position = range.end;
  }
  std::nth_element(per_sequence.begin(), per_sequence.begin() + static_cast<std::ptrdiff_t>(per_sequence.size() / 2),
                   per_sequence.end());
  const double median = per_sequence[per_sequence.size() / 2];
  return {median, tokens / static_cast<double>(counted) / median};
}

/// Of a sequence: of the first ones, so that it is the same every time.
double mean_tokens(const TrainingData& data) {
  const std::uint64_t count = std::min<std::uint64_t>(data.epoch_size, 256);
  double tokens = 0;
  for (std::uint64_t i = 0; i < count; ++i) tokens += static_cast<double>(data.sequence(0, i).ids.size());
  return tokens / static_cast<double>(count);
}

/// One arm's parts, made once.
class Bench {
 public:
  Bench(const PlannedRun& run, PluginRegistry& registry, double seconds)
      : run_(run),
        config_(run.config),
        registry_(registry),
        seconds_(seconds),
        own_(registry.communicator().size() > 1 ? make_single_process() : nullptr),
        alone_(own_ ? *own_ : registry.communicator()),
        world_(make_world(run.config)),
        base_(untrained_base(world_, run.config)) {
    PlannedRun by_recall = run;  // labels cost a model; the sets are as large by recall
    if (config_.sets.labels == Labels::slick) by_recall.config.sets.per_category = 0;
    sets_ = make_run_sets(by_recall, base_, world_, nullptr, alone_).sets;
  }

  [[nodiscard]] double teacher_bytes() const { return teacher_bytes_; }  ///< of the phase that keeps most
  /// Of the flat gradient, and of each moment, in the phase that has most.
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> trained_elements() const { return trained_elements_; }
  [[nodiscard]] std::int64_t parameters() const { return base_.model.table().total(); }

  /// Seconds of a phase's beginning and steps.
  [[nodiscard]] double phase(const PhaseConfig& phase, Speed& speed) {
    if (phase_size(phase, sets_) == 0) return 0;
    const TrainingData data = phase_data(phase, sets_);
    FineTuning tuning(base_.model, base_.weights, config_.train, alone_);
    prepare(tuning);
    tuning.add_plugins(config_, registry_);
    const ProcessorStopwatch beginning;
    tuning.begin_phase(phase.name);
    const double begun = beginning.seconds();
    trained_elements_ =
        std::max(trained_elements_, {tuning.trainer().reducer().elements(), tuning.trainer().trainable_elements()});
    speed = time_steps(tuning.trainer(), data, seconds_);
    teacher_bytes_ = std::max(teacher_bytes_, tuning.trainer().teacher_bytes(static_cast<double>(data.epoch_size)));
    return begun + planned_epochs(phase) * static_cast<double>(data.epoch_size) * speed.seconds_per_sequence;
  }

  /// Seconds of one evaluation between a phase's ends: scores of all sets, and probes.
  [[nodiscard]] double evaluation() {
    return scores([](const TokenizedSet&) { return true; }) + probes(false);
  }
  /// Seconds of what a phase that ends at a plateau is judged by.
  [[nodiscard]] double validation() {
    return scores([](const TokenizedSet& set) { return set.name == report::validation_set; });
  }
  /// Seconds of the probes at a run's first evaluation, or (else) between a phase's ends.
  [[nodiscard]] double probes(bool at_the_ends) {
    if (config_.probes.empty()) return 0;
    FineTuning tuning(base_.model, base_.weights, config_.train, alone_);
    prepare(tuning);
    ProbeContext context =
        make_probe_context(base_.model, base_.weights, tuning.snapshots(), sets_, tuning.trainer().examples());
    context.phase = config_.phases.front().name;
    double total = 0;
    for (const PluginUse& use : config_.probes) {
      const std::unique_ptr<Probe> probe = registry_.probe(use.plugin).create(use.parameters);
      const auto measure = [&](bool end) {
        context.first = context.phase_end = context.last = end;
        const ProcessorStopwatch watch;
        static_cast<void>(probe->measure(context));
        static_cast<void>(probe->measure_facts(context));
        return watch.seconds();
      };
      const double first = measure(true);
      total += at_the_ends ? first : measure(false);
    }
    return total;
  }

 private:
  /// What a snapshot holds does not change what it costs: all are the base.
  void prepare(FineTuning& tuning) const {
    for (const PhaseConfig& phase : config_.phases) tuning.snapshots().put(phase.name, base_.weights);
    fill_examples(tuning.trainer().examples(), sets_, base_, world_, run_.seed);
  }

  template <class Wanted>
  [[nodiscard]] double scores(const Wanted& wanted) {
    const ProcessorStopwatch watch;
    const auto batch = static_cast<std::size_t>(config_.evaluate.batch_size);
    std::size_t all = 0;
    for (const TokenizedSet& set : sets_) all += wanted(set) ? set.sequences.size() : 0;
    double rounds = 0;
    while (all > 0 && (rounds < 2 || watch.seconds() < seconds_ / 2)) {
      for (const TokenizedSet& set : sets_) {
        if (!wanted(set)) continue;
        for (std::size_t begin = 0; begin < set.sequences.size(); begin += batch) {
          static_cast<void>(score_as(config_.evaluate, base_.model, base_.weights, part_of(set, begin, batch),
                                     base_.tokenizer, alone_));
          rounds += static_cast<double>(std::min(batch, set.sequences.size() - begin)) / static_cast<double>(all);
          if (watch.seconds() > slow_seconds) return watch.seconds() / rounds;
        }
      }
    }
    return rounds > 0 ? watch.seconds() / rounds : 0;
  }

  static TokenizedSet part_of(const TokenizedSet& set, std::size_t begin, std::size_t count) {
    const std::size_t end = std::min(begin + count, set.sequences.size());
    const auto part = [begin, end](const auto& all) {
      using Many = std::remove_cvref_t<decltype(all)>;
      if (all.empty()) return Many();
      return Many(all.begin() + static_cast<std::ptrdiff_t>(begin), all.begin() + static_cast<std::ptrdiff_t>(end));
    };
    return {set.name, part(set.facts), part(set.sequences), part(set.subject_end), part(set.subject_begin)};
  }

  const PlannedRun& run_;
  const RunConfig& config_;
  PluginRegistry& registry_;
  double seconds_;
  double teacher_bytes_ = 0;
  std::pair<std::int64_t, std::int64_t> trained_elements_;
  std::unique_ptr<Communicator> own_;  // where the registry's has several ranks
  Communicator& alone_;
  World world_;
  BaseModel base_;
  std::vector<TokenizedSet> sets_;
};

}  // namespace

namespace {

/// Of a batch: what the blocks keep for the backward pass, and logits, their gradient and their probabilities.
double activation_bytes(const ModelConfig& shape, double tokens, double predicted) {
  return 4 * (tokens * static_cast<double>(shape.layers) * 14 * static_cast<double>(shape.width) +
              predicted * 3 * static_cast<double>(shape.vocabulary));
}

/// A base that is given costs its reading; what fine-tuning it takes is what the runs take.
BaseCost measure_given(const RunConfig& config, const World& world, const BaseModel& base) {
  BaseCost cost;
  cost.parameters = base.model.table().total();
  cost.seconds = 2 + static_cast<double>(cost.parameters) * 4 / 500e6;
  double tokens = 0, predicted = 0;
  const std::size_t facts = std::min<std::size_t>(world.base_facts().size(), 256);
  for (std::size_t i = 0; i < facts; ++i) {
    const Fact& fact = world.base_facts()[i];
    const TokenSequence text = tokenize(base.tokenizer, render(world.relations()[fact.relation].probe, fact), false, i);
    tokens += static_cast<double>(text.ids.size()) / static_cast<double>(facts);
    predicted += static_cast<double>(text.loss_tokens()) / static_cast<double>(facts);
  }
  const auto batch = static_cast<double>(config.train.batch_size);
  cost.memory_bytes = static_cast<double>(cost.parameters) * 4 * 5 +
                      activation_bytes(base.model.config(), batch * tokens, batch * predicted) + 150e6;
  return cost;
}

}  // namespace

BaseCost measure_base(const RunConfig& config, double seconds) {
  const World world = make_world(config);
  const BaseModel base = untrained_base(world, config);
  if (config.base.given()) return measure_given(config, world, base);
  const TrainingData text = make_pretraining_data(config, world, base.tokenizer, 0);
  const std::unique_ptr<Communicator> alone = make_single_process();
  const SnapshotStore snapshots;
  Trainer trainer(base.model, base.weights.clone(), config.pretrain.train, *alone);
  trainer.begin_phase({}, {}, snapshots);
  const Speed speed = time_steps(trainer, text, seconds);
  BaseCost cost;
  cost.parameters = base.model.table().total();
  cost.tokens_per_second = speed.tokens_per_second;
  cost.step_seconds = speed.seconds_per_sequence * static_cast<double>(config.pretrain.train.batch_size);
  cost.seconds =
      speed.seconds_per_sequence * static_cast<double>(text.epoch_size) * static_cast<double>(config.pretrain.epochs);
  const double batch_tokens = static_cast<double>(config.pretrain.train.batch_size) * mean_tokens(text);
  cost.memory_bytes = static_cast<double>(cost.parameters) * 4 * 5 +
                      activation_bytes(base.model.config(), batch_tokens, batch_tokens) + 150e6;  // the last: libtorch
  return cost;
}

double measure_labels(const RunConfig& config) {
  const World world = make_world(config);
  const BaseModel base = untrained_base(world, config);
  SlickOptions options = slick_options(config, world);
  const double prompts = static_cast<double>(std::exchange(options.prompts, 1));
  const std::unique_ptr<Communicator> alone = make_single_process();
  double seconds = 0;
  for (SlickRelation& relation : slick_questions(world)) {
    if (relation.facts.empty()) continue;
    std::size_t tokens = 0;  // a trained model ends its answers, and its samples are often the same; these weights
                             // would go on, each its own way
    for (const SlickFact& fact : relation.facts)
      tokens += base.tokenizer.encode(options.answer_lead + fact.answers.front()).size();
    options.max_new_tokens = std::max<std::int64_t>(
        1, std::llround(static_cast<double>(tokens) / static_cast<double>(relation.facts.size())));
    const double groups =
        std::ceil(static_cast<double>(relation.facts.size()) / static_cast<double>(slick_facts_at_once));
    relation.facts.resize(std::min(relation.facts.size(), slick_facts_at_once));
    const ProcessorStopwatch watch;
    static_cast<void>(slick(base.model, base.weights, base.tokenizer, std::span(&relation, 1), options, *alone));
    seconds += watch.seconds() * groups * prompts;
  }
  return seconds;
}

double planned_epochs(const PhaseConfig& phase) {
  const auto most = static_cast<double>(phase.epochs);
  if (phase.until == Until::epochs) return most;
  const auto fewest =
      static_cast<double>(std::max(phase.min_epochs, phase.patience + 1));  // the first epoch is the best so far
  return (std::min(fewest, most) + most) / 2;
}

ArmCost measure_arm(const PlannedRun& run, PluginRegistry& registry, double seconds) {
  const RunConfig& config = run.config;
  Bench bench(run, registry, seconds);
  ArmCost cost;
  const double evaluation = bench.evaluation();
  double evaluations = 1;
  Speed speed;
  for (const PhaseConfig& phase : config.phases) {
    cost.run_seconds += bench.phase(phase, speed);
    evaluations += std::ceil(planned_epochs(phase) / static_cast<double>(config.evaluate.every_epochs));
    if (phase.until == Until::plateau &&
        config.evaluate.every_epochs > 1) {  // the other epochs score one set to judge by
      cost.run_seconds += planned_epochs(phase) * bench.validation();
    }
  }
  cost.run_seconds += evaluations * evaluation + 2 * bench.probes(true);
  cost.tokens_per_second = speed.tokens_per_second;
  cost.step_seconds = speed.seconds_per_sequence * static_cast<double>(config.train.batch_size);
  cost.snapshot_bytes =
      static_cast<double>(bench.parameters()) * 4 * static_cast<double>(config.phases.size()) + bench.teacher_bytes();
  std::tie(cost.gradient_elements, cost.moment_elements) = bench.trained_elements();
  return cost;
}

}  // namespace stet
