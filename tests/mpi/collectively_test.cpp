// What fails on one rank is known to all: verdicts, and MPI's own errors.
#include "ranked_main.hpp"

#include <stet/base/error.hpp>
#include <stet/comm/mpi_communicator.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <limits>

namespace stet {
namespace {

Communicator* world = nullptr;  // main's, for the tests

int rank() { return world->rank(); }
int size() { return world->size(); }

/// The error that every rank gets; kind config if there was none.
Error verdict(const std::function<void()>& work) {
  try {
    collectively(*world, work);
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return {ErrorKind::config, std::string("not an Error: ") + error.what()};
  }
  return {ErrorKind::config, "no error"};
}

TEST(Collectively, SuccessOfAll) {
  int runs = 0;
  EXPECT_NO_THROW(collectively(*world, [&] { ++runs; }));
  EXPECT_EQ(runs, 1);
}

TEST(Collectively, TheErrorOfOneRankReachesAll) {
  const int guilty = size() - 1;
  const Error error = verdict([&] {
    if (rank() == guilty)
      throw Error(ErrorKind::plugin, "bad\nplugin").at("a.so").expected("1").received("2").hint("h");
  });
  EXPECT_EQ(error.kind(), ErrorKind::plugin);
  EXPECT_EQ(error.message(), "bad\nplugin");
  const std::string place = size() == 1 ? "a.so" : "rank " + std::to_string(guilty) + ": a.so";
  EXPECT_EQ(error.where(), place);
  EXPECT_EQ(std::string(error.what()), "bad\nplugin\n  where: " + place + "\n  expected: 1\n  received: 2\n  hint: h");
}

TEST(Collectively, OfSeveralErrorsTheFirstRanksCounts) {
  const Error error = verdict([&] {
    if (rank() >= size() / 2) throw Error(ErrorKind::data, "error " + std::to_string(rank()));
  });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_EQ(error.message(), "error " + std::to_string(size() / 2));
  EXPECT_EQ(error.where(), size() == 1 ? "" : "rank " + std::to_string(size() / 2));
}

TEST(Collectively, OtherExceptionsBecomeErrors) {
  if (size() == 1) {
    EXPECT_THROW(collectively(*world, [] { throw std::out_of_range("far"); }), std::out_of_range);
    return;
  }
  const Error error = verdict([] {
    if (rank() == 1) throw std::out_of_range("far");
  });
  EXPECT_EQ(error.kind(), ErrorKind::internal);
  EXPECT_EQ(error.message(), "std::out_of_range: far");
  EXPECT_EQ(error.where(), "rank 1");
  EXPECT_EQ(verdict([] { throw 3; }).message(), "int");
}

TEST(Collectively, NestedVerdictsNameTheRankOnce) {
  const Error error = verdict([&] {
    collectively(*world, [&] {
      if (rank() == size() - 1) throw Error(ErrorKind::checkpoint, "disk").at("file");
    });
  });
  EXPECT_EQ(error.kind(), ErrorKind::checkpoint);
  EXPECT_EQ(error.where(), size() == 1 ? "file" : "rank " + std::to_string(size() - 1) + ": file");
}

TEST(Collectively, ARankThatLeavesEarlyIsMetByTheOthersNextVerdict) {
  if (size() == 1) return;
  for (int round = 0; round < 10; ++round) {
    int reached = 0;
    const Error error = verdict([&] {
      if (rank() == 1) throw Error(ErrorKind::plugin, "early").at("hook");
      collectively(*world, [] {});  // rank 1 is at the outer verdict already
      reached = 1;
      world->barrier();
    });
    EXPECT_EQ(error.message(), "early");
    EXPECT_EQ(error.where(), "rank 1: hook");
    EXPECT_TRUE(error.is_known_to_all());
    EXPECT_EQ(reached, 0);
  }
  std::array<std::int64_t, 1> count{1};
  world->all_reduce_sum(count);
  EXPECT_EQ(count[0], size());
}

TEST(Collectively, TextsTravelWhole) {
  const Error error = verdict([&] {
    if (rank() == size() - 1) {
      throw Error(ErrorKind::data, "m\n  hint: part of the message")
          .at("w")
          .expected("e")
          .received("r")
          .hint("h\n  expected: x")
          .detail("d");
    }
  });
  EXPECT_EQ(error.message(), "m\n  hint: part of the message");
  EXPECT_EQ(error.expected(), "e");
  EXPECT_EQ(error.received(), "r");
  EXPECT_EQ(error.hint(), "h\n  expected: x");
  EXPECT_EQ(error.detail(), "d");
}

TEST(Collectively, TheGroupGoesOnAfterAnError) {
  for (int round = 0; round < 20; ++round) {
    const Error error = verdict([&] {
      if (rank() == round % size()) throw Error(ErrorKind::numerical, std::to_string(round));
    });
    EXPECT_EQ(error.message(), std::to_string(round));
  }
  std::array<std::int64_t, 1> count{1};
  world->all_reduce_sum(count);
  EXPECT_EQ(count[0], size());
}
TEST(MpiErrors, BecomeErrorsWithMpisText) {
  std::array<float, 1> value{};
  try {
    check_mpi(MPI_Bcast(value.data(), 1, MPI_FLOAT, size() + 5, static_cast<MpiCommunicator*>(world)->handle()),
              "MPI_Bcast");
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::communication);
    EXPECT_EQ(error.message(), "MPI_Bcast failed");
    EXPECT_NE(std::string(error.what()).find("MPI_ERR_ROOT"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace stet

int main(int argc, char** argv) {
  return stet::testing::run_ranked(argc, argv, [](stet::Communicator& communicator) { stet::world = &communicator; });
}
