#include <stet/checkpoint/checkpoint_store.hpp>

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <unit/checkpoint/examples.hpp>
#include <unit/tensorfile/temporary.hpp>

#include <gtest/gtest.h>

#include <set>

namespace stet {
namespace {

std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) names.insert(entry.path().filename().string());
  return names;
}

void flip(const std::filesystem::path& file, std::size_t byte) {
  std::string text = read_file(file);
  text.at(byte) = static_cast<char>(text[byte] ^ 0x10);
  put(file, text);
}

class CheckpointStoreTest : public ::testing::Test {
 protected:
  void expect_loads(std::int64_t step) {
    const std::optional<Checkpoint> found = CheckpointStore(*alone_, folder_.path()).load_newest();
    ASSERT_TRUE(found.has_value());
    expect_equal(*found, example(step));
  }

  /// The message with which a step-N folder is refused.
  std::string refusal(const std::string& name) {
    const Error error = error_of([&] { static_cast<void>(verify_checkpoint(folder_ / name)); });
    EXPECT_EQ(error.kind(), ErrorKind::checkpoint);
    EXPECT_NE(error.where().find(name), std::string::npos) << error.where();
    EXPECT_EQ(error_of([&] { static_cast<void>(read_checkpoint(folder_ / name)); }).message(), error.message());
    return error.message();
  }

  Folder folder_;
  std::unique_ptr<Communicator> alone_ = make_single_process();
  CheckpointStore store_{*alone_, folder_.path()};
};

TEST_F(CheckpointStoreTest, GivesBackEveryTypeAndShapeBitForBit) {
  store_.save(example(3));
  expect_loads(3);
  const CheckpointSummary summary = verify_checkpoint(folder_ / "step-3");
  EXPECT_EQ(summary.step, 3);
  EXPECT_EQ(summary.ranks, 1);
  EXPECT_EQ(summary.metadata, example(3).metadata);
  EXPECT_EQ(summary.shapes.at("f32"), (std::vector<std::int64_t>{3, 5, 7}));
  EXPECT_EQ(summary.shapes.at("scalar"), std::vector<std::int64_t>{});
  EXPECT_EQ(summary.shapes.at("no rows"), (std::vector<std::int64_t>{0, 4}));
  EXPECT_EQ(summary.bytes, std::filesystem::file_size(folder_ / "step-3" / "part-0-of-1.safetensors"));
}

TEST_F(CheckpointStoreTest, SavesViewsThatAreNotContiguousByTheirValues) {
  Checkpoint checkpoint;
  checkpoint.tensors["transposed"] = at::arange(12, at::kFloat).view({3, 4}).t();
  store_.save(checkpoint);
  const std::optional<Checkpoint> found = store_.load_newest();
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->tensors.at("transposed").equal(checkpoint.tensors.at("transposed")));
}

TEST_F(CheckpointStoreTest, FindsNothingWhereNothingWasSaved) {
  EXPECT_FALSE(store_.load_newest().has_value());
  EXPECT_FALSE(CheckpointStore(*alone_, folder_ / "never" / "made").load_newest().has_value());
}

TEST_F(CheckpointStoreTest, TakesTheLargestStepNotTheLastName) {
  CheckpointStore all(*alone_, folder_.path(), 10);
  for (const std::int64_t step : {9, 100, 20}) all.save(example(step));  // "step-9" is last in the alphabet
  expect_loads(100);
}

TEST_F(CheckpointStoreTest, PrunesAndFindsTheNewestThatVerifies) {
  for (const std::int64_t step : {10, 20, 30}) store_.save(example(step));
  EXPECT_EQ(names_in(folder_.path()), (std::set<std::string>{"step-20", "step-30"}));
  EXPECT_EQ(newest_checkpoint(folder_.path()), folder_ / "step-30");
  put(folder_ / "step-30" / "manifest.json", "{}");  // the newest that verifies, whatever its name says
  EXPECT_EQ(newest_checkpoint(folder_.path()), folder_ / "step-20");
  CheckpointStore(*alone_, folder_.path(), 1).save(example(40));
  EXPECT_EQ(names_in(folder_.path()), (std::set<std::string>{"step-40"}));
  store_.clear();
  EXPECT_FALSE(std::filesystem::exists(folder_.path()));
  store_.clear();  // again is no error
}

TEST_F(CheckpointStoreTest, TheSameStepAgainReplacesIt) {
  store_.save(example(5));
  Checkpoint second = example(6);
  second.step = 5;
  store_.save(second);
  const std::optional<Checkpoint> found = store_.load_newest();
  ASSERT_TRUE(found.has_value());
  expect_equal(*found, second);
  EXPECT_EQ(names_in(folder_.path()), (std::set<std::string>{"step-5"}));
}

TEST_F(CheckpointStoreTest, AFlippedByteAnywhereIsNoticed) {
  store_.save(example(1));
  store_.save(example(2));
  for (const std::string file : {"part-0-of-1.safetensors", "manifest.json"}) {
    const std::filesystem::path path = folder_ / "step-2" / file;
    const std::string whole = read_file(path);
    for (std::size_t byte = 0; byte < whole.size(); byte += file == "manifest.json" ? 3 : 97) {
      flip(path, byte);
      // White space in the manifest has no meaning: there it may pass, but then nothing else has changed.
      const std::optional<Checkpoint> found = CheckpointStore(*alone_, folder_.path()).load_newest();
      ASSERT_TRUE(found.has_value());
      if (file == "manifest.json" && found->step == 2) {
        expect_equal(*found, example(2));
      } else {
        expect_equal(*found, example(1));
      }
      if (HasFailure()) FAIL() << file << ", byte " << byte;
      put(path, whole);
    }
  }
  expect_loads(2);
}

