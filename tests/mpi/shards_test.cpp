// Token shards over several ranks (CTest: 1, 2 and 4): who writes and who reads does not matter, and nothing is read
// twice.
#include <mpi/ranked_main.hpp>
#include <stet/base/error.hpp>
#include <stet/data/shard_build.hpp>
#include <stet/data/shard_set.hpp>
#include <stet/train/read_ahead.hpp>
#include <stet/train/shard_data.hpp>
#include <unit/data/temporary.hpp>
#include <unit/train/training.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <sstream>

namespace stet {
namespace {

Communicator* world = nullptr;  // main's, for the tests

class MpiShards : public ::testing::Test {
 protected:
  MpiShards() {
    if (world->rank() == 0) {
      own_ = std::make_unique<testing::Folder>();
      testing::put(*own_ / "a.jsonl", testing::mixed_lines(150));
      testing::put(*own_ / "b.jsonl", testing::mixed_lines(40));
      testing::small_bpe().save(*own_ / "bpe.json");
    }
    folder_ = world->broadcast_text(own_ ? own_->path().string() : "", 0);
    options_.inputs = {folder_ / "a.jsonl", folder_ / "b.jsonl"};
    options_.tokenizer = folder_ / "bpe.json";
    options_.out = folder_ / "together";
    options_.context = 64;
    options_.shard_megabytes = 0.002;
  }
  ~MpiShards() override { world->barrier(); }

  std::unique_ptr<testing::Folder> own_;  // rank 0's
  std::filesystem::path folder_;
  ShardBuildOptions options_;
};

TEST_F(MpiShards, TheSameBytesFromAnyNumberOfRanks) {
  const ShardBuildResult together = build_shards(*world, options_);
  EXPECT_GT(together.index.shards.size(), 4U);
  if (world->rank() == 0) {
    ShardBuildOptions one = options_;
    one.out = folder_ / "alone";
    const auto alone = make_single_process();
    const ShardBuildResult result = build_shards(*alone, one);
    EXPECT_EQ(result.index.checksum(), together.index.checksum());
    EXPECT_EQ(testing::files_of(one.out), testing::files_of(options_.out));
  }
  world->barrier();
  EXPECT_EQ(build_shards(*world, options_).reused, together.index.shards.size());  // on every rank the same sum
}

TEST_F(MpiShards, AMalformedLineIsEveryonesError) {
  if (world->rank() == 0) testing::put(options_.inputs[1], testing::mixed_lines(39) + "{\"text\": 1}\n");
  world->barrier();
  const Error error = testing::error_of([&] { build_shards(*world, options_); });
  EXPECT_NE(error.where().find("b.jsonl:40"), std::string::npos) << error.where();
  EXPECT_FALSE(std::filesystem::exists(options_.out / "index.json"));
}

TEST_F(MpiShards, TrainingAsksEachRankForItsOwnAndGivesTheSameBits) {
  build_shards(*world, options_);
  const auto set = std::make_shared<ShardSet>(ShardSet::open(options_.out));
  ModelConfig config = testing::small_model();
  config.vocabulary = static_cast<std::int64_t>(set->index().vocabulary);
  config.context = 64;
  const Transformer model(config);
  TrainOptions options;
  options.batch_size = 12;
  options.micro_shards = 4;
  const Sampler sampler(set->size(), 2, shard_order);
  testing::MapSnapshots snapshots;
  std::vector<std::uint64_t> asked;
  const auto train = [&](Communicator& communicator) {
    asked.clear();
    at::Tensor weights = initial_values(model.table(), model.config(), 1, at::kFloat);
    Trainer trainer(model, weights, options, communicator);
    trainer.begin_phase({}, {}, snapshots);
    TrainingData data = shard_data(set, "shards");
    data.sequence = [&asked, make = data.sequence](std::uint64_t epoch, std::uint64_t index) {
      asked.push_back(index);  // by the reading thread alone
      return make(epoch, index);
    };
    const GradientReducer& reducer = trainer.reducer();
    data = read_ahead(
        data, sampler,
        {12, 0, set->size(), static_cast<std::uint64_t>(reducer.shards()),
         static_cast<std::uint64_t>(reducer.first_shard()), static_cast<std::uint64_t>(reducer.local_shards())});
    for (std::uint64_t position = 0; position < set->size();) {
      const BatchRange range = batch_at(position, set->size(), 12);
      (void)trainer.step(data, sampler, range, 100);
      position = range.end;
    }
    return weights;
  };
  const at::Tensor together = train(*world);
  std::string log;
  for (const std::uint64_t index : asked) log += std::to_string(index) + " ";
  std::multiset<std::uint64_t> all;
  for (const std::string& one : world->all_gather(log)) {
    std::istringstream numbers(one);
    for (std::uint64_t index = 0; numbers >> index;) all.insert(index);
  }
  EXPECT_EQ(all.size(), set->size());  // each once, over all ranks
  EXPECT_EQ(std::set<std::uint64_t>(all.begin(), all.end()).size(), set->size());
  const auto alone = make_single_process();
  EXPECT_TRUE(together.equal(train(*alone)));
}

}  // namespace
}  // namespace stet

int main(int argc, char** argv) {
  return stet::testing::run_ranked(argc, argv, [](stet::Communicator& communicator) { stet::world = &communicator; });
}
