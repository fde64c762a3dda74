#include <stet/train/snapshot_store.hpp>

#include <experiment_support.hpp>
#include <stet/base/error.hpp>

namespace stet {
namespace {

using testing::error_of;
using testing::has;

TEST(SnapshotStoreTest, NamesWhatItHasWhenAskedForMore) {
  SnapshotStore snapshots;
  snapshots.put("base", at::zeros({2}));
  snapshots.put("format", at::ones({2}));
  EXPECT_TRUE(snapshots.get("format").equal(at::ones({2})));
  const Error error = error_of([&] { static_cast<void>(snapshots.get("fromat")); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_TRUE(has(error.what(), "base, format"));
  EXPECT_TRUE(has(error.what(), "did you mean 'format'?"));
}

}  // namespace
}  // namespace stet
