// The keys of [train], the learning rate's schedule, and where batches begin and end.
#include "training.hpp"

#include <error_of.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

namespace stet {
namespace {

using testing::error_of;

TEST(Schedule, ConstantWithWarmup) {
  TrainOptions options;
  options.learning_rate = 0.4;
  options.warmup_steps = 4;
  for (const auto& [step, expected] :
       {std::pair(0, 0.1), std::pair(1, 0.2), std::pair(3, 0.4), std::pair(4, 0.4), std::pair(99, 0.4)}) {
    EXPECT_DOUBLE_EQ(rate_at(options, step, 100), expected) << step;
  }
}

TEST(Schedule, Cosine) {
  TrainOptions options;
  options.learning_rate = 2;
  options.schedule = Schedule::cosine;
  options.warmup_steps = 10;
  options.final_rate = 0.1;
  EXPECT_DOUBLE_EQ(rate_at(options, 9, 110), 2);
  EXPECT_DOUBLE_EQ(rate_at(options, 10, 110), 2);
  EXPECT_NEAR(rate_at(options, 60, 110), 2 * 0.55, 1e-12);
  EXPECT_NEAR(rate_at(options, 110, 110), 0.2, 1e-12);
  EXPECT_NEAR(rate_at(options, 500, 110), 0.2, 1e-12);  // longer than planned: it does not rise again
  for (std::int64_t step = 10; step < 110; ++step)
    EXPECT_GT(rate_at(options, step, 110), rate_at(options, step + 1, 110));
  EXPECT_TRUE(std::isfinite(rate_at(options, 10, 5)));  // all warm-up
}

TEST(TrainOptionsSchema, DefaultsAndRefusals) {
  const config::IdentitySchema<TrainOptions> schema = TrainOptions::schema();
  EXPECT_EQ(schema.read(config::Value::table()).batch_size, 64);
  const auto refused = [&](const char* key, const config::Value& value) {
    config::Value table;
    table.set(key, value);
    return error_of([&] { (void)schema.read(table); }).kind() == ErrorKind::config;
  };
  EXPECT_TRUE(refused("batch_size", 0));
  EXPECT_TRUE(refused("learning_rate", 0.0));
  EXPECT_TRUE(refused("beta2", 1.0));
  EXPECT_TRUE(refused("accumulation", 0));
  EXPECT_TRUE(refused("loss_mean", "words"));
  EXPECT_TRUE(refused("batchsize", 3));
}

TEST(Batches, EndWithTheEpoch) {
  EXPECT_EQ(steps_per_epoch(10, 4), 3U);
  EXPECT_EQ(steps_per_epoch(8, 4), 2U);
  EXPECT_EQ(steps_per_epoch(3, 64), 1U);
  std::uint64_t position = 0;
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> expected = {{0, 4},   {4, 8},   {8, 10},
                                                                         {10, 14}, {14, 18}, {18, 20}};
  for (const auto& [begin, end] : expected) {
    const BatchRange range = batch_at(position, 10, 4);
    EXPECT_EQ(range.begin, begin);
    EXPECT_EQ(range.end, end);
    position = range.end;
  }
}

TEST(Batches, PartsCoverTheRangeEvenly) {
  for (const std::uint64_t size : {0U, 1U, 5U, 8U, 64U}) {
    for (const std::uint64_t parts : {1U, 2U, 4U, 7U, 16U}) {
      std::uint64_t next = 100;
      for (std::uint64_t index = 0; index < parts; ++index) {
        const BatchRange part = part_of({100, 100 + size}, index, parts);
        EXPECT_EQ(part.begin, next);
        EXPECT_GE(part.end - part.begin, size / parts);
        EXPECT_LE(part.end - part.begin, size / parts + 1);
        next = part.end;
      }
      EXPECT_EQ(next, 100 + size);
    }
  }
}

}  // namespace
}  // namespace stet
