#include <stet/plan/check/plan_check.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/document.hpp>
#include <stet/evaluate/evaluation.hpp>
#include <stet/plan/check/plugin_use_check.hpp>
#include <stet/plan/check/table_check.hpp>
#include <stet/plan/eligible_facts.hpp>
#include <stet/plan/pretraining_data.hpp>
#include <stet/plan/world_source.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/world/fact_sets.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace stet {

namespace {

using config::Value;

/// Where the file says a value of an arm: in the arm's own tables, else above the arms, else at the table or the
/// document.
const Value& place_of(const Plan& plan, const std::string& arm, std::initializer_list<const char*> path) {
  const Value* best = &plan.document;
  std::size_t depth = 0;
  const auto look = [&](const Value& root) {
    const Value* at = &root;
    std::size_t found = 0;
    for (const char* key : path) {
      const Value* next = at->find(key);
      if (next == nullptr) break;
      at = next;
      ++found;
    }
    if (found > depth) {
      best = at;
      depth = found;
    }
  };
  const std::string name = arm.substr(0, arm.find('@'));
  if (const Value* arms = plan.document.find("arm")) {
    for (const Value& one : arms->items()) {
      const Value* its = one.find("name");
      if (its != nullptr && its->as_string() == name) look(one);
    }
  }
  look(plan.document);
  return *best;
}

/// A world as a base has it that knows every fact.
struct KnownWorld {
  const World& world;
  Tokenizer tokenizer;
  Recall recall;
  bool tokenizer_known;  // false: it is yet to be trained on the world's text, and another stands in
};

/// Made once for all arms that share a world.
class KnownWorlds {
 public:
  const KnownWorld& of(const RunConfig& config) {
    const World& world = worlds_.of(config);
    std::unique_ptr<KnownWorld>& made = made_[{&world, config.base.folder}];
    if (made != nullptr) return *made;
    const bool known =
        config.data.world == WorldKind::synthetic || !config.data.tokenizer.empty() || config.base.given();
    Tokenizer tokenizer = known ? make_tokenizer(config, world) : make_word_level(std::vector<std::string>{"word"});
    Recall all(world.base_facts().size(), std::vector<bool>(1, true));
    made = std::make_unique<KnownWorld>(KnownWorld{world, std::move(tokenizer), std::move(all), known});
    return *made;
  }

 private:
  Worlds worlds_;
  std::map<std::pair<const World*, std::string>, std::unique_ptr<KnownWorld>> made_;
};

/// One arm at one sweep point.
class ArmCheck {
 public:
  ArmCheck(const Plan& plan, const PlannedRun& run, const KnownWorld& known, int ranks)
      : plan_(plan),
        run_(run),
        config_(run.config),
        known_(known),
        world_(known.world),
        ranks_(ranks),
        model_(config_.model) {}

  void check(PluginRegistry& registry, bool draw_sets) {
    model();
    if (!config_.base.given())
      check_optimizer(config_.pretrain.train, {"pretrain", "train", "micro_shards"}, "pretrain.train");
    check_optimizer(config_.train, {"train", "micro_shards"}, "train");
    if (draw_sets) sets();
    schedules();
    check_uses(run_.arm, config_, {model_, known_.tokenizer_known}, registry);
  }

 private:
  [[nodiscard]] Error wrong(std::initializer_list<const char*> path, const std::string& message) const {
    return error_at(place_of(plan_, run_.arm, path), fmt::format("arm {}: {}", run_.arm, message));
  }

  /// What an inner error says, placed in the file.
  [[nodiscard]] Error placed(const Error& inner, std::initializer_list<const char*> path) const {
    Error error = wrong(path, inner.where().empty() ? inner.message() : inner.message() + " (" + inner.where() + ")");
    return error.expected(inner.expected()).received(inner.received()).hint(inner.hint());
  }

