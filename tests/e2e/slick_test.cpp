// Facts labelled by few-shot answers, and sets drawn from the labels.
#include "program.hpp"

#include <chrono>
#include <csignal>
#include <thread>

namespace stet::e2e {
namespace {

const std::string file = STET_SOURCE_DIR "/tests/e2e/miniature.toml";

/// A protocol of seconds, on a base that has seen several texts in a row. The tiny base knows little: every category
/// will do.
Words slick_words(const std::string& command, const Words& more = {}) {
  Words words = {command, file,
                 "--set", "model.context=64",
                 "--set", "pretrain.texts_per_sequence=3",
                 "--set", "slick.prompts=3",
                 "--set", "slick.shots=2",
                 "--set", "slick.samples=4",
                 "--set", "sets.labels=\"slick\"",
                 "--set", "sets.categories=[\"HighlyKnown\",\"MaybeKnown\",\"WeaklyKnown\",\"Unknown\"]",
                 "--set", "sets.known=6",
                 "--set", "sets.held=6",
                 "--set", "sets.validation=3",
                 "--set", "sets.unknown=6",
                 "--set", "experiment.seeds=1",
                 "--set", "train.schedule='constant'"};  // the format phase has four steps
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

class SlickTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new Folder;
    first_ = new Outcome(stet(shared_->path(), slick_words("slick")));
  }
  static void TearDownTestSuite() {
    delete first_;
    delete shared_;
  }
  void SetUp() override {
    ASSERT_TRUE(ended_with(*first_, 0));
    ASSERT_FALSE(find_all(*shared_ / "runs", "labels.safetensors").empty());
  }
  static fs::path labels() { return find_all(*shared_ / "runs", "labels.safetensors").front(); }

