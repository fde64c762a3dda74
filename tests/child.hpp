// Part of a test in a process of its own, for what reads its environment once or is killed.
#pragma once

#include <stet/base/fault.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>

namespace stet::testing {

struct ChildEnd {
  int code = -1;   ///< of an exit
  int signal = 0;  ///< of a death
};

/// Forks; the child has these faults (fault.hpp), runs `work` and leaves with what it returns, 99 if it throws.
inline ChildEnd in_child(const std::string& faults, const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("STET_FAULT", faults.c_str(), 1);
    read_faults_again();
    int code = 99;
    try {
      code = work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the child: %s\n", error.what());
    }
    std::fflush(nullptr);
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ChildEnd end;
  if (WIFEXITED(status)) end.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  return end;
}

}  // namespace stet::testing