  void model() {
    if (!config_.base.given()) model_.vocabulary = static_cast<std::int64_t>(known_.tokenizer.vocabulary_size());
    try {
      model_.complete();
    } catch (const Error& error) {
      throw placed(error, {"model"});
    }
    // Weights, gradients and two moments in float32: what training holds at least. In floating point: sizes may be
    // anything.
    const double width = static_cast<double>(model_.width), vocabulary = static_cast<double>(model_.vocabulary);
    const double block = 2 * width * width + 2 * width * static_cast<double>(model_.feed_forward);
    const double bytes = 16 * (static_cast<double>(model_.layers) * block + width * vocabulary);
    const double memory = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
    if (bytes > memory) {
      throw wrong({"model"}, "the model does not fit into this machine's memory")
          .expected("at most " + format_bytes(memory))
          .received("at least " + format_bytes(bytes) + " for weights, gradients and moments");
    }
  }

  void check_optimizer(const TrainOptions& options, std::initializer_list<const char*> path, const char* table) const {
    const std::int64_t shards = options.micro_shards;
    if (shards == 0) return;
    if (!std::has_single_bit(static_cast<std::uint64_t>(shards))) {
      throw wrong(path,
                  fmt::format("{}.micro_shards is no power of two, so its parts cannot be added in a tree", table))
          .expected("1, 2, 4, 8, ..., or 0: one a rank")
          .received(std::to_string(shards));
    }
    if (shards % ranks_ != 0) {
      throw wrong(path, fmt::format("{}.micro_shards cannot be shared out between {} ranks", table, ranks_))
          .expected(fmt::format("a power of two that {} divides", ranks_))
          .received(std::to_string(shards))
          .hint("--ranks-per-run says how many ranks train one run");
    }
  }

  /// Draws the sets from all facts of the world, as if the base knew them all.
  void sets() const {
    SetsConfig sets = config_.sets;
    if (sets.labels == Labels::slick) sets.per_category = 0;  // as if every fact were in the right category
    sets.knowledge = 0;
    std::vector<FactSet> drawn;
    try {
      const EligibleFacts eligible = eligible_facts(world_, known_.recall, sets, nullptr);
      drawn = draw_sets(eligible.pools(), sets.sizes(), sets.seed + run_.seed, sets.max_answer_share);
    } catch (const Error& error) {
      throw placed(error, {"sets"});
    }
    if (!known_.tokenizer_known) return;
    const auto wording = [this](const Fact& fact) -> const std::string& {
      return world_.relations()[fact.relation].probe;
    };
    try {
      for (const FactSet& set : drawn)
        check_lengths(tokenize_set(set.name, set.facts, known_.tokenizer, wording), model_.context);
    } catch (const Error& error) {
      throw placed(error, {"model", "context"});
    }
  }

  void schedules() const {
    const std::int64_t sequences = config_.base.given() ? 0 : pretraining_sequences();
    if (sequences > 0) {
      check_schedule(config_.pretrain.train, sequences, config_.pretrain.epochs, "pre-training", "pretrain.train",
                     {"pretrain", "train", "warmup_steps"}, {"pretrain", "train", "schedule"});
    }
    for (const PhaseConfig& phase : config_.phases) {
      std::int64_t facts = 0;
      for (const std::string& set : phase.sets) facts += config_.sets.size_of(set);
      if (facts == 0) {
        throw wrong({"phase"}, fmt::format("phase '{}' has nothing to train on", phase.name))
            .expected("facts in one of its sets: " + join(phase.sets, ", "))
            .received("sets of size 0");
      }
      check_schedule(config_.train, facts, phase.epochs, fmt::format("phase '{}'", phase.name), "train",
                     {"train", "warmup_steps"}, {"train", "schedule"});
    }
  }

  /// Of an epoch; 0: not known without the tokenizer.
  [[nodiscard]] std::int64_t pretraining_sequences() const {
    if (known_.tokenizer_known)
      return static_cast<std::int64_t>(make_pretraining_data(config_, world_, known_.tokenizer, 0).epoch_size);
    if (!config_.pretrain.shards.empty()) return 0;
    return (static_cast<std::int64_t>(world_.epoch_size()) + config_.pretrain.texts_per_sequence - 1) /
           config_.pretrain.texts_per_sequence;
  }

