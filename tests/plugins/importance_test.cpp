// ewc, online_ewc and mas: the importance against finite differences of the model's forward pass, the penalty against
// l2_sp.
#include "measuring.hpp"

#include <stet/base/file/temporary_folder.hpp>
#include <stet/conformance/bench.hpp>

namespace stet::testing {
namespace {

class Importance : public MeasuringTest {
 protected:
  /// What an EWC of these parameters computes at the base.
  at::Tensor importance(const std::string& text, const std::string& plugin = "ewc") {
    const auto regularizer = make(plugin, text);
    regularizer->begin_phase(phase(base_), false);
    return regularizer->save().at("importance");
  }
};

TEST_F(Importance, FisherByFiniteDifferences) {
  at::Tensor exact = at::zeros({table_.total()}, at::kDouble), empirical = exact.clone(), batched = exact.clone();
  std::vector<at::Tensor> gradients;
  std::int64_t longest = 0;
  for (const TokenSequence& sequence : sequences("known", 5)) {
    const at::Tensor jacobian =
        derivative(base_, [&](const at::Tensor& w) { return at::log_softmax(logits(w, sequence), 1); });
    const at::Tensor probabilities = at::softmax(logits(base_, sequence), 1);
    exact += (probabilities * jacobian.square()).sum({1, 2}) / 5;
    const at::Tensor index = targets(sequence).view({1, -1, 1}).expand({table_.total(), -1, 1});
    gradients.push_back(jacobian.gather(2, index).sum({1, 2}));  // of the sum over answer tokens
    empirical += gradients.back().square() / 5;
    longest = std::max(longest, probabilities.size(0));
  }
  EXPECT_GT(longest, 1);  // otherwise sum and mean over tokens could not be told apart
  batched += ((gradients[0] + gradients[1]) / 2).square() / 3 + ((gradients[2] + gradients[3]) / 2).square() / 3 +
             gradients[4].square() / 3;
  expect_close(importance("fisher = \"exact\""), exact, 1e-7);
  expect_close(importance("fisher = \"empirical\""), empirical, 1e-7);
  expect_close(importance("fisher = \"batched\"\nbatch = 2"), batched, 1e-7);
  // a batch of one is the empirical estimate, larger ones are another quantity
  expect_close(importance("fisher = \"batched\"\nbatch = 1"), empirical, 1e-7);
  EXPECT_GT(((importance("fisher = \"batched\"\nbatch = 5") - empirical).norm() / empirical.norm()).item<double>(),
            0.2);
  expect_close(importance("fisher = \"empirical\"\nlimit = 2"), (gradients[0].square() + gradients[1].square()) / 2,
               1e-7);
}

TEST_F(Importance, SampledConvergesToExact) {
  const at::Tensor exact = importance("fisher = \"exact\"");
  const auto error = [&](int samples) {
    double squares = 0;
    for (const int seed : {1, 2, 3, 4}) {
      const at::Tensor sampled =
          importance(fmt::format("fisher = \"sampled\"\nsamples = {}\nseed = {}", samples, seed));
      squares += (sampled - exact).square().sum().item<double>() / 4;
    }
    return std::sqrt(squares) / exact.norm().item<double>();
  };
  const double few = error(16), many = error(1024);  // 64 times as many: an eighth of the error
  EXPECT_GT(few / many, 5) << few << " " << many;
  EXPECT_LT(few / many, 13) << few << " " << many;
  EXPECT_LT(many, 0.1);
}

TEST_F(Importance, DrawsAreAFunctionOfSeedAndExample) {
  EXPECT_EQ(hash_tensor(importance("samples = 3")), hash_tensor(importance("samples = 3")));
  EXPECT_NE(hash_tensor(importance("samples = 3")), hash_tensor(importance("samples = 3\nseed = 2")));
  // the first two examples are drawn for alike, whatever comes after them
  const at::Tensor two = importance("limit = 2") * 2, three = importance("limit = 3") * 3;
  EXPECT_GE((three - two).min().item<double>(), -1e-12);
}

TEST_F(Importance, OnesAreL2Sp) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const at::Tensor anchor = base_.to(type), values = moved_.to(type);
    snapshots_.weights["base"] = anchor;
    const auto l2 = make("l2_sp", "strength = 0.37");
    double expected_value = 0;
    const at::Tensor expected = added(*l2, values, some_, &expected_value);
    for (const std::string normalize : {"true", "false"}) {
      const auto ewc = make("ewc", "strength = 0.37\nnormalize = " + normalize);
      ewc->load({{"importance", at::ones_like(anchor)}, {"anchor", anchor}});
      ewc->begin_phase(phase(values), true);
      double value = 0;
      const at::Tensor ours = added(*ewc, values, some_, &value);
      EXPECT_EQ(hash_tensor(ours), hash_tensor(expected));
      EXPECT_NEAR(value, expected_value, 1e-12 * expected_value);
    }
    EXPECT_GT(expected_value, 0);
  }
}

