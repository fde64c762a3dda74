// What the programs of tests/mpi share: GoogleTest on every rank. Every rank runs every test; checks are EXPECT_, so
// that a failing rank still takes part in what follows. Rank 0 speaks; the others say only what failed.
#pragma once

#include <stet/comm/session.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <exception>

namespace stet::testing {

/// Failures with their rank; silent otherwise.
class RankedFailures final : public ::testing::EmptyTestEventListener {
 public:
  explicit RankedFailures(int rank) : rank_(rank) {}

 private:
  void OnTestPartResult(const ::testing::TestPartResult& result) override {
    if (!result.failed()) return;
    std::fprintf(stderr, "[rank %d] %s:%d: %s\n", rank_, result.file_name() != nullptr ? result.file_name() : "?",
                 result.line_number(), result.message());
  }
  int rank_;
};

/// The body of main: `use` is given the world before the tests run.
template <class Use>
int run_ranked(int argc, char** argv, const Use& use) {
  ::testing::InitGoogleTest(&argc, argv);
  try {
    Session session;
    if (!session.uses_mpi()) {
      std::fprintf(stderr, "run me with mpirun\n");
      return 1;
    }
    Communicator& world = session.world();
    use(world);
    if (world.rank() == 0) std::printf("%s\n", session.description().c_str());
    auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
    if (world.rank() != 0) {
      delete listeners.Release(listeners.default_result_printer());
      listeners.Append(new RankedFailures(world.rank()));  // GoogleTest owns it
    }
    std::array<double, 1> failed{RUN_ALL_TESTS() == 0 ? 0.0 : 1.0};
    world.all_reduce_max(failed);
    if (world.rank() == 0 && failed[0] != 0.0) std::fprintf(stderr, "a test failed on some rank\n");
    return failed[0] == 0.0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

}  // namespace stet::testing