  void check_schedule(const TrainOptions& options, std::int64_t examples, std::int64_t epochs, const std::string& what,
                      const char* table, std::initializer_list<const char*> warmup,
                      std::initializer_list<const char*> schedule) const {
    const std::int64_t steps = (examples + options.batch_size - 1) / options.batch_size * epochs;
    const std::string account =
        fmt::format("{} steps: {} epochs of {} examples, {} a step", steps, epochs, examples, options.batch_size);
    if (options.warmup_steps > steps) {
      throw wrong(warmup,
                  fmt::format("{}.warmup_steps is longer than {}, whose rate would never be reached", table, what))
          .expected(fmt::format("at most {} ({})", steps, account))
          .received(std::to_string(options.warmup_steps));
    }
    if (options.schedule != Schedule::cosine || options.final_rate >= 1 ||
        steps - options.warmup_steps >= fewest_cosine_steps)
      return;
    throw wrong(schedule,
                fmt::format("{}.schedule = \"cosine\" has no room in {}: it would end at {:.2f} of the peak rate",
                            table, what, rate_at(options, steps - 1, steps) / options.learning_rate))
        .expected(fmt::format("at least {} steps after the warm-up", fewest_cosine_steps))
        .received(account + fmt::format(", {} of warm-up", options.warmup_steps))
        .hint("a smaller batch, more epochs, or schedule = \"constant\"");
  }

  const Plan& plan_;
  const PlannedRun& run_;
  const RunConfig& config_;
  const KnownWorld& known_;
  const World& world_;
  int ranks_;
  ModelConfig model_;
};

/// What a file system takes as one name, less what locks and temporary names add.
void check_names(const Plan& plan) {
  static constexpr std::size_t most = 255 - 31;
  const auto too_long = [](const Value& at, const std::string& name, const std::string& what) {
    return error_at(at, what + " is too long for the name of a folder")
        .expected(fmt::format("at most {} bytes", most))
        .received(fmt::format("{} bytes: {}...", name.size(), name.substr(0, 60)));
  };
  if (plan.name.size() > most) throw too_long(*plan.document.find("experiment"), plan.name, "experiment.name");
  for (const PlannedRun& run : plan.runs) {
    const std::string name = run.folder_name();
    if (name.size() <= most) continue;
    const bool swept = run.arm.find('@') != std::string::npos;
    throw too_long(place_of(plan, run.arm, {swept ? "sweep" : "name"}), name,
                   fmt::format("the name of arm '{}...'", run.arm.substr(0, 40)))
        .hint(swept ? "sweep fewer keys, or shorter values: key and value are part of the name"
                    : "a shorter name; its label may be long");
  }
}

/// Two sweep points or arms of one arm's sweep that come to the same run.
void check_points(const Plan& plan) {
  std::map<std::string, std::string> seen;  // by arm and identity
  for (const PlannedRun& run : plan.runs) {
    const std::size_t at = run.arm.find('@');
    if (at == std::string::npos) continue;
    const auto [found, added] = seen.emplace(run.arm.substr(0, at) + " " + run.identity, run.arm);
    if (added || found->second == run.arm) continue;
    throw error_at(place_of(plan, run.arm, {"sweep"}), "two points of a sweep train the same run")
        .expected("points that differ in something that a run depends on")
        .received(found->second + " and " + run.arm);
  }
}

}  // namespace

std::vector<std::string> check_plan(const Plan& plan, PluginRegistry& registry, int ranks, bool draw_sets) {
  std::vector<std::string> notes;
  check_names(plan);
  check_points(plan);
  KnownWorlds worlds;
  for (std::size_t a = 0; a < plan.arms.size() && a < plan.runs.size();
       ++a) {  // the first seed's runs come first, one an arm
    const PlannedRun& run = plan.runs[a];
    const KnownWorld& known = worlds.of(run.config);
    ArmCheck(plan, run, known, ranks).check(registry, draw_sets);
    for (const std::string& note : known.world.notes()) {
      if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
    }
  }
  check_table(plan);
  return notes;
}

}  // namespace stet
