#include <stet/base/repeat.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <optional>
#include <thread>

namespace stet {
namespace {

using Clock = std::chrono::steady_clock;

TEST(Repeat, UntilTheWorkSaysSo) {
  std::atomic<int> times = 0;
  const auto begin = Clock::now();
  std::jthread thread = repeat_every(0.01, [&] { return ++times < 3; });
  thread.join();
  EXPECT_EQ(times, 3);
  EXPECT_GE(std::chrono::duration<double>(Clock::now() - begin).count(), 0.03);  // a pause before each
}

TEST(Repeat, EndsPromptlyInAPause) {
  std::atomic<int> times = 0;
  const auto begin = Clock::now();
  {
    const std::jthread thread = repeat_every(60, [&] { return ++times > 0; });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_LT(std::chrono::duration<double>(Clock::now() - begin).count(), 30);
  EXPECT_EQ(times, 0);
}

TEST(Repeat, LeavesSignalsToTheOthers) {
  std::atomic<bool> blocked = false;
  std::jthread thread = repeat_every(0.01, [&] {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR1) == 1;
    return false;
  });
  thread.join();
  EXPECT_TRUE(blocked);
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0);  // the caller's are as before
}

}  // namespace
}  // namespace stet
