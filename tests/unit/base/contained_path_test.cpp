#include <stet/base/file/contained_path.hpp>

#include <error_of.hpp>
#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>

namespace stet {
namespace {

namespace fs = std::filesystem;
using testing::error_of;
using testing::Folder;

class ContainedPath : public ::testing::Test {
 protected:
  ContainedPath() {
    folder_.write("secret", "s");
    folder_.write("in/part", "p");
    folder_.write("in/sub/part", "p");
  }
  Error refused(const std::string& name) {
    const Error error = error_of([&] { (void)contained_path(in_, name, "manifest.json", ErrorKind::checkpoint); });
    EXPECT_EQ(error.kind(), ErrorKind::checkpoint);
    EXPECT_FALSE(error.hint().empty());
    return error;
  }
  Folder folder_;
  const fs::path in_ = folder_ / "in";
};

TEST_F(ContainedPath, NamesInTheFolder) {
  for (const std::string name : {"part", "sub/part", "./part", "not-there-yet", "..part", "a..b"})
    EXPECT_EQ(contained_path(in_, name, "manifest.json"), in_ / name);
}

TEST_F(ContainedPath, NamesThatLeaveIt) {
  for (const std::string& name :
       {std::string("../secret"), (folder_ / "secret").string(), std::string("sub/../../secret"), std::string(".."),
        std::string(), std::string("part\0/../x", 10)}) {
    const Error error = refused(name);
    EXPECT_EQ(error.where(), "manifest.json");
    EXPECT_NE(error.received().find(name), std::string::npos);
  }
}

TEST_F(ContainedPath, LinksThatLeaveIt) {
  fs::create_symlink("../secret", in_ / "link");
  fs::create_directory_symlink("..", in_ / "up");
  for (const std::string name : {"link", "up/secret"}) {
    const Error error = refused(name);
    EXPECT_EQ(error.where(), (in_ / name).string());
    EXPECT_NE(error.expected().find(fs::canonical(in_).string()), std::string::npos);
  }
  fs::create_symlink("sub/part", in_ / "inner");
  EXPECT_NO_THROW((void)contained_path(in_, "inner", "manifest.json"));
}

TEST_F(ContainedPath, TheFolderItselfMayBeALinkAndRelative) {
  fs::create_directory_symlink(in_, folder_ / "here");
  EXPECT_NO_THROW((void)contained_path(folder_ / "here", "part", "manifest.json"));
  EXPECT_NO_THROW((void)stays_within(folder_ / "not-there", folder_ / "not-there/part"));
  EXPECT_NO_THROW((void)stays_within("", "part"));  // not there: who opens it says so
}

TEST_F(ContainedPath, AHubsCacheIsFollowedIntoItsBlobsAlone) {
  folder_.write("hub/models--a/blobs/0123", "w");
  folder_.write("hub/models--b/blobs/0123", "w");
  const fs::path snapshot = folder_ / "hub/models--a/snapshots/abc";
  fs::create_directories(snapshot);
  fs::create_symlink("../../blobs/0123", snapshot / "model.safetensors");
  fs::create_symlink("../../../models--b/blobs/0123", snapshot / "other");
  EXPECT_NO_THROW((void)stays_within(snapshot, snapshot / "model.safetensors"));
  EXPECT_EQ(error_of([&] { (void)stays_within(snapshot, snapshot / "other"); }).kind(), ErrorKind::data);
}

TEST(StaysWithin, APipeIsNotWaitedFor) {
  const Folder folder;
  ASSERT_EQ(mkfifo((folder / "config.json").c_str(), 0600), 0);
  const Error error = error_of([&] { (void)stays_within(folder.path(), folder / "config.json"); });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_NE(std::string(error.what()).find("not a regular file"), std::string::npos);
  std::filesystem::create_directory(folder / "sub");
  EXPECT_NO_THROW((void)stays_within(folder.path(), folder / "sub"));
}

}  // namespace
}  // namespace stet
