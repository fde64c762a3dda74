// Groups of several ranks, at any number of them (CTest: 1, 2 and 4): collectives, counters, parts and copies of a
// group.
#include "ranked_main.hpp"

#include <stet/base/error.hpp>
#include <stet/comm/mpi_communicator.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <numeric>
#include <thread>

namespace stet {
namespace {

Communicator* world = nullptr;  // main's, for the tests

int rank() { return world->rank(); }
int size() { return world->size(); }

std::unique_ptr<Communicator> in_small_pieces(std::size_t piece) {
  MPI_Comm handle = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &handle), "MPI_Comm_dup");
  return std::make_unique<MpiCommunicator>(handle, piece);
}

/// Values whose sum depends on the order of the additions: magnitudes over 12 decades, both signs.
template <class T>
std::vector<T> contribution(int of_rank, std::size_t count) {
  std::vector<T> values(count);
  std::uint64_t state = 88172645463325252ULL + 7919ULL * static_cast<std::uint64_t>(of_rank);
  for (T& value : values) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    value =
        static_cast<T>(std::ldexp(static_cast<double>(state >> 32) - 2147483648.0, static_cast<int>(state % 40) - 50));
  }
  return values;
}

/// The pairwise tree over ranks first .. first + count - 1, computed here alone.
template <class T>
std::vector<T> serial_tree(int first, int count, std::size_t length) {
  if (count == 1) return contribution<T>(first, length);
  std::vector<T> low = serial_tree<T>(first, count / 2, length);
  const std::vector<T> high = serial_tree<T>(first + count / 2, count / 2, length);
  for (std::size_t i = 0; i < length; ++i) low[i] = low[i] + high[i];
  return low;
}

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

TEST(Communicator, EveryRankIsThereOnce) {
  const char* launched = std::getenv("OMPI_COMM_WORLD_SIZE");
  EXPECT_TRUE(launched == nullptr || std::to_string(size()) == launched);
  std::vector<std::int64_t> seen(static_cast<std::size_t>(size()));
  seen[static_cast<std::size_t>(rank())] = 1;
  world->all_reduce_sum(seen);
  EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), size());
}

TEST(SharedCounter, GivesEveryNumberOnce) {
  constexpr std::int64_t draws = 200;
  const std::unique_ptr<SharedCounter> counter = world->make_counter();
  std::vector<std::int64_t> seen(static_cast<std::size_t>(draws * size()));
  std::int64_t last = -1;
  for (std::int64_t i = 0; i < draws; ++i) {
    const std::int64_t mine = counter->next();
    EXPECT_GT(mine, last);
    last = mine;
    if (mine >= 0 && mine < draws * size()) ++seen[static_cast<std::size_t>(mine)];
  }
  world->all_reduce_sum(seen);
  EXPECT_EQ(seen, std::vector<std::int64_t>(seen.size(), 1));
}

TEST(SharedCounter, AnswersWhileItsHostComputes) {
  const std::unique_ptr<SharedCounter> counter = world->make_counter();
  constexpr auto work = std::chrono::seconds(2);
  const auto begin = std::chrono::steady_clock::now();
  world->barrier();
  if (rank() == 0) {
    std::this_thread::sleep_for(work);  // in no call of MPI
  } else {
    for (int i = 0; i < 5; ++i) (void)counter->next();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, work) << "the draws waited for rank 0";
  }
  world->barrier();
  EXPECT_EQ(rank() == 0 ? counter->next() : 5 * (size() - 1), 5 * (size() - 1));
}

TEST(SharedCounter, PartsHaveCountersOfTheirOwn) {
  const std::unique_ptr<Communicator> part = world->split(rank() % 2);
  const std::unique_ptr<SharedCounter> mine = part->make_counter(), all = world->make_counter();
  std::vector<std::int64_t> highest{mine->next()};
  EXPECT_LT(highest[0], part->size());
  part->all_reduce_sum(highest);
  EXPECT_EQ(highest[0], part->size() * (part->size() - 1) / 2);
  EXPECT_LT(all->next(), size());
}