TEST_F(CheckpointStoreTest, EveryKindOfDamageIsSkippedForTheReasonThatIsGiven) {
  CheckpointStore all(*alone_, folder_.path(), 20);
  for (std::int64_t step = 1; step <= 7; ++step) all.save(example(step));
  const auto part = [this](const std::string& step) { return folder_ / step / "part-0-of-1.safetensors"; };
  const auto manifest = [this](const std::string& step) { return folder_ / step / "manifest.json"; };

  std::filesystem::resize_file(part("step-7"), std::filesystem::file_size(part("step-7")) - 1);
  EXPECT_EQ(refusal("step-7"), "the checkpoint is not whole: part-0-of-1.safetensors has the wrong size");
  flip(part("step-6"), std::filesystem::file_size(part("step-6")) - 1);
  EXPECT_EQ(refusal("step-6"), "the checkpoint is not whole: part-0-of-1.safetensors has another checksum");
  std::filesystem::remove(part("step-5"));
  EXPECT_EQ(refusal("step-5"), "the checkpoint is not whole: part-0-of-1.safetensors is missing");
  std::filesystem::remove(manifest("step-4"));
  EXPECT_EQ(refusal("step-4"), "the checkpoint is not whole: no manifest.json");
  std::filesystem::resize_file(manifest("step-3"), 40);
  EXPECT_NE(refusal("step-3").find("not whole: manifest.json: "), std::string::npos);
  std::string text = read_file(manifest("step-2"));
  text.replace(text.find("\"34\""), 4, "\"35\"");  // the position in metadata: valid JSON, and wrong
  put(manifest("step-2"), text);
  EXPECT_EQ(refusal("step-2"), "the checkpoint is not whole: manifest.json has another checksum");
  expect_loads(1);

  put(manifest("step-1"), R"({"format": 99})");
  EXPECT_EQ(refusal("step-1"), "the checkpoint is not whole: written by another version of stet");
  EXPECT_FALSE(CheckpointStore(*alone_, folder_.path()).load_newest().has_value());
  EXPECT_EQ(refusal("step-77"), "the checkpoint is not whole: no manifest.json");
}

TEST_F(CheckpointStoreTest, FilesThatAreLinksOutOfTheFolderAreNotRead) {
  for (const std::string name : {"part-0-of-1.safetensors", "manifest.json"}) {
    store_.save(example(1));
    store_.save(example(2));
    std::filesystem::rename(folder_ / "step-2" / name, folder_ / "elsewhere");
    std::filesystem::create_symlink(folder_ / "elsewhere", folder_ / "step-2" / name);
    EXPECT_NE(refusal("step-2").find("link"), std::string::npos) << refusal("step-2");
    expect_loads(1);
    std::filesystem::remove_all(folder_.path());
  }
}

TEST_F(CheckpointStoreTest, ForeignFoldersAndLeftoversAreNoCheckpoints) {
  store_.save(example(1));
  for (const std::string name : {"step-9.tmp", "step-8x", "step-", "notes", "step-99999999999999999999"}) {
    std::filesystem::copy(folder_ / "step-1", folder_ / name);
  }
  std::filesystem::create_directory(folder_ / "step-7");
  put(folder_ / "step-6", "a file");
  expect_loads(1);
  store_.save(example(2));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "step-9.tmp"));  // a killed process' work, not ours
  EXPECT_TRUE(std::filesystem::exists(folder_ / "notes"));
}

TEST_F(CheckpointStoreTest, ABrokenOneDoesNotCountAmongThoseKept) {
  CheckpointStore one(*alone_, folder_.path(), 1);
  one.save(example(10));
  std::filesystem::copy(folder_ / "step-10", folder_ / "step-40");
  std::filesystem::remove(folder_ / "step-40" / "manifest.json");
  ASSERT_TRUE(one.load_newest().has_value());
  one.save(example(20));  // below 40, which is broken: it must not be pruned in favour of that
  expect_loads(20);
  EXPECT_EQ(names_in(folder_.path()), (std::set<std::string>{"step-20"}));
}

TEST_F(CheckpointStoreTest, AFailureToSaveIsACheckpointErrorAndLeavesTheOlderOneAlone) {
  store_.save(example(1));
  Checkpoint half = example(2);
  half.tensors["half"] = at::zeros({2}, at::kHalf);
  const Error type = error_of([&] { store_.save(half); });
  EXPECT_EQ(type.kind(), ErrorKind::checkpoint);
  EXPECT_NE(std::string(type.what()).find("Half"), std::string::npos) << type.what();

  Checkpoint bad = example(2);
  bad.metadata["bytes"] = "\xFF\xFE";
  EXPECT_EQ(error_of([&] { store_.save(bad); }).kind(), ErrorKind::checkpoint);
  expect_loads(1);

  put(folder_ / "file", "in the way");
  const Error place = error_of([&] { CheckpointStore(*alone_, folder_ / "file" / "below").save(example(2)); });
  EXPECT_EQ(place.kind(), ErrorKind::checkpoint);
  EXPECT_NE(std::string(place.what()).find("file/below"), std::string::npos) << place.what();
}

}  // namespace
}  // namespace stet