TEST_F(Importance, PenaltyOfEwc) {
  const auto ewc = make("ewc", "strength = 2.5\nfisher = \"empirical\"");
  ewc->begin_phase(phase(base_), false);
  const at::Tensor fisher = ewc->save().at("importance"), trains = mask(some_);
  const at::Tensor scaled = fisher / ((fisher * trains).sum() / trains.sum());  // mean 1 over what trains
  const at::Tensor difference = (moved_ - base_) * trains;
  double value = 0;
  expect_close(added(*ewc, moved_, some_, &value), 2.5 * scaled * difference, 1e-12);
  const double expected = 1.25 * (scaled * difference.square()).sum().item<double>();
  EXPECT_NEAR(value, expected, 1e-12 * expected);
  expect_finite_differences(*ewc, moved_, some_);
  // another selection, another mean
  (void)added(*ewc, moved_, all_, &value);
  EXPECT_NEAR(value, 1.25 * (fisher / fisher.mean() * (moved_ - base_).square()).sum().item<double>(), 1e-10);

  const auto raw = make("ewc", "strength = 2.5\nfisher = \"empirical\"\nnormalize = false");
  raw->begin_phase(phase(base_), false);
  expect_close(added(*raw, moved_, some_), 2.5 * fisher * difference, 1e-12);
}

TEST_F(Importance, ReferenceIsThePhasesStartOrASnapshot) {
  const at::Tensor weights = moved_.clone();
  const std::string before = hash_tensor(weights);
  const auto from_start = make("ewc", "fisher = \"empirical\""),
             from_base = make("ewc", "fisher = \"empirical\"\nreference = \"base\"");
  from_start->begin_phase(phase(weights), false);
  from_base->begin_phase(phase(weights), false);
  EXPECT_EQ(hash_tensor(weights), before);  // the model is left alone
  EXPECT_EQ(from_start->save().count("anchor"), 1U);
  EXPECT_EQ(hash_tensor(from_start->save().at("anchor")), before);
  EXPECT_EQ(from_base->save().count("anchor"), 0U);  // the engine has it
  EXPECT_EQ(hash_tensor(from_base->save().at("importance")), hash_tensor(importance("fisher = \"empirical\"")));
  weights.add_(1);  // training goes on in place
  EXPECT_EQ(hash_tensor(from_start->save().at("anchor")), before);
  EXPECT_EQ(hash_tensor(base_), hash_tensor(snapshots_.get("base")));
}

TEST_F(Importance, StateSurvivesBitForBit) {
  for (const char* plugin : {"ewc", "mas", "online_ewc"}) {
    const auto first = make(plugin);
    first->begin_phase(phase(base_), false);
    PluginState state;
    for (const auto& [name, tensor] : first->save()) state[name] = tensor.clone();
    EXPECT_EQ(state.size(), 2U) << plugin;
    const auto second = make(plugin);
    second->load(state);
    const NoExamples none;  // nothing is measured again
    second->begin_phase({"main", model_, moved_, snapshots_, none}, true);
    EXPECT_TRUE(same_state(first->save(), second->save())) << plugin;
    EXPECT_EQ(hash_tensor(added(*first, moved_, some_)), hash_tensor(added(*second, moved_, some_))) << plugin;
    EXPECT_GT(added(*first, moved_, some_).abs().max().item<double>(), 0) << plugin;

    const auto misfit = make(plugin);
    misfit->load({{"importance", at::ones({3}, at::kDouble)}, {"anchor", at::ones({3}, at::kDouble)}});
    EXPECT_EQ(error_of([&] { misfit->begin_phase(phase(moved_), true); }).kind(), ErrorKind::checkpoint) << plugin;
  }
}

TEST_F(Importance, StrengthZeroMeasuresNothing) {
  const NoExamples none;
  for (const char* plugin : {"ewc", "mas", "online_ewc", "synaptic_intelligence"}) {
    const auto regularizer = make(plugin, "strength = 0");
    regularizer->begin_phase({"main", model_, base_, snapshots_, none}, false);
    const at::Tensor gradients = at::full({table_.total()}, -0.0, at::kDouble);  // even the sign of zero
    EXPECT_EQ(regularizer->add_gradient(at_step(moved_, gradients, all_)), 0.0);
    EXPECT_TRUE(gradients.signbit().all().item<bool>()) << plugin;
    regularizer->after_step(at_step(moved_, gradients, all_));
    regularizer->end_phase({"main", model_, base_, snapshots_, none});
    EXPECT_TRUE(regularizer->save().empty()) << plugin;
  }
}

TEST_F(Importance, Refuses) {
  for (const char* plugin : {"ewc", "mas", "online_ewc"}) {
    const Error held = error_of([&] { (void)make(plugin, "set = \"held\""); });
    EXPECT_EQ(held.kind(), ErrorKind::config);
    EXPECT_TRUE(has(held, std::string("regularizer.") + plugin));
    const auto unknown_set = make(plugin, "set = \"knwon\"");
    EXPECT_TRUE(has(error_of([&] { unknown_set->begin_phase(phase(base_), false); }), "did you mean 'known'?"));
    EXPECT_TRUE(has(error_of([&] { (void)make(plugin, "strength = -1"); }), "strength"));
    EXPECT_TRUE(has(error_of([&] { (void)make(plugin, "limt = 3"); }), "did you mean 'limit'?"));
  }
  const auto exact = make("ewc", "fisher = \"exact\"\nlargest_vocabulary = 10");
  const Error large = error_of([&] { exact->begin_phase(phase(base_), false); });
  EXPECT_TRUE(has(large, "at most 10"));
  EXPECT_TRUE(has(large, "sampled"));
  const auto reference = make("ewc", "reference = \"no such phase\"");
  EXPECT_TRUE(has(error_of([&] { reference->begin_phase(phase(base_), false); }), "no such phase"));
  EXPECT_TRUE(has(error_of([&] { (void)make("ewc", "fisher = \"true\""); }), "empirical"));
}

