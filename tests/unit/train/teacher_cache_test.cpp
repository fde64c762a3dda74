// The teacher's cache: each example once, whatever its company, and what does not fit again.
#include "trainer_fixture.hpp"

#include <gtest/gtest.h>

namespace stet {
namespace {

using testing::Stay;

class TeacherCacheTest : public testing::TrainerTest {
 protected:
  at::Tensor logits(TeacherCache& cache, const std::vector<std::uint64_t>& indices) {
    const PackedBatch batch = packed(indices);
    return cache.logits(batch, at::tensor(batch.loss_rows), batch.sequence_of);
  }
  PackedBatch packed(const std::vector<std::uint64_t>& indices) {
    std::vector<TokenSequence> sequences;
    for (const std::uint64_t index : indices) sequences.push_back(data_.sequence(0, index));
    return pack(sequences);
  }
};

TEST_F(TeacherCacheTest, ComputesEachExampleOnce) {
  TeacherCache cache(model_, start_);
  (void)logits(cache, {0, 1, 2});
  EXPECT_EQ(cache.computed_examples(), 3U);
  (void)logits(cache, {2, 1});
  EXPECT_EQ(cache.computed_examples(), 3U);
  const at::Tensor mixed = logits(cache, {4, 1, 5, 0});
  EXPECT_EQ(cache.computed_examples(), 5U);
  EXPECT_EQ(cache.cached_examples(), 5U);
  const PackedBatch batch = packed({4, 1, 5, 0});
  const at::Tensor rows = at::tensor(batch.loss_rows);
  const at::Tensor direct = model_.forward(start_, {batch.tokens, batch.offsets, batch.positions}, &rows, nullptr)
                                .matmul(model_.head(start_).t());
  EXPECT_LT((mixed - direct).abs().max().item<double>(), 1e-12);
  EXPECT_FALSE(mixed.requires_grad());
}

TEST_F(TeacherCacheTest, WhatDoesNotFitIsComputedAgainWithTheSameBits) {
  TeacherCache all(model_, start_), none(model_, start_, 0);
  const at::Tensor expected = logits(all, {0, 1, 2});
  EXPECT_EQ(none.limit_bytes(), 0U);
  for (int time = 1; time <= 2; ++time) {
    EXPECT_TRUE(logits(none, {0, 1, 2}).equal(expected));
    EXPECT_EQ(none.computed_examples(), 3U * static_cast<unsigned>(time));
  }
  EXPECT_EQ(none.cached_bytes(), 0U);
  // One example's rows, [answer tokens, d]: room for the first, not for a second.
  const std::uint64_t first =
      packed({0}).loss_rows.size() * static_cast<std::uint64_t>(model_.config().width) * start_.element_size();
  TeacherCache one(model_, start_, first);
  EXPECT_TRUE(logits(one, {0, 1, 2}).equal(expected));
  EXPECT_EQ(one.cached_examples(), 1U);
  EXPECT_EQ(one.cached_bytes(), first);
}

TEST_F(TeacherCacheTest, AnswersDoNotDependOnTheCompanyOfTheFirstTime) {
  // Otherwise a resumed run, or one on other ranks, would differ in the last bits.
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    TeacherCache one(model_, start_.to(type)), other(model_, start_.to(type));
    for (std::uint64_t index = 0; index < 13; ++index) (void)logits(one, {index});
    (void)logits(other, {12, 3, 5, 0, 1, 2, 4});
    (void)logits(other, {6, 5, 7, 3, 8, 9, 10, 11});
    EXPECT_TRUE(logits(one, {3, 7, 1, 12}).equal(logits(other, {3, 7, 1, 12})));
  }
}

TEST_F(TeacherCacheTest, TheTrainerAsksOnceAnExample) {
  Stay stay(RowScope::answer);
  int forwards = 0;
  class Counting final : public Snapshots {
   public:
    Counting(const at::Tensor& weights, int& count) : weights_(weights), count_(count) {}
    const at::Tensor& get(const std::string&) const override {
      ++count_;
      return weights_;
    }

   private:
    const at::Tensor& weights_;
    int& count_;
  } snapshots(start_, forwards);
  Trainer trainer(model_, start_.clone(), options_, *alone_);
  trainer.begin_phase({}, {{"stay", &stay}}, snapshots);
  for (std::uint64_t position = 0; position < 26;) {
    const BatchRange range = batch_at(position, 13, 6);
    (void)trainer.step(data_, sampler_, range, 10);
    position = range.end;
  }
  EXPECT_EQ(forwards, 1);  // one cache for the whole phase
  // What it keeps is what the plan says that it will: rows with loss, [answer tokens, d].
  double rows = 0;
  for (std::uint64_t index = 0; index < 13; ++index)
    rows += static_cast<double>(data_.sequence(0, index).loss_tokens());
  const double bytes = rows * static_cast<double>(model_.config().width) * static_cast<double>(start_.element_size());
  EXPECT_NEAR(trainer.teacher_bytes(13), bytes, 1e-6);
  EXPECT_NEAR(trainer.teacher_bytes(130), 10 * bytes, 1e-6);
  // A limit changes time, and no bit.
  const auto trained = [&](double megabytes) {
    options_.teacher_cache_megabytes = megabytes;
    at::Tensor weights = start_.clone();
    Trainer limited(model_, weights, options_, *alone_);
    limited.begin_phase({}, {{"stay", &stay}}, snapshots);
    for (std::uint64_t position = 0; position < 26;) {
      const BatchRange range = batch_at(position, 13, 6);
      (void)limited.step(data_, sampler_, range, 10);
      position = range.end;
    }
    EXPECT_LE(limited.teacher_bytes(1e9), megabytes * 1e6);
    return weights;
  };
  const at::Tensor all = trained(1024);
  for (const double megabytes : {0.0, bytes / 2e6}) EXPECT_TRUE(trained(megabytes).equal(all)) << megabytes;
}

}  // namespace
}  // namespace stet
