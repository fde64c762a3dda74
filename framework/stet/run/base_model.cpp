#include <stet/run/base_model.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/files.hpp>
#include <stet/checkpoint/checkpoint_store.hpp>
#include <stet/config/document.hpp>
#include <stet/plan/pretraining_data.hpp>
#include <stet/run/certification.hpp>
#include <stet/run/given_base.hpp>
#include <stet/run/record/checkpoint_identity.hpp>
#include <stet/run/record/metrics_log.hpp>
#include <stet/run/record/model_folder.hpp>
#include <stet/run/record/task_record.hpp>
#include <stet/run/training/trainer_checkpoint.hpp>
#include <stet/run/training/training_loop.hpp>
#include <stet/tensorfile/tensor_file.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>
#include <stet/train/read_ahead.hpp>
#include <stet/train/snapshot_store.hpp>
#include <stet/train/trainer.hpp>

#include <fmt/format.h>

#include <array>

namespace stet {

namespace {

Transformer make_model(const RunConfig& config, const Tokenizer& tokenizer) {
  ModelConfig shape = config.model;
  if (!config.base.given()) shape.vocabulary = static_cast<std::int64_t>(tokenizer.vocabulary_size());
  return Transformer(shape);
}

/// All that a run reads of it.
constexpr std::array files_of_base = {"model.safetensors", "knowledge.safetensors", "tokenizer.json"};

void write_base(const std::filesystem::path& folder, const PlannedBase& base, const Transformer& model,
                const at::Tensor& weights, const Tokenizer& tokenizer, const Recall& knowledge,
                const std::string& certification) {
  save_own_weights(folder, model.table(), weights);
  tokenizer.save(folder / "tokenizer.json");
  std::vector<std::uint8_t> bits;
  for (const std::vector<bool>& row : knowledge) bits.insert(bits.end(), row.begin(), row.end());
  const std::vector<TensorView> known = {
      view_of<std::uint8_t>("knowledge", bits, {knowledge.size(), knowledge.empty() ? 0 : knowledge[0].size()})};
  write_tensor_file(folder / "knowledge.safetensors", known);
  write_file_atomically(folder / "certification.md", certification);
  write_file_atomically(folder / "base.toml", config::to_toml(base_identity_of(base.config)));
}

}  // namespace

BaseModel untrained_base(const World& world, const RunConfig& config) {
  Tokenizer tokenizer = make_tokenizer(config, world);
  Transformer model = make_model(config, tokenizer);
  at::Tensor weights = config.base.given() ? read_given_weights(config.base, model.config())
                                           : initial_values(model.table(), model.config(), 1, at::kFloat);
  Recall knowledge(world.base_facts().size(), std::vector<bool>(1, true));
  return {std::move(tokenizer), std::move(model), std::move(weights), std::move(knowledge), ""};
}

void train_base(const PlannedBase& base, const World& world, const std::filesystem::path& folder,
                Communicator& communicator, const ProgressSink& progress) {
  if (base.config.base.given()) return adopt_base(base, folder, communicator);
  const TaskStopwatch watch;
  const Tokenizer tokenizer = make_tokenizer(base.config, world);
  const Transformer model = make_model(base.config, tokenizer);
  const std::uint64_t seed = base.config.pretrain.seed + static_cast<std::uint64_t>(base.index);
  at::Tensor weights = initial_values(model.table(), model.config(), seed, at::kFloat);
  Trainer trainer(model, weights, base.config.pretrain.train, communicator);
  const SnapshotStore snapshots;
  trainer.begin_phase({}, {}, snapshots);

  TrainingData data = make_pretraining_data(base.config, world, tokenizer, base.index);
  if (!base.config.pretrain.shards.empty()) verify_shards(base.config.pretrain.shards, communicator);
  const Sampler sampler = make_pretraining_sampler(base.config, data, base.index);
  const auto batch_size = static_cast<std::uint64_t>(base.config.pretrain.train.batch_size);
  const TrainingSpan span{data, sampler, batch_size, static_cast<std::uint64_t>(base.config.pretrain.epochs)};

  CheckpointStore store(communicator, folder / "checkpoints", static_cast<int>(base.config.checkpoint.keep));
  std::uint64_t position = 0;
  TimeSpent before;  // in earlier attempts
  MetricsLog losses(folder / "metrics.jsonl", communicator.rank() == 0);
  std::uint64_t losses_bytes = 0;
  if (const std::optional<Checkpoint> checkpoint = store.load_newest()) {
    refuse_other_identity(*checkpoint, base_identity_of(base.config), folder / "checkpoints");
    trainer.optimizer() = load_trainer(*checkpoint, weights);
    position = std::stoull(checkpoint->metadata.at("position"));
    before.wall = std::stod(checkpoint->metadata.at("seconds"));
    before.processor = std::stod(checkpoint->metadata.at("processor_seconds"));
    losses_bytes = std::stoull(checkpoint->metadata.at("losses_bytes"));
  }
  collectively(communicator, [&] { losses.cut(losses_bytes); });
  if (!base.config.pretrain.shards.empty()) {
    const GradientReducer& reducer = trainer.reducer();
    data = read_ahead(
        std::move(data), sampler,
        {batch_size, position, span.end(), static_cast<std::uint64_t>(reducer.shards()),
         static_cast<std::uint64_t>(reducer.first_shard()), static_cast<std::uint64_t>(reducer.local_shards())});
  }
  const auto spent = [&] {
    TimeSpent all = before;
    return all += watch.spent();
  };
  const auto save = [&](bool last) {
    const TimeSpent so_far = spent();
    trainer.check_replicas();  // or a damaged replica's share of the weights would be resumed from
    collectively(communicator, [&] { losses_bytes = losses.sync(); });
    Checkpoint checkpoint{trainer.optimizer().step,
                          {},
                          {{"position", std::to_string(position)},
                           {"seconds", std::to_string(so_far.wall)},
                           {"processor_seconds", std::to_string(so_far.processor)},
                           {"losses_bytes", std::to_string(losses_bytes)},
                           {"model", model_shape_text(model.config())}}};
    write_identity(checkpoint, base_identity_of(base.config));
    save_trainer(trainer, weights, checkpoint);
    if (base.config.checkpoint.asynchronous && !last) {
      store.begin(checkpoint);
    } else {
      store.save(checkpoint);
    }
  };
  StepBoundary boundary(communicator, base.config.checkpoint.seconds);
  ProgressMeter meter(communicator.rank() == 0 ? progress : ProgressSink(), task_name(base), base.identity);
  TrainingHooks hooks;
  hooks.stepped = [&](const StepReport& report) {
    losses.append(fmt::format("{{\"step\":{},\"loss\":{:.9g},\"lr\":{:.6g},\"grad_norm\":{:.6g}{}}}",
                              trainer.optimizer().step, report.loss, report.learning_rate, report.gradient_norm,
                              samples_text(report)));
    meter.stepped(
        static_cast<double>(report.tokens),
        [&] { return static_cast<double>(position) / static_cast<double>(span.end()); }, [&] { return spent().wall; });
    fault_point("base.step");
  };
  hooks.save = save;
  hooks.store = &store;
  try {
    run_training_loop(span, "pre-training", trainer.optimizer().step, position, trainer, boundary, communicator, hooks);
  } catch (Error& error) {
    if (error.kind() == ErrorKind::numerical) {
      throw Error(ErrorKind::numerical, error.message())
          .at(fmt::format("pre-training of base {}, {}", base.index + 1, error.where()))
          .hint("lower pretrain.train.learning_rate");
    }
    throw;
  }
  Recall knowledge;
  const std::string certification = certify(world, tokenizer, model, weights, communicator, knowledge);
  collectively(communicator, [&] {
    if (communicator.rank() != 0) return;
    write_base(folder, base, model, weights, tokenizer, knowledge, certification);
    losses.sync();
    fault_point("base.record");
    task::mark_finished(folder, spent(), communicator.size(), task::content_hash(folder, files_of_base));
  });
  store.clear();
}

namespace {

std::unique_ptr<BaseModel> read_base(const PlannedBase& base, const World& world, const std::filesystem::path& folder) {
  for (const char* name :
       {"base.toml", "tokenizer.json", "model.safetensors", "knowledge.safetensors", "certification.md"})
    static_cast<void>(stays_within(folder, folder / name));
  const std::filesystem::path made_from = folder / "base.toml";
  if (!(config::load(made_from) == base_identity_of(base.config))) {
    throw Error(ErrorKind::data, "the base was made from another world, or otherwise, than this experiment asks for")
        .at(made_from.string())
        .expected("what the experiment says of data, model and pre-training");
  }
  if (base.config.base.given()) return read_given_base(base, world, folder);
  Tokenizer tokenizer = Tokenizer::load(folder / "tokenizer.json");
  Transformer model = make_model(base.config, tokenizer);
  ModelFolder own = open_model_folder(folder);
  if (!(own.config == model.config()))
    throw Error(ErrorKind::data, "the base's weights are of another shape than the model").at(folder.string());
  const TensorFile known = TensorFile::open(folder / "knowledge.safetensors");
  const TensorInfo& info = known.require("knowledge");
  const std::span<const std::uint8_t> bits = known.values<std::uint8_t>("knowledge");
  if (info.shape.size() != 2 || info.shape[0] != world.base_facts().size()) {
    throw Error(ErrorKind::data, "the base's knowledge is of another world").at(known.path().string());
  }
  Recall knowledge;
  for (std::uint64_t i = 0; i < info.shape[0]; ++i) {
    const auto row = bits.subspan(i * info.shape[1], info.shape[1]);
    knowledge.emplace_back(row.begin(), row.end());
  }
  task::refuse_altered(folder, files_of_base);  // last: other damage has an error that says more
  return std::make_unique<BaseModel>(BaseModel{std::move(tokenizer), std::move(model), std::move(own.weights),
                                               std::move(knowledge), read_file(folder / "certification.md")});
}

}  // namespace

std::unique_ptr<BaseModel> load_base(const PlannedBase& base, const World& world, const std::filesystem::path& folder) {
  try {
    return read_base(base, world, folder);
  } catch (Error& error) {
    if (!may_pass(error)) error.hint("remove the folder " + folder.string() + "; the base is then made again");
    throw error;
  }
}

}  // namespace stet
