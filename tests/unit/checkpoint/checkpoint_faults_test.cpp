// What a checkpoint survives: a death at every point of the protocol, an error of every call on its files, a flipped
// bit anywhere. At once and in a thread of its own.
#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/base/files.hpp>
#include <stet/base/philox.hpp>
#include <stet/checkpoint/checkpoint_store.hpp>

#include <child.hpp>
#include <unit/checkpoint/examples.hpp>
#include <unit/tensorfile/temporary.hpp>

#include <gtest/gtest.h>

#include <csignal>

namespace stet {
namespace {

using testing::ChildEnd;
using testing::example;
using testing::expect_equal;
using testing::in_child;

enum class Form { at_once, asynchronous };

class CheckpointFaults : public ::testing::TestWithParam<Form> {
 protected:
  void save(CheckpointStore& store, std::int64_t step, std::int64_t content) const {
    Checkpoint checkpoint = example(content);
    checkpoint.step = step;
    if (GetParam() == Form::at_once) return store.save(checkpoint);
    store.begin(checkpoint);
    for (auto& [name, tensor] : checkpoint.tensors) tensor.zero_();  // as training would
    store.finish();
  }

  /// A child saves step 1, and then `step`, with a fault.
  ChildEnd saves(const std::string& faults, std::int64_t step, int keep) const {
    return in_child(faults, [&] {
      CheckpointStore store(*alone_, folder_.path(), keep);
      try {
        save(store, 1, 1);
        save(store, step, 2);
      } catch (const Error& error) {
        return error.kind() == ErrorKind::checkpoint && !error.where().empty() && !error.hint().empty() ? 10 : 11;
      }
      return 0;
    });
  }

  /// The step that a new process finds; 0: none.
  std::int64_t found() const {
    const std::optional<Checkpoint> newest = CheckpointStore(*alone_, folder_.path()).load_newest();
    if (newest) expect_equal(*newest, example(newest->step));
    return newest ? newest->step : 0;
  }

  /// The next process goes on in the same folder, and leaves nothing else in it.
  void goes_on(int keep) const {
    EXPECT_EQ(in_child("",
                       [&] {
                         CheckpointStore store(*alone_, folder_.path(), keep);
                         static_cast<void>(store.load_newest());
                         save(store, 2, 2);
                         save(store, 3, 3);
                         return 0;
                       })
                  .code,
              0);
    EXPECT_EQ(found(), 3);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), keep);
    std::filesystem::remove_all(folder_.path());
  }

  testing::Folder folder_;
  std::unique_ptr<Communicator> alone_ = make_single_process();
};

TEST_P(CheckpointFaults, AWholeOneIsLeftWheneverTheProcessDies) {
  // Before it has its name the old one is what is left, from then on the new one.
  bool named = false;
  int points = 0;
  for (const std::string_view point : fault_points) {
    if (!point.starts_with("checkpoint.")) continue;
    ++points;
    named = named || point == "checkpoint.prune";
    for (const int keep : {1, 2}) {
      const std::string fault = "kill:" + std::string(point) + "=2";
      ASSERT_EQ(saves(fault, 2, keep).signal, SIGKILL) << fault;
      EXPECT_EQ(found(), named ? 2 : 1) << fault;
      goes_on(keep);
      // The same step again: at no instant is there none.
      ASSERT_EQ(saves(fault, 1, keep).signal, SIGKILL) << fault;
      EXPECT_TRUE(CheckpointStore(*alone_, folder_.path()).load_newest().has_value()) << fault;
      std::filesystem::remove_all(folder_.path());
    }
  }
  EXPECT_EQ(points, 7);
}

TEST_P(CheckpointFaults, EveryErrorOfEveryCallIsToldAndHarmless) {
  int failures = 0;
  for (const std::string error : {"ENOSPC", "EIO", "EROFS", "ESTALE", "EDQUOT"}) {
    for (const std::string call : {"open", "write", "sync", "rename", "make", "remove"}) {
      for (int n = 1;; ++n) {
        std::string fault = "io:";
        fault.append(error).append(":").append(call).append("=").append(std::to_string(n));
        const ChildEnd end = saves(fault, 2, 1);
        if (end.code == 0) {  // there is no n-th call
          EXPECT_EQ(found(), 2) << fault;
          EXPECT_GT(n, call == "write" ? 18 : 2) << fault;
          std::filesystem::remove_all(folder_.path());
          break;
        }
        ++failures;
        ASSERT_EQ(end.code, 10) << fault << ", signal " << end.signal;
        static_cast<void>(found());  // whatever is there is whole
        goes_on(1);
        if (HasFailure()) FAIL() << fault;
      }
    }
  }
  EXPECT_GT(failures, 200);
}

TEST_P(CheckpointFaults, ShortWritesAndASlowDiskDoNoHarm) {
  for (const std::string fault : {"io:short:write=1+", "io:short:read=1+", "io:slow:sync=1+"}) {
    EXPECT_EQ(saves(fault, 2, 1).code, 0) << fault;
    EXPECT_EQ(found(), 2) << fault;
    std::filesystem::remove_all(folder_.path());
  }
}

TEST_P(CheckpointFaults, OneThatWasNotFinishedIsNotThere) {
  {
    CheckpointStore store(*alone_, folder_.path());
    save(store, 1, 1);
    store.begin(example(2));
    EXPECT_TRUE(store.under_way());
    EXPECT_EQ(found(), 1);
    store.begin(example(3));  // finishes the one before
    EXPECT_EQ(found(), 2);
  }
  EXPECT_EQ(found(), 2);
  goes_on(2);
}

/// 1,000 of the bits of a checkpoint, in any of its files: the checkpoint before it is taken instead.
TEST(CheckpointBits, AFlippedBitAnywhereIsNoticed) {
  const testing::Folder folder;
  const std::unique_ptr<Communicator> alone = make_single_process();
  CheckpointStore store(*alone, folder.path());
  store.save(example(1));
  store.save(example(2));
  Random random(20, "flipped bits");
  for (int i = 0; i < 1000; ++i) {
    const std::filesystem::path file =
        folder.path() / "step-2" / (random.below(4) == 0 ? "manifest.json" : "part-0-of-1.safetensors");
    const std::string whole = read_file(file);
    std::string changed = whole;
    const std::uint64_t bit = random.below(whole.size() * 8);
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    testing::put(file, changed);
    const std::optional<Checkpoint> newest = CheckpointStore(*alone, folder.path()).load_newest();
    ASSERT_TRUE(newest.has_value());
    ASSERT_EQ(newest->step, 1) << file << ", bit " << bit;
    testing::put(file, whole);
  }
  const std::optional<Checkpoint> newest = CheckpointStore(*alone, folder.path()).load_newest();
  ASSERT_TRUE(newest.has_value());
  expect_equal(*newest, example(2));
}

INSTANTIATE_TEST_SUITE_P(Forms, CheckpointFaults, ::testing::Values(Form::at_once, Form::asynchronous),
                         [](const auto& form) { return form.param == Form::at_once ? "AtOnce" : "Asynchronous"; });

}  // namespace
}  // namespace stet
