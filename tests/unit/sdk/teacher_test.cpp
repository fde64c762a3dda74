// Whose answers, and on which rows: teachers and rows of a term on outputs.
#include "linear_examples.hpp"

#include <stet/sdk/random_choice.hpp>
#include <stet/sdk/teacher.hpp>
#include <stet/sdk/term_rows.hpp>

#include <gtest/gtest.h>
#include <error_of.hpp>

#include <algorithm>
#include <numeric>

namespace stet {
namespace {

using testing::error_of;
using testing::LinearExamples;
using testing::normal_numbers;

class NamedSnapshots final : public Snapshots {
 public:
  [[nodiscard]] const at::Tensor& get(const std::string& name) const override {
    if (name != "base") throw Error(ErrorKind::config, "there is no snapshot '" + name + "'");
    return weights;
  }
  const at::Tensor weights = normal_numbers({4}, "base");
};

ModelConfig one_layer() {
  ModelConfig config;
  config.vocabulary = 6;
  config.width = 4;
  config.layers = 1;
  config.heads = 1;
  config.feed_forward = 4;
  config.context = 4;
  return config;
}

class Teachers : public ::testing::Test {
 protected:
  Teachers() {
    examples_.add("known", {1});
    outputs_.logits = normal_numbers({3, 6}, "student");
    outputs_.row_weights = at::tensor(std::vector<double>{0.5, 0.25, 0.25});
    outputs_.sequence_of = sequence_of_;
    outputs_.set_of = set_of_;
    outputs_.sets = names_;
    outputs_.snapshot_logits = [this](const std::string& name) {
      asked_ += name + " ";
      return snapshot_logits_;
    };
    outputs_.logits_under = [this](const at::Tensor& weights) {
      under_ = weights;
      return snapshot_logits_ + 1;
    };
  }
  [[nodiscard]] PhaseContext phase() const { return {"main", model_, weights_, snapshots_, examples_}; }
  [[nodiscard]] WeightContext step(const at::Tensor& values) const {
    return {model_.table(), values, values, trains_, snapshots_, examples_};
  }

