#include <stet/conformance/bench.hpp>

#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/checkpoint/checkpoint_store.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace stet {

namespace {

constexpr std::uint64_t vocabulary = 23, examples = 12;

ModelConfig tiny_model() {
  ModelConfig config;
  config.vocabulary = static_cast<std::int64_t>(vocabulary);
  config.width = 16;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.feed_forward = 24;
  config.context = 16;
  config.qkv_bias = true;
  config.init_scale = 0.3;  // far from zero, so that every part of the model has a say
  config.complete();
  return config;
}

/// 3 to 9 tokens, of which the last one or more are predicted with loss.
TokenSequence tiny_sequence(std::string_view purpose, std::uint64_t index) {
  Random random(3, purpose, index);
  TokenSequence sequence;
  const std::uint64_t length = 3 + random.below(7);
  for (std::uint64_t t = 0; t < length; ++t) sequence.ids.push_back(static_cast<TokenId>(random.below(vocabulary)));
  sequence.loss_begin = 1 + static_cast<std::uint32_t>(random.below(length - 1));
  sequence.example = index;
  return sequence;
}

/// What a check wants to train, as a strategy that chose it.
class FixedSelection : public FreezeStrategy {
 public:
  explicit FixedSelection(TrainableSelection selection) : selection_(std::move(selection)) {}
  [[nodiscard]] TrainableSelection select(const ParameterTable& /*table*/) const override { return selection_; }

 private:
  TrainableSelection selection_;
};

}  // namespace

ConformanceBench::ConformanceBench()
    : model_(tiny_model()), data_{"conformance", examples, [](std::uint64_t /*epoch*/, std::uint64_t index) {
                                    const bool known = index < examples / 2;  // as in a run: known and unknown facts
                                    TokenSequence sequence =
                                        tiny_sequence(known ? "known" : "unknown", index % (examples / 2));
                                    sequence.example = ExampleStore::number_of(known ? 0 : 1, index % (examples / 2));
                                    return sequence;
                                  }} {
  options_.batch_size = 8;  // 8 + 4 an epoch
  options_.learning_rate = 5e-3;
  options_.weight_decay = 0.1;
  options_.micro_shards = shards;
  options_.accumulation = 1;
  options_.replica_check_steps = 1;
  for (const char* name : {"known", "unknown", "held", "validation"}) {
    TokenizedSet set{name, {}, {}, {}};
    for (std::uint64_t i = 0; i < 6; ++i) {
      set.sequences.push_back(tiny_sequence(name, i));
      set.subject_end.push_back(static_cast<std::int32_t>(set.sequences.back().loss_begin) - 1);
      set.facts.emplace_back();
    }
    sets_.push_back(std::move(set));
  }
}

at::Tensor ConformanceBench::weights(std::uint64_t seed, at::ScalarType type) const {
  return initial_values(model_.table(), model_.config(), seed, type);
}

SnapshotStore ConformanceBench::snapshots(at::ScalarType type) const {
  SnapshotStore store;
  store.put("base", weights(1, type));
  store.put("earlier", weights(2, type));
  return store;
}

void ConformanceBench::fill(ExampleStore& store) const {
  for (const TokenizedSet& set : sets_) {
    store.add(set.name, [&set] { return set.sequences; });
  }
  for (const char* name : {"neutral", "pretraining", "pretraining_not_held", "self_generated"}) {
    store.add(name, [name] {
      std::vector<TokenSequence> texts;
      for (std::uint64_t i = 0; i < 6; ++i) {
        texts.push_back(tiny_sequence(name, i));
        texts.back().loss_begin = 1;
      }
      return texts;
    });
  }
}

TrainableSelection ConformanceBench::partly_frozen(bool masked) const {
  TrainableSelection selection;
  for (const ParameterInfo& parameter : model_.table().entries()) {
    selection.trains.push_back(parameter.layer != 0 && parameter.role != Role::embedding);
  }
  for (std::size_t i = 0; masked && selection.masks.empty(); ++i) {
    const ParameterInfo& parameter = model_.table()[i];
    if (!selection.trains[i] || parameter.shape.size() != 2) continue;
    selection.masks[i] = at::arange(parameter.count, at::kLong).remainder(2).to(at::kByte).view(parameter.shape);
  }
  return selection;
}

BenchRun::BenchRun(const ConformanceBench& bench, Communicator& communicator, std::unique_ptr<Regularizer> regularizer,
                   const TrainableSelection& selection, std::uint64_t seed)
    : bench_(bench),
      communicator_(communicator),
      tuning_(bench.model(), bench.weights(seed, at::kFloat), bench.options(), communicator),
      sampler_(examples, 5) {
  tuning_.snapshots() = bench.snapshots(at::kFloat);
  if (regularizer) tuning_.add("plugin", std::move(regularizer));
  if (!selection.trains.empty()) tuning_.add("selection", std::make_unique<FixedSelection>(selection));
  bench.fill(tuning_.trainer().examples());
}

void BenchRun::begin(const std::string& phase) {
  phase_ = phase;
  position_ = 0;
  tuning_.begin_phase(phase);
}

void BenchRun::train(int steps) {
  for (int i = 0; i < steps; ++i) {
    const BatchRange range = batch_at(position_, examples, static_cast<std::uint64_t>(bench_.options().batch_size));
    reports_.push_back(tuning_.step(bench_.data(), sampler_, range, total_steps));
    position_ = range.end;
  }
}

void BenchRun::end() {
  replaced_ = !tuning_.replace_weights().empty() || replaced_;
  tuning_.end_phase();
}

void BenchRun::save(const std::filesystem::path& folder) {
  Checkpoint checkpoint;
  checkpoint.step = static_cast<std::int64_t>(reports_.size());
  checkpoint.metadata["position"] = std::to_string(position_);
  checkpoint.metadata["phase"] = phase_;
  tuning_.save(checkpoint);
  saved_tensors_ =
      static_cast<std::size_t>(std::count_if(checkpoint.tensors.begin(), checkpoint.tensors.end(),
                                             [](const auto& named) { return named.first.starts_with("plugin."); }));
  CheckpointStore(communicator_, folder).save(checkpoint);
}

void BenchRun::resume(const std::filesystem::path& folder) {
  const std::optional<Checkpoint> checkpoint = CheckpointStore(communicator_, folder).load_newest();
  if (!checkpoint)
    throw Error(ErrorKind::checkpoint, "the checkpoint that was just written is not found").at(folder.string());
  position_ = std::stoull(checkpoint->metadata.at("position"));
  phase_ = checkpoint->metadata.at("phase");
  tuning_.load(*checkpoint);
  tuning_.begin_phase(phase_, true);
}

std::string BenchRun::digest() const {
  std::string text = hash_tensor(weights());
  for (const StepReport& report : reports_) text += fmt::format(" {:a}", report.loss);
  return text;
}

std::string first_difference(const ParameterTable& table, const at::Tensor& a, const at::Tensor& b) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (hash_tensor(table.view(a, i)) != hash_tensor(table.view(b, i))) return table[i].name;
  }
  return "";
}

}  // namespace stet
