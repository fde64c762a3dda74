#include <stet/base/fault.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/file_calls.hpp>
#include <stet/base/files.hpp>

#include <child.hpp>
#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace stet {
namespace {

using testing::ChildEnd;
using testing::in_child;

/// Whether STET_FAULT may be this.
int accepted(const std::string& text) {
  return in_child(text,
                  [&] {
                    try {
                      return check_faults() == text ? 0 : 1;
                    } catch (const Error& error) {
                      return error.kind() == ErrorKind::config &&
                                     std::string(error.what()).find(text) != std::string::npos
                                 ? 2
                                 : 3;
                    }
                  })
      .code;
}

TEST(Fault, WhatCannotBeReadIsRefused) {
  for (const std::string text :
       {"kill:run.step", "kill:step=17:rank=1", "kill:rank=1:step=17", "hang:train.reduce=2", "nan:step=3", "flip:step",
        "io:ENOSPC:write=12", "io:EIO:sync=3+", "io:short:write=1+:rank=0", "kill:run.step=2,io:slow:open"}) {
    EXPECT_EQ(accepted(text), 0) << text;
  }
  for (const std::string text : {"kill", "run.step:3", "kill:run.stop", "kill:run.step=0", "kill:run.step=x",
                                 "kill:run.step=2+", "nan:run.begin", "flip:run.begin", "io:write=12", "io:EWHAT:write",
                                 "io:ENOSPC:print", "kill:step:rank=x", "kill:step:rank=-1"}) {
    EXPECT_EQ(accepted(text), 2) << text;
  }
}

/// How a child ends that passes the points so often and then leaves with 7.
ChildEnd passing(const std::string& faults, int steps, int rank = 0) {
  return in_child(faults, [=] {
    set_fault_rank(rank);
    for (int i = 0; i < steps; ++i) {
      fault_point("train.reduce");
      fault_point("run.step");
    }
    return 7;
  });
}

TEST(Fault, KillsAtItsPointItsTimeAndItsRank) {
  EXPECT_EQ(passing("", 9).code, 7);
  EXPECT_EQ(passing("kill:step=3", 3).signal, SIGKILL);
  EXPECT_EQ(passing("kill:step=3", 2).code, 7);
  EXPECT_EQ(passing("kill:run.begin", 9).code, 7);
  EXPECT_EQ(passing("kill:step:rank=1", 9, 0).code, 7);
  EXPECT_EQ(passing("kill:step:rank=1", 9, 1).signal, SIGKILL);
  EXPECT_EQ(passing("kill:step=99,kill:train.reduce=2", 2).signal, SIGKILL);
  EXPECT_EQ(passing("nan:step", 9).code, 7);
}

TEST(Fault, NanAndFlipComeOnceAndInTheirOwnCount) {
  EXPECT_EQ(in_child("nan:step=2,flip:step=3",
                     [] {
                       std::string seen;
                       for (int i = 0; i < 5; ++i) {
                         seen += nan_is_due("train.reduce") ? "n" : flip_is_due("train.update") ? "f" : ".";
                         if (seen.back() == 'n') static_cast<void>(flip_is_due("train.update"));
                       }
                       return seen == ".nf.." ? 0 : 1;
                     })
                .code,
            0);
}

/// What writing a file of 10 bytes comes to in a child: 0 written, or the error's number; 98 if what is there is
/// neither.
int written(const std::filesystem::path& file, const std::string& faults) {
  const int code = in_child(faults, [&] {
                     try {
                       write_file_atomically(file, "0123456789");
                       return 0;
                     } catch (const Error& error) {
                       const std::string said = error.what();
                       for (const int number : {ENOSPC, EIO, EROFS, ESTALE, EDQUOT}) {
                         if (said.find(std::strerror(number)) != std::string::npos) return number;
                       }
                       return 97;
                     }
                   }).code;
  const std::string there = std::filesystem::exists(file) ? read_file(file) : "";
  return there == (code == 0 ? "0123456789" : "before") ? code : 98;
}

TEST(Fault, ACallOnAFileFailsAsAskedAndTheOldContentStays) {
  const testing::Folder folder;
  const std::filesystem::path file = folder.path() / "file";
  const std::pair<std::string, int> errors[] = {{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EROFS", EROFS}, {"ESTALE", ESTALE},
                                                {"EDQUOT", EDQUOT}, {"short", 0}, {"slow", 0}};
  for (const auto& [name, number] : errors) {
    for (const std::string call : {"open", "write", "sync", "rename"}) {
      std::string fault = "io:";
      fault.append(name).append(":").append(call);
      ASSERT_EQ(in_child("", [&] { return write_file_atomically(file, "before"), 0; }).code, 0);
      EXPECT_EQ(written(file, fault), number) << fault;
      EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1)
          << fault;  // nothing beside it
      EXPECT_EQ(written(file, fault + "=9"), 0) << fault;
    }
  }
}

}  // namespace
}  // namespace stet
