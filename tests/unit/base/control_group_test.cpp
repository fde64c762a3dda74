#include <stet/base/host/control_group.hpp>

#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace stet {
namespace {

class ControlGroupTest : public ::testing::Test {
 protected:
  void put(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = folder_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << '\n';
  }
  [[nodiscard]] ControlGroupLimits limits() const { return control_group_limits(folder_.path()); }

  testing::Folder folder_;
};

TEST_F(ControlGroupTest, OfVersion2CountTheSmallestOnTheWayUp) {
  put("proc/self/cgroup", "0::/a/b");
  put("sys/fs/cgroup/a/b/cpu.max", "max 100000");
  put("sys/fs/cgroup/a/cpu.max", "250000 100000");
  put("sys/fs/cgroup/a/b/memory.max", "4096");
  put("sys/fs/cgroup/a/memory.max", "8192");
  EXPECT_DOUBLE_EQ(limits().cores, 2.5);
  EXPECT_EQ(limits().memory, 4096U);
  put("sys/fs/cgroup/cpu.max", "50000 100000");  // a container sees its own group as the root
  EXPECT_DOUBLE_EQ(limits().cores, 0.5);
}

TEST_F(ControlGroupTest, OfVersion1AreInFoldersByController) {
  put("proc/self/cgroup", "7:memory:/job\n4:cpu,cpuacct:/job\n1:name=systemd:/job\n0::/job");
  put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "300000");
  put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000");
  put("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1073741824");
  put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  EXPECT_DOUBLE_EQ(limits().cores, 3);
  EXPECT_EQ(limits().memory, 1073741824U);
}

TEST_F(ControlGroupTest, WithoutAnyThereIsNoLimit) {
  EXPECT_EQ(limits().cores, 0);
  put("proc/self/cgroup", "4:cpu:/\n");
  put("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
  put("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(limits().cores, 0);
  EXPECT_EQ(limits().memory, 0U);
}

TEST(UsableCores, AreWholeAndAtLeastOne) {
  EXPECT_EQ(usable_cores(8, 0), 8);
  EXPECT_EQ(usable_cores(8, 2.5), 2);
  EXPECT_EQ(usable_cores(8, 0.5), 1);
  EXPECT_EQ(usable_cores(2, 6), 2);
  EXPECT_GE(usable_cores(), 1);
  EXPECT_LE(usable_cores(), bound_cores());
}

}  // namespace
}  // namespace stet
