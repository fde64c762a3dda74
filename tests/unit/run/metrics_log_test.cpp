#include <stet/run/record/metrics_log.hpp>

#include <experiment_support.hpp>
#include <stet/base/files.hpp>

namespace stet {
namespace {

using testing::Folder;

TEST(MetricsLog, IsCutToWhatACheckpointKnew) {
  const Folder folder;
  const std::filesystem::path file = folder / "metrics.jsonl";
  write_file_atomically(file, "one\ntwo\nthree\n");
  MetricsLog log(file, true);
  log.cut(8);
  log.append("four");
  EXPECT_EQ(log.sync(), 13U);
  EXPECT_EQ(read_file(file), "one\ntwo\nfour\n");
}

TEST(MetricsLog, AFileThatWasRemovedIsWrittenAgain) {
  const Folder folder;
  const std::filesystem::path file = folder / "metrics.jsonl";
  MetricsLog log(file, true);
  log.cut(0);
  log.append("one");
  EXPECT_EQ(log.sync(), 4U);
  std::filesystem::remove(file);
  log.append("two");
  EXPECT_EQ(log.sync(), 8U);
  EXPECT_EQ(read_file(file), "one\ntwo\n");
  write_file_atomically(file, "something else");  // another file of its name
  log.append("three");
  EXPECT_EQ(log.sync(), 14U);
  log.append("four");
  EXPECT_EQ(log.sync(), 19U);
  EXPECT_EQ(read_file(file), "one\ntwo\nthree\nfour\n");
}

}  // namespace
}  // namespace stet
