// A model that was trained by low-rank changes, exported in Hugging Face's layout and read back: merged, with nothing
// left over.
#include <stet/hugging_face/foreign_export.hpp>
#include <stet/run/record/model_folder.hpp>
#include <stet/train/trainer.hpp>

#include <experiment_support.hpp>
#include <unit/train/training.hpp>

namespace stet {
namespace {

TEST(LowRankExportTest, TheFilesHoldTheMergedWeights) {
  ModelConfig config = testing::small_model();
  config.complete();
  const Transformer model(config);
  const ParameterTable& table = model.table();
  const at::Tensor start = initial_values(table, config, 1, at::kFloat);
  TrainableSelection selection{std::vector<bool>(table.size(), false), {}};
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].shape.size() != 2 || table[i].layer < 0) continue;
    selection.trains[i] = true;
    selection.low_rank[i] = {2, 0.75, 3};
  }
  TrainOptions options;
  options.batch_size = 6;
  options.learning_rate = 1e-2;
  at::Tensor weights = start.clone();
  const std::unique_ptr<Communicator> alone = make_single_process();
  testing::MapSnapshots snapshots;
  Trainer trainer(model, weights, options, *alone);
  trainer.begin_phase(selection, {}, snapshots);
  const TrainingData data = testing::small_data();
  const Sampler sampler(13, 5);
  for (std::uint64_t step = 0; step < 4; ++step) (void)trainer.step(data, sampler, batch_at(6 * step, 13, 6), 4);

  const testing::Folder folder;
  export_as_foreign(config, table, weights, std::nullopt, folder / "exported");
  const ModelFolder read = open_model_folder(folder / "exported");
  const at::Tensor factors = trainer.optimizer().factors.to(at::kDouble);
  std::int64_t at = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const at::Tensor exported = table.view(read.weights, i), first = table.view(start, i);
    if (!selection.trains[i]) {
      EXPECT_TRUE(exported.equal(first)) << table[i].name;
      continue;
    }
    const std::int64_t out = table[i].shape[0], in = table[i].shape[1];
    const at::Tensor a = factors.narrow(0, at, 2 * in).view({2, in}),
                     b = factors.narrow(0, at + 2 * in, 2 * out).view({out, 2});
    at += 2 * (in + out);
    const at::Tensor expected = first.to(at::kDouble) + 0.75 * b.matmul(a);
    EXPECT_GT((expected - first).abs().max().item<double>(), 1e-3) << table[i].name;
    EXPECT_LT((expected - exported).abs().max().item<double>(), 1e-6) << table[i].name;
  }
  EXPECT_EQ(at, factors.numel());
}

}  // namespace
}  // namespace stet