  static inline Folder* shared_ = nullptr;
  static inline Outcome* first_ = nullptr;
};

TEST_F(SlickTest, PrintsTheSharesByRelation) {
  EXPECT_TRUE(has(first_->out, "SLiCK: 3 prompts of 2 shots, 1 greedy answer and 4 samples at T 0.5, top-k 40"));
  EXPECT_TRUE(has(first_->out, "| relation | facts | HighlyKnown | MaybeKnown | WeaklyKnown | Unknown |"));
  EXPECT_TRUE(has(first_->out, "| all, base facts | "));
  EXPECT_TRUE(has(first_->out, "| all, new facts | "));
  EXPECT_TRUE(has(first_->out, "for 1,000 facts."));
}

TEST_F(SlickTest, AStopIsHeardWhileLabellingAndNothingIsDoneTwice) {
  const Folder mine;
  fs::copy(*shared_ / "runs", mine / "runs", fs::copy_options::recursive);
  for (const fs::path& done : find_all(mine.path(), "labels.safetensors")) fs::remove_all(done.parent_path());
  const Words longer = {"--set", "slick.samples=1000", "--set", "slick.prompts=32", "--set", "checkpoint.seconds=0"};
  Process process(stet_words(slick_words("slick", longer)), mine.path());
  const auto checkpoints = [&] {
    std::size_t found = 0;
    for (const fs::path& manifest : find_all(mine / "runs" / ".bases", "manifest.json"))
      found += manifest.parent_path().extension() != ".tmp" ? 1 : 0;
    return found;
  };
  while (process.running() && checkpoints() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  process.signal(SIGTERM);
  ASSERT_TRUE(ended_with(process.wait(), 75));
  EXPECT_GE(checkpoints(), 1U);
  EXPECT_TRUE(find_all(mine.path(), "labels.safetensors").empty());
  ASSERT_TRUE(ended_with(stet(mine.path(), slick_words("slick", longer)), 0));
  EXPECT_EQ(checkpoints(), 0U);
  const Folder other;  // the same without a stop
  fs::copy(*shared_ / "runs", other / "runs", fs::copy_options::recursive);
  for (const fs::path& done : find_all(other.path(), "labels.safetensors")) fs::remove_all(done.parent_path());
  ASSERT_TRUE(ended_with(stet(other.path(), slick_words("slick", longer)), 0));
  EXPECT_EQ(files_named(mine.path(), "labels.safetensors"), files_named(other.path(), "labels.safetensors"));
}

TEST_F(SlickTest, LabelsAreReused) {
  const fs::path first = labels();
  const auto before = fs::last_write_time(first);
  const Outcome again = stet(shared_->path(), slick_words("slick"));
  ASSERT_TRUE(ended_with(again, 0));
  EXPECT_EQ(again.out, first_->out);
  EXPECT_EQ(fs::last_write_time(first), before);
  // Another protocol is another set of labels, of the same base.
  const Outcome other = stet(
      shared_->path(), slick_words("slick", {"--set", "slick.rule=\"always_never\"", "--set", "slick.greedy=false"}));
  ASSERT_TRUE(ended_with(other, 0));
  EXPECT_EQ(find_all(*shared_ / "runs", "labels.safetensors").size(), 2U);
  EXPECT_EQ(find_all(*shared_ / "runs", "base.toml").size(), 1U);
  EXPECT_FALSE(contains(other.out, "greedy answer"));
}

TEST_F(SlickTest, APlanCountsLabelsThatAreLeft) {
  const Outcome there = stet(shared_->path(), slick_words("plan"));
  ASSERT_TRUE(ended_with(there, 0));
  EXPECT_TRUE(has(there.out, "labels (SLiCK): 0 ms"));
  const Outcome left = stet(shared_->path(), slick_words("plan", {"--out", "elsewhere"}));
  ASSERT_TRUE(ended_with(left, 0));
  EXPECT_TRUE(has(left.out, "labels (SLiCK): "));
  EXPECT_FALSE(contains(left.out, "labels (SLiCK): 0 ms"));
}

TEST_F(SlickTest, SetsAreDrawnFromTheLabels) {
  const Outcome run = stet(shared_->path(), slick_words("run"));
  ASSERT_TRUE(ended_with(run, 0));
  EXPECT_FALSE(contains(run.out, "not finished"));
  // Too few facts in the categories is said, not worked around.
  const Outcome none = stet(shared_->path(), slick_words("run", {"--set", "sets.known=4000"}));
  EXPECT_TRUE(ended_with(none, 2));
  EXPECT_TRUE(has(none.err, "not enough facts for the set \"known\""));
}

TEST_F(SlickTest, AContextTooShortForTheShotsIsSaid) {
  const Outcome crowded = stet(shared_->path(), slick_words("slick", {"--set", "slick.shots=12"}));
  EXPECT_TRUE(ended_with(crowded, 3));
  EXPECT_TRUE(has(crowded.err, "context"));
}

TEST_F(SlickTest, MisspeltCategoriesAreRefused) {
  const Outcome bad = stet(shared_->path(), slick_words("slick", {"--set", "sets.categories=[\"Known\"]"}));
  EXPECT_TRUE(ended_with(bad, 2));
  EXPECT_TRUE(has(bad.err, "HighlyKnown, MaybeKnown, WeaklyKnown or Unknown"));
}

#ifdef STET_MPIEXEC
TEST_F(SlickTest, TwoRanksGiveTheSameLabels) {
  const Folder mine;
  fs::create_directories(mine / "runs");
  fs::copy(*shared_ / "runs" / ".bases", mine / "runs" / ".bases", fs::copy_options::recursive);
  for (const fs::path& path : find_all(mine / "runs", "labels.safetensors")) fs::remove_all(path.parent_path());
  const Outcome two = mpi_stet(2, mine.path(), slick_words("slick"));
  ASSERT_TRUE(ended_with(two, 0));
  const auto theirs = find_all(mine / "runs", "labels.safetensors");
  ASSERT_EQ(theirs.size(), 1U);
  const fs::path same = *shared_ / "runs" / fs::relative(theirs.front(), mine / "runs").string();
  EXPECT_TRUE(read(theirs.front()) == read(same));
}
#endif

}  // namespace
}  // namespace stet::e2e
