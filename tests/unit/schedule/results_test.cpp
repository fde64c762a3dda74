#include <stet/schedule/results.hpp>

#include <experiment_support.hpp>
#include <stet/base/files.hpp>

#include <chrono>
#include <future>

namespace stet {
namespace {

TEST(WriteResults, OneWriterAtATime) {
  const testing::Folder folder;
  const Workspace workspace(folder.path(), "name");
  Plan plan;
  plan.document = config::Value::table();
  const report::Table table;
  std::optional<FileLock> another = FileLock::acquire_folder(workspace.folder());
  ASSERT_TRUE(another.has_value());
  std::future<void> writing = std::async(std::launch::async, [&] { write_results(plan, workspace, table); });
  EXPECT_EQ(writing.wait_for(std::chrono::milliseconds(300)), std::future_status::timeout);
  EXPECT_FALSE(std::filesystem::exists(workspace.folder() / "table.md"));
  another.reset();
  writing.get();
  for (const char* name : {"table.md", "table.tex", "table.csv", "plan.toml", "certification.md"})
    EXPECT_TRUE(std::filesystem::exists(workspace.folder() / name)) << name;
}

}  // namespace
}  // namespace stet
