// Checkpoints by several ranks (CTest: 1, 2 and 4): written by any number, read by any number.
#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/checkpoint/checkpoint_store.hpp>

#include "ranked_main.hpp"

#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <thread>

namespace stet {
namespace {

Communicator* world = nullptr;  // main's, for the tests

/// The same on every rank. Sizes that do not divide by the ranks, and fewer elements than ranks.
Checkpoint example(std::int64_t step) {
  Checkpoint checkpoint;
  checkpoint.step = step;
  Random random(static_cast<std::uint64_t>(step), "checkpoint test");
  at::Tensor weights = at::empty({1009}, at::kFloat);
  for (std::int64_t i = 0; i < weights.numel(); ++i) weights.data_ptr<float>()[i] = static_cast<float>(random.normal());
  checkpoint.tensors = {{"weights", weights},
                        {"matrix", at::arange(21, at::kDouble).view({3, 7}) / step},
                        {"few", at::full({3}, step, at::kLong)},
                        {"one", at::full({}, step, at::kInt)},
                        {"none", at::empty({0, 5}, at::kByte)}};
  checkpoint.metadata = {{"position", std::to_string(step)}};
  return checkpoint;
}

void expect_equal(const std::optional<Checkpoint>& found, const Checkpoint& wanted) {
  EXPECT_TRUE(found.has_value());
  if (!found) return;
  EXPECT_EQ(found->step, wanted.step);
  EXPECT_EQ(found->metadata, wanted.metadata);
  EXPECT_EQ(found->tensors.size(), wanted.tensors.size());
  for (const auto& [name, tensor] : wanted.tensors) {
    EXPECT_EQ(found->tensors.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(found->tensors.at(name).equal(tensor)) << name;
  }
}

class MpiCheckpoint : public ::testing::Test {
 protected:
  MpiCheckpoint() {
    std::string name = (std::filesystem::temp_directory_path() / "stet-mpi-checkpoint-XXXXXX").string();
    if (world->rank() == 0 && ::mkdtemp(name.data()) == nullptr) world->abort(1);
    folder_ = world->broadcast_text(name, 0);
  }
  ~MpiCheckpoint() override {
    world->barrier();
    if (world->rank() == 0) std::filesystem::remove_all(folder_);
  }

  std::filesystem::path folder_;
  const std::unique_ptr<Communicator> alone_ = make_single_process();
};

TEST_F(MpiCheckpoint, WrittenByAllReadByOneAndByAll) {
  CheckpointStore store(*world, folder_);
  store.save(example(1));
  store.save(example(2));
  expect_equal(store.load_newest(), example(2));
  expect_equal(CheckpointStore(*alone_, folder_).load_newest(), example(2));  // every rank for itself
  const CheckpointSummary summary = verify_checkpoint(folder_ / "step-2");
  EXPECT_EQ(summary.ranks, world->size());
  EXPECT_EQ(summary.shapes.at("matrix"), (std::vector<std::int64_t>{3, 7}));
}

TEST_F(MpiCheckpoint, WrittenByOneReadByAll) {
  if (world->rank() == 0) CheckpointStore(*alone_, folder_).save(example(3));
  world->barrier();
  expect_equal(CheckpointStore(*world, folder_).load_newest(), example(3));
}

TEST_F(MpiCheckpoint, WrittenByHalfTheRanksReadByAllAndTheReverse) {
  const std::unique_ptr<Communicator> half = world->split(world->rank() % 2);
  if (world->rank() % 2 == 0) CheckpointStore(*half, folder_).save(example(4));
  world->barrier();
  expect_equal(CheckpointStore(*world, folder_).load_newest(), example(4));
  world->barrier();
  CheckpointStore(*world, folder_).save(example(5));
  expect_equal(CheckpointStore(*half, folder_).load_newest(), example(5));
}

TEST_F(MpiCheckpoint, AMissingPartOfOneRankIsNoticedByAll) {
  CheckpointStore store(*world, folder_);
  store.save(example(1));
  store.save(example(2));
  if (world->rank() == world->size() - 1) {
    std::filesystem::remove(
        folder_ / "step-2" /
        ("part-" + std::to_string(world->rank()) + "-of-" + std::to_string(world->size()) + ".safetensors"));
  }
  world->barrier();
  expect_equal(store.load_newest(), example(1));
}

TEST_F(MpiCheckpoint, OneRanksFailureToSaveIsEveryonesAndHarmless) {
  CheckpointStore store(*world, folder_);
  store.save(example(1));
  Checkpoint bad = example(2);
  const int culprit = world->size() - 1;
  if (world->rank() == culprit) bad.tensors["weights"] = bad.tensors["weights"].to(at::kHalf);
  std::optional<Error> error;
  try {
    store.save(bad);
  } catch (const Error& caught) {
    error = caught;
  }
  EXPECT_TRUE(error.has_value());
  if (error) {
    EXPECT_EQ(error->kind(), ErrorKind::checkpoint);
    const bool named = std::string(error->what()).find("rank " + std::to_string(culprit)) != std::string::npos;
    EXPECT_TRUE(named || world->size() == 1) << error->what();
  }
  expect_equal(store.load_newest(), example(1));
  store.save(example(2));
  expect_equal(store.load_newest(), example(2));
}

TEST_F(MpiCheckpoint, AsynchronousOnesHoldWhatWasCopiedAndAreFinishedByAll) {
  CheckpointStore store(*world, folder_);
  for (std::int64_t step = 1; step <= 3; ++step) {
    Checkpoint changing = example(step);
    store.begin(changing);
    for (auto& [name, tensor] : changing.tensors) tensor.zero_();  // as training goes on
    EXPECT_TRUE(store.under_way());
    if (step == 2) continue;  // finished by the next
    store.finish();
    EXPECT_FALSE(store.under_way());
    expect_equal(store.load_newest(), example(step));
  }
  store.begin(example(4));
  store.clear();
  EXPECT_FALSE(store.load_newest().has_value());
}

TEST_F(MpiCheckpoint, OneThatCannotBeFinishedFailsOnAllRanksAndIsHarmless) {
  CheckpointStore store(*world, folder_);
  store.save(example(1));
  store.begin(example(2));
  while (!store.written()) std::this_thread::yield();
  world->barrier();
  if (world->rank() == 0) {
    std::filesystem::create_directories(folder_ / "step-2.tmp" / "manifest.json" / "in the way");
  }
  world->barrier();
  EXPECT_THROW(store.finish(), Error);
  EXPECT_FALSE(store.under_way());
  expect_equal(store.load_newest(), example(1));
  store.begin(example(3));
  store.finish();
  expect_equal(store.load_newest(), example(3));
}

}  // namespace
}  // namespace stet

int main(int argc, char** argv) {
  return stet::testing::run_ranked(argc, argv, [](stet::Communicator& communicator) { stet::world = &communicator; });
}