TEST_F(Importance, MasByFiniteDifferences) {
  at::Tensor expected = at::zeros({table_.total()}, at::kDouble);
  for (const TokenSequence& sequence : sequences("known", 5)) {
    expected += derivative(base_, [&](const at::Tensor& w) { return logits(w, sequence).square().sum(); }).abs() / 5;
  }
  const auto mas = make("mas", "strength = 0.7");
  mas->begin_phase(phase(base_), false);
  expect_close(mas->save().at("importance"), expected, 1e-7);
  double value = 0;
  const at::Tensor difference = (moved_ - base_) * mask(some_);
  expect_close(added(*mas, moved_, some_, &value), 2 * 0.7 * expected * difference, 1e-7);
  EXPECT_NEAR(value, 0.7 * (expected * difference.square()).sum().item<double>(), 1e-6 * value);
  expect_finite_differences(*mas, moved_, some_);
}

TEST_F(Importance, OnlineEwcDecaysAndMovesItsAnchor) {
  const auto fisher_at = [&](const at::Tensor& weights) {
    const auto ewc = make("ewc", "fisher = \"empirical\"");
    ewc->begin_phase(phase(weights), false);
    return ewc->save().at("importance");
  };
  const at::Tensor third = moved_ + normal({table_.total()}, "third", 0.1);
  const at::Tensor f0 = fisher_at(base_), f1 = fisher_at(moved_), f2 = fisher_at(third);

  const auto online = make("online_ewc", "fisher = \"empirical\"\ngamma = 0.5\nnormalize = false\nstrength = 3");
  online->begin_phase(phase(base_), false);
  EXPECT_EQ(hash_tensor(online->save().at("importance")), hash_tensor(f0));
  online->end_phase(phase(moved_));
  expect_close(online->save().at("importance"), 0.5 * f0 + f1, 1e-14);
  EXPECT_EQ(hash_tensor(online->save().at("anchor")), hash_tensor(moved_));
  online->begin_phase(phase(moved_, "next"), false);  // nothing is added at a beginning but the first
  expect_close(online->save().at("importance"), 0.5 * f0 + f1, 1e-14);
  expect_close(added(*online, third, all_), 3 * (0.5 * f0 + f1) * (third - moved_), 1e-12);
  expect_finite_differences(*online, third, some_);
  online->end_phase(phase(third, "next"));
  expect_close(online->save().at("importance"), 0.25 * f0 + 0.5 * f1 + f2, 1e-14);
  EXPECT_EQ(hash_tensor(online->save().at("anchor")), hash_tensor(third));

  const auto free = make("online_ewc", "fisher = \"empirical\"\nstart_counts = false");
  free->begin_phase(phase(base_), false);
  EXPECT_TRUE(free->save().empty());
  EXPECT_EQ(added(*free, moved_, all_).abs().max().item<double>(), 0);
  free->end_phase(phase(moved_));
  EXPECT_EQ(hash_tensor(free->save().at("importance")), hash_tensor(f1));
}

/// Two phases of training, stopped in the second.
TEST_F(Importance, ResumesInASecondPhase) {
  const ConformanceBench bench;
  for (const char* plugin : {"online_ewc", "synaptic_intelligence", "ewc"}) {
    const std::string text = "strength = 5";
    BenchRun straight(bench, *alone_, make(plugin, text));
    for (int round = 0; round < 2; ++round) {
      straight.begin();
      straight.train(4);
      straight.end();
    }
    EXPECT_NE(straight.reports().back().penalties.at(0), 0) << plugin;  // the second phase is held to the first
    const TemporaryFolder folder;
    {
      BenchRun run(bench, *alone_, make(plugin, text));
      run.begin();
      run.train(4);
      run.end();
      run.begin();
      run.train(2);
      run.save(folder.path());
    }
    BenchRun resumed(bench, *alone_, make(plugin, text));
    resumed.resume(folder.path());
    resumed.train(2);
    resumed.end();
    EXPECT_EQ(first_difference(bench.model().table(), straight.weights(), resumed.weights()), "") << plugin;
    BenchRun free(bench, *alone_, make(plugin, "strength = 0"));
    for (int round = 0; round < 2; ++round) {
      free.begin();
      free.train(4);
      free.end();
    }
    EXPECT_NE(first_difference(bench.model().table(), straight.weights(), free.weights()), "") << plugin;
  }
}

}  // namespace
}  // namespace stet::testing
