#include <error_of.hpp>
#include <stet/base/error.hpp>
#include <stet/base/file/file_calls.hpp>
#include <stet/base/files.hpp>
#include <stet/base/host/host_identity.hpp>

#include <gtest/gtest.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

namespace stet {
namespace {

namespace fs = std::filesystem;
using testing::error_of;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "stet-files-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) found.push_back(entry.path().filename().string());
    return found;
  }

  fs::path folder_;
};

TEST_F(Files, AtomicWriteLeavesTheFileAndNoTemporary) {
  const std::string text("with\0zero\n", 10);
  write_file_atomically(folder_ / "a", text);
  EXPECT_EQ(read_file(folder_ / "a"), text);
  write_file_atomically(folder_ / "a", "");
  EXPECT_EQ(read_file(folder_ / "a"), "");
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(Files, WithoutCommitTheOldFileStays) {
  write_file_atomically(folder_ / "a", "old");
  {
    AtomicFile file(folder_ / "a");
    file.write("half of the n");
    EXPECT_EQ(names().size(), 2U);
    EXPECT_EQ(read_file(folder_ / "a"), "old");
  }
  EXPECT_EQ(read_file(folder_ / "a"), "old");
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(Files, PiecesAreJoined) {
  AtomicFile file(folder_ / "a");
  file.write("one ");
  file.write(std::as_bytes(std::span("two", 3)));
  file.commit();
  EXPECT_EQ(read_file(folder_ / "a"), "one two");
  EXPECT_EQ(names(), std::vector<std::string>{"a"});
}

TEST_F(Files, ErrorsNameThePathAndTheReason) {
  const auto expect_error = [](auto&& action, const std::string& path) {
    try {
      action();
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_EQ(error.where().substr(0, path.size()), path);
      EXPECT_NE(error.message().find("No such file or directory"), std::string::npos) << error.what();
    }
  };
  const fs::path missing = folder_ / "none" / "a";
  expect_error([&] { (void)read_file(missing); }, missing.string());
  expect_error([&] { write_file_atomically(missing, "x"); }, missing.string());
  expect_error([&] { sync_folder(folder_ / "none"); }, (folder_ / "none").string());
  expect_error([&] { (void)FileLock::try_acquire(missing); }, missing.string());
}

TEST_F(Files, AFolderIsNeverReplacedByAFile) {
  fs::create_directories(folder_ / "a" / "full");
  EXPECT_THROW(write_file_atomically(folder_ / "a", "x"), Error);
  EXPECT_TRUE(fs::is_directory(folder_ / "a" / "full"));
}

TEST_F(Files, ALockExcludesASecondHolder) {
  auto first = FileLock::try_acquire(folder_ / "lock");
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(FileLock::try_acquire(folder_ / "lock").has_value());
  EXPECT_TRUE(FileLock::try_acquire(folder_ / "other").has_value());
  FileLock moved = std::move(*first);
  first.reset();
  EXPECT_FALSE(FileLock::try_acquire(folder_ / "lock").has_value());
  { const FileLock last = std::move(moved); }
  EXPECT_TRUE(FileLock::try_acquire(folder_ / "lock").has_value());
}

TEST_F(Files, ALockExcludesAnotherProcessAndDiesWithIt) {
  const auto in_child = [this] {  // the child keeps its lock until it is gone
    const pid_t child = ::fork();
    if (child == 0) {
      const auto lock = FileLock::try_acquire(folder_ / "lock");
      ::_exit(lock.has_value() ? 1 : 2);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  EXPECT_EQ(in_child(), 1);
  const auto held = FileLock::try_acquire(folder_ / "lock");
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(in_child(), 2);
}

TEST_F(Files, TemporaryNamesAreUniqueEverywhere) {
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) names.insert(unique_name());
  EXPECT_EQ(names.size(), 1000U);
  EXPECT_TRUE(names.begin()->starts_with(process_space() + "-" + std::to_string(::getpid()) +
                                         "-"));  // host, boot and container before the number
  // Two writers of one file at once, in one process, as in two containers whose process numbers are equal.
  AtomicFile one(folder_ / "a"), other(folder_ / "a");
  one.write("one");
  other.write("other");
  one.commit();
  other.commit();
  EXPECT_EQ(read_file(folder_ / "a"), "other");
}

TEST_F(Files, ACopyIsWholeAndReplaces) {
  std::string text(3'000'001, 'x');
  text[2'999'999] = 'y';
  write_file_atomically(folder_ / "from", text);
  write_file_atomically(folder_ / "to", "before");
  copy_file_atomically(folder_ / "from", folder_ / "to");
  EXPECT_EQ(read_file(folder_ / "to"), text);
  EXPECT_THROW(copy_file_atomically(folder_ / "none", folder_ / "to"), Error);
  EXPECT_EQ(read_file(folder_ / "to"), text);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2);
}

/// From here on flock() of this process fails as on a file system that has none.
bool take_flock_away(int reason) {
  std::array<sock_filter, 4> filter = {{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_flock, 0, 1),
                                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(reason)),
                                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_F(Files, WhereThereIsNoFlockItIsSaidAndLockFilesServe) {
  for (const int reason : {ENOSYS, ENOLCK}) {
    const pid_t child = ::fork();
    if (child == 0) {
      int code = 1;
      try {
        if (!take_flock_away(reason)) ::_exit(9);
        code = 2;
        static_cast<void>(FileLock::try_acquire(folder_ / "lock"));
      } catch (const Error& error) {
        const bool said = error.kind() == ErrorKind::data && error.hint().find("STET_LOCKS=files") != std::string::npos;
        code = !said ? 3 : FileLock::try_acquire(folder_ / "lock", LockKind::files) ? 0 : 4;
      }
      ::_exit(code);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << reason;
  }
}

TEST_F(Files, LockFilesExcludeAndAreTakenOverFromTheDead) {
  const fs::path path = folder_ / "lock", held = folder_ / "lock.held";
  {
    const auto first = FileLock::try_acquire(path, LockKind::files);
    ASSERT_TRUE(first.has_value());
    EXPECT_TRUE(read_file(held).starts_with(process_space() + " " + std::to_string(::getpid()) + " "));
    EXPECT_FALSE(FileLock::try_acquire(path, LockKind::files).has_value());
  }
  EXPECT_FALSE(fs::exists(held));
  const pid_t child = ::fork();  // a process that dies with its lock
  if (child == 0) {
    const auto lock = FileLock::try_acquire(path, LockKind::files);
    ::_exit(lock.has_value() ? 1 : 2);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_TRUE(fs::exists(held));
  EXPECT_TRUE(FileLock::try_acquire(path, LockKind::files).has_value());
  // A process that lives, but began later than the owner: its number was used again.
  write_file_atomically(held, process_space() + " " + std::to_string(::getpid()) + " 1 5\n");
  EXPECT_TRUE(FileLock::try_acquire(path, LockKind::files).has_value());
  // Of another host nothing is known but its heartbeat.
  write_file_atomically(held, "otherhost-0123456789ab 17 1000 5\n");
  EXPECT_FALSE(FileLock::try_acquire(path, LockKind::files).has_value());
  fs::last_write_time(held, fs::file_time_type::clock::now() - std::chrono::seconds(61));
  EXPECT_TRUE(FileLock::try_acquire(path, LockKind::files).has_value());
}

TEST_F(Files, AnotherHostThatFlockDoesNotSeeIsNoticedByItsHeartbeat) {
  const fs::path path = folder_ / "lock";
  write_file_atomically(path, "otherhost-0123456789ab 17 1000 5\n");  // was killed: it does not beat
  EXPECT_TRUE(FileLock::try_acquire(path, LockKind::flock).has_value());
  std::atomic<bool> over = false;
  std::thread other([&] {  // beats, as one that holds a lock of its own node
    for (int count = 6; !over; ++count) {
      std::ofstream(path) << "otherhost-0123456789ab 17 1000 " << count << "\n" << std::flush;
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  try {
    static_cast<void>(FileLock::try_acquire(path, LockKind::flock));
    ADD_FAILURE() << "not noticed";
  } catch (const Error& error) {
    EXPECT_NE(error.received().find("otherhost-0123456789ab, process 17"), std::string::npos) << error.what();
    EXPECT_NE(error.hint().find("STET_LOCKS=files"), std::string::npos);
  }
  over = true;
  other.join();
}

TEST_F(Files, AFolderBehindALinkThatLeadsNowhereIsNamed) {
  fs::create_directory_symlink("/nowhere/at/all", folder_ / "link");
  const std::string error = error_of([&] { file_calls::make_folders(folder_ / "link/deeper"); }).what();
  EXPECT_NE(error.find("a link leads nowhere"), std::string::npos) << error;
  EXPECT_NE(error.find((folder_ / "link").string() + "\n"), std::string::npos) << error;
  EXPECT_NE(error.find("/nowhere/at/all"), std::string::npos) << error;
  std::ofstream(folder_ / "file") << "x";
  EXPECT_THROW(file_calls::make_folders(folder_ / "file/deeper"), fs::filesystem_error);
}

}  // namespace
}  // namespace stet