TEST(Communicator, SumsAndMaxima) {
  const double ranks = size(), total = ranks * (ranks + 1) / 2;
  std::vector<float> floats(1000, static_cast<float>(rank() + 1));
  world->all_reduce_sum(floats);
  EXPECT_EQ(floats, std::vector<float>(1000, static_cast<float>(total)));
  std::vector<double> doubles{1.0 * rank(), -1.0 * rank(), std::ldexp(rank() + 1, -60)};
  world->all_reduce_sum(doubles);
  EXPECT_EQ(doubles, (std::vector<double>{total - ranks, ranks - total, std::ldexp(total, -60)}));
  const std::int64_t big = (std::int64_t{1} << 60) + rank();  // not representable in double
  std::vector<std::int64_t> whole{size() <= 4 ? big : rank()};
  world->all_reduce_sum(whole);
  EXPECT_EQ(whole[0], (size() <= 4 ? (std::int64_t{1} << 60) * size() : 0) + size() * (size() - 1) / 2);
  std::vector<double> largest{-1.0 - rank(), 1.0 * rank(), rank() == size() - 1 ? 5.0 : -5.0};
  world->all_reduce_max(largest);
  EXPECT_EQ(largest, (std::vector<double>{-1.0, ranks - 1, 5.0}));
  world->all_reduce_sum(std::span<float>());
}

TEST(Communicator, LongMessagesAreCut) {
  const auto pieces = in_small_pieces(7);
  for (const std::size_t length : {0, 1, 6, 7, 8, 13, 14, 15, 1000}) {
    std::vector<double> values(length);
    std::iota(values.begin(), values.end(), rank());
    pieces->all_reduce_sum(values);
    std::vector<float> tree = contribution<float>(rank(), length);
    for (std::size_t i = 0; i < length; ++i) {
      EXPECT_EQ(values[i], static_cast<double>(i) * size() + size() * (size() - 1) / 2.0) << length;
    }
    std::vector<std::byte> bytes(length, std::byte(rank()));
    pieces->broadcast(bytes, size() - 1);
    EXPECT_EQ(bytes, std::vector<std::byte>(length, std::byte(size() - 1)));
    if ((size() & (size() - 1)) == 0) {
      pieces->tree_all_reduce_sum(tree);
      EXPECT_TRUE(same_bits(tree, serial_tree<float>(0, size(), length))) << length;
    }
  }
}

template <class T>
void expect_tree_bits(std::size_t length) {
  std::vector<T> values = contribution<T>(rank(), length);
  world->tree_all_reduce_sum(values);
  EXPECT_TRUE(same_bits(values, serial_tree<T>(0, size(), length))) << length;
}