  const Transformer model_{one_layer()};
  const NamedSnapshots snapshots_;
  LinearExamples examples_;
  const std::vector<bool> trains_ = std::vector<bool>(model_.table().size(), true);
  const at::Tensor weights_ = normal_numbers({4}, "weights"), snapshot_logits_ = normal_numbers({3, 6}, "teacher");
  const std::vector<std::int32_t> sequence_of_ = {0, 0, 1}, set_of_ = {1, 0};
  const std::vector<std::string> names_ = {"unknown", "known"};
  OutputContext outputs_;
  std::string asked_;
  at::Tensor under_;
};

TEST_F(Teachers, Snapshot) {
  Teacher teacher("regularizer.mine", {"base"});
  teacher.begin_phase(phase(), false);
  EXPECT_TRUE(teacher.logits(outputs_).equal(snapshot_logits_));
  teacher.after_step(step(weights_));
  EXPECT_TRUE(teacher.save().empty());
  EXPECT_EQ(asked_, "base ");
  EXPECT_EQ(error_of([&] { Teacher("regularizer.mine", {"later"}).begin_phase(phase(), false); }).kind(),
            ErrorKind::config);
}

TEST_F(Teachers, AverageOfTheStudent) {
  const TeacherOptions options{Teacher::average_name, 0.9};
  Teacher teacher("regularizer.mine", options);
  teacher.begin_phase(phase(), false);
  const at::Tensor next = normal_numbers({4}, "next");
  teacher.after_step(step(next));
  EXPECT_TRUE(teacher.logits(outputs_).equal(snapshot_logits_ + 1));
  EXPECT_LT((under_ - (0.9 * weights_ + 0.1 * next)).abs().max().item<double>(), 1e-15);
  Teacher resumed("regularizer.mine", options);
  resumed.load(teacher.save());
  resumed.begin_phase(phase(), true);
  const at::Tensor before = under_.clone();
  (void)resumed.logits(outputs_);
  EXPECT_TRUE(under_.equal(before));
  resumed.after_step(step(next));  // its own copy
  (void)teacher.logits(outputs_);
  EXPECT_TRUE(under_.equal(before));
  teacher.end_phase();
  EXPECT_TRUE(teacher.save().empty());
  EXPECT_EQ(error_of([&] { Teacher("regularizer.mine", options).begin_phase(phase(), true); }).kind(),
            ErrorKind::checkpoint);
}

TEST_F(Teachers, Controls) {
  Teacher uniform("regularizer.mine", {"later", 0.9, TeacherTarget::uniform});
  uniform.begin_phase(phase(), false);  // there need be none
  EXPECT_TRUE(uniform.logits(outputs_).equal(at::zeros({3, 6}, at::kDouble)));
  Teacher permuted("regularizer.mine", {"base", 0.9, TeacherTarget::permuted, 5});
  permuted.begin_phase(phase(), false);
  const at::Tensor logits = permuted.logits(outputs_), order = random_permutation(6, 5);
  for (std::int64_t v = 0; v < 6; ++v) {
    EXPECT_TRUE(logits.select(1, v).equal(snapshot_logits_.select(1, order[v].item<std::int64_t>())));
  }
  EXPECT_TRUE(permuted.logits(outputs_).equal(logits));
}

TEST_F(Teachers, RowsOfATerm) {
  const auto weights = [&](const char* on) { return TermRows(on, 4).weights(outputs_, 2); };
  EXPECT_TRUE(weights("batch")->equal(at::tensor(std::vector<double>{1, 0.5, 0.5})));
  EXPECT_TRUE(weights("known")->equal(at::tensor(std::vector<double>{1, 0.5, 0})));
  EXPECT_TRUE(weights("unknown")->equal(at::tensor(std::vector<double>{0, 0, 0.5})));
  EXPECT_TRUE(weights("neutral")->equal(*weights("batch")));  // its rows are all there are
  EXPECT_FALSE(rows_of_set(outputs_, "neutral").any().item<bool>());
  outputs_.sets = {};
  EXPECT_FALSE(weights("known").has_value());

  EXPECT_FALSE(TermRows("batch", 4).rehearsal().has_value());
  EXPECT_FALSE(TermRows("known", 4).rehearsal().has_value());
  const auto rehearsal = TermRows("neutral", 4).rehearsal();
  ASSERT_TRUE(rehearsal.has_value());
  EXPECT_EQ(rehearsal->set, "neutral");
  EXPECT_EQ(rehearsal->per_step, 4);
  TermRows("known", 4).begin_phase(phase());
  EXPECT_EQ(error_of([&] { TermRows("unknown", 4).begin_phase(phase()); }).kind(), ErrorKind::config);
}

TEST(RandomChoice, PermutationsAndMasks) {
  const at::Tensor order = random_permutation(100, 3);
  EXPECT_TRUE(std::get<0>(order.sort()).equal(at::arange(100)));
  EXPECT_TRUE(order.equal(random_permutation(100, 3)));
  EXPECT_FALSE(order.equal(random_permutation(100, 4)));
  EXPECT_FALSE(order.equal(at::arange(100)));
  for (const std::int64_t ones : {0, 1, 37, 120}) {
    const at::Tensor mask = random_mask({10, 12}, ones, 3, "a");
    EXPECT_EQ(mask.scalar_type(), at::kByte);
    EXPECT_EQ(mask.sum().item<std::int64_t>(), ones);
    EXPECT_TRUE(mask.equal(random_mask({10, 12}, ones, 3, "a")));
  }
  EXPECT_FALSE(random_mask({10, 12}, 60, 3, "a").equal(random_mask({10, 12}, 60, 3, "b")));
  EXPECT_FALSE(random_mask({10, 12}, 60, 3, "a").equal(random_mask({10, 12}, 60, 4, "a")));
}

TEST(RandomChoice, ProportionalShares) {
  using Sizes = std::vector<std::int64_t>;
  EXPECT_EQ(proportional_shares({10, 0, 30}, 20), (Sizes{5, 0, 15}));
  EXPECT_EQ(proportional_shares({3, 3, 3}, 4), (Sizes{2, 1, 1}));  // equal remainders: the first
  EXPECT_EQ(proportional_shares({1, 5, 4}, 5), (Sizes{1, 2, 2}));  // 0.5, 2.5, 2
  EXPECT_EQ(proportional_shares({2, 7, 1}, 3), (Sizes{1, 2, 0}));  // 0.6, 2.1, 0.3
  EXPECT_EQ(proportional_shares({4, 6}, 10), (Sizes{4, 6}));
  EXPECT_EQ(proportional_shares({4, 6}, 0), (Sizes{0, 0}));
  constexpr std::int64_t large = std::int64_t{1} << 40;  // products beyond 64 bits
  EXPECT_EQ(proportional_shares({large, large}, large + 1), (Sizes{large / 2 + 1, large / 2}));
}

}  // namespace
}  // namespace stet