TEST(Communicator, TreeSumHasTheBitsOfASerialTree) {
  if ((size() & (size() - 1)) != 0) {
    std::vector<float> values(3);
    EXPECT_THROW(world->tree_all_reduce_sum(values), Error);
    return;
  }
  for (const std::size_t length : {1, 2, 1000, 3'000'000})
    expect_tree_bits<float>(length);  // several pieces at the last
  for (const std::size_t length : {1, 2, 1000, 700'000}) expect_tree_bits<double>(length);
  world->tree_all_reduce_sum(std::span<double>());
}

TEST(Communicator, TheTestDataTellsTreesFromChains) {
  // Otherwise the test above could not fail: a sum from left to right must have other bits than the tree of four.
  std::vector<float> chain = contribution<float>(0, 1000);
  for (int r = 1; r < 4; ++r) {
    const std::vector<float> next = contribution<float>(r, 1000);
    for (std::size_t i = 0; i < chain.size(); ++i) chain[i] += next[i];
  }
  EXPECT_FALSE(same_bits(chain, serial_tree<float>(0, 4, 1000)));
}

TEST(Communicator, TreeSumNeedsAPowerOfTwo) {
  const auto group = world->split(rank() < 3 ? 0 : 1);  // with 3 ranks or more: a group of 3
  std::vector<double> values{1, 2};
  if (group->size() == 3) {
    try {
      group->tree_all_reduce_sum(values);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::communication);
      EXPECT_NE(std::string(error.what()).find("3 ranks"), std::string::npos);
    }
    EXPECT_EQ(values, (std::vector<double>{1, 2}));
  } else {
    group->tree_all_reduce_sum(values);
    EXPECT_EQ(values, (std::vector<double>{1.0 * group->size(), 2.0 * group->size()}));
  }
}

TEST(Communicator, TextsOfAnyLengthAndBytes) {
  const auto text_of = [](int r) {
    return r == 1 ? std::string() : std::string("a\0b", 3) + std::string(static_cast<std::size_t>(r) * 100'000, 'x');
  };
  const std::vector<std::string> all = world->all_gather(text_of(rank()));
  EXPECT_EQ(all.size(), static_cast<std::size_t>(size()));
  for (std::size_t r = 0; r < all.size(); ++r) EXPECT_EQ(all[r], text_of(static_cast<int>(r)));
  for (int root = 0; root < size(); ++root) {
    EXPECT_EQ(world->broadcast_text(rank() == root ? text_of(root) : "not mine", root), text_of(root));
  }
}

TEST(Communicator, BroadcastFromEveryRoot) {
  for (int root = 0; root < size(); ++root) {
    std::vector<std::byte> bytes(1000, std::byte(rank() + 1));
    world->broadcast(bytes, root);
    EXPECT_EQ(bytes, std::vector<std::byte>(1000, std::byte(root + 1)));
  }
}

TEST(Communicator, BarrierWaitsForTheLast) {
  world->barrier();
  const auto start = std::chrono::steady_clock::now();
  if (rank() == size() - 1) std::this_thread::sleep_for(std::chrono::milliseconds(200));
  world->barrier();
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(150));
}

TEST(Communicator, SplitKeepsTheOrder) {
  const auto half = world->split(rank() % 2);
  EXPECT_EQ(half->rank(), rank() / 2);
  EXPECT_EQ(half->size(), (size() + 1 - rank() % 2) / 2);
  std::array<std::int64_t, 1> sum{rank()};
  half->all_reduce_sum(sum);
  std::int64_t expected = 0;
  for (int r = rank() % 2; r < size(); r += 2) expected += r;
  EXPECT_EQ(sum[0], expected);
}

TEST(Communicator, DuplicateWorksInAnotherThreadMeanwhile) {
  EXPECT_TRUE(world->concurrent());
  const auto copy = world->duplicate();
  constexpr int rounds = 300;
  int wrong_there = 0, wrong_here = 0;
  std::thread thread([&] {
    for (int i = 0; i < rounds; ++i) {
      std::vector<float> values(static_cast<std::size_t>(1 + i % 50), static_cast<float>(rank() + i));
      copy->all_reduce_sum(values);
      const auto expected = static_cast<float>(size() * (size() - 1) / 2 + i * size());
      if (!std::all_of(values.begin(), values.end(), [&](float v) { return v == expected; })) ++wrong_there;
    }
  });
  for (int i = 0; i < rounds; ++i) {
    std::array<std::int64_t, 3> values{rank(), i, 1};
    world->all_reduce_sum(values);
    if (values != std::array<std::int64_t, 3>{size() * (size() - 1) / 2, std::int64_t{i} * size(), size()})
      ++wrong_here;
    if (i % 50 == 0 && world->all_gather(std::to_string(i)).back() != std::to_string(i)) ++wrong_here;
  }
  thread.join();
  EXPECT_EQ(wrong_there, 0);
  EXPECT_EQ(wrong_here, 0);
}

}  // namespace
}  // namespace stet

int main(int argc, char** argv) {
  return stet::testing::run_ranked(argc, argv, [](stet::Communicator& communicator) { stet::world = &communicator; });
}
