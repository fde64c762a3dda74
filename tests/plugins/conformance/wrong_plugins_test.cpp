// Deliberately wrong plugins: each is caught by the check that is there for it, and passes the others where that is
// logically possible. Ranks are looked at by program_test.cpp and tests/mpi/conformance_test.cpp.
#include <stet/base/error.hpp>
#include <stet/experiment/conformance.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <set>

namespace stet {
namespace {

using Names = std::set<std::string>;

class WrongPlugins : public ::testing::Test {
 protected:
  std::vector<ClassReport> check(const std::string& name, const std::vector<std::string>& overrides = {}) {
    const LoadedPlugin& plugin =
        registry_.load_named((std::filesystem::path(STET_WRONG_FOLDER) / (name + ".so")).string());
    return check_conformance(plugin, overrides, {{}, "one process is enough here", false});
  }

  /// The one class of the plugin must fail `failing` and pass everything else; not applicable are the ranks, and
  /// `skipped`. Returns the first failed check's text.
  std::string fails_only(const std::string& name, const Names& failing, const Names& skipped = {}) {
    const std::vector<ClassReport> reports = check(name);
    EXPECT_EQ(reports.size(), 1U);
    const std::string all = format_conformance(reports);
    std::string text;
    Names failed, skips;
    for (const CheckResult& result : reports.at(0).checks) {
      if (result.verdict == Verdict::not_applicable) skips.insert(result.check);
      if (result.verdict != Verdict::failed) continue;
      failed.insert(result.check);
      EXPECT_FALSE(result.hint.empty()) << all;
      if (text.empty()) text = result.detail + " | " + result.hint;
    }
    Names expected = skipped;
    expected.insert("ranks");
    EXPECT_EQ(failed, failing) << all;
    EXPECT_EQ(skips, expected) << all;
    EXPECT_EQ(all_passed(reports), failing.empty());
    if (!text.empty()) std::cout << name << ": " << text << "\n";  // each wrong plugin's test shows what was said
    return text;
  }

  static ::testing::AssertionResult has(const std::string& text, const std::string& part) {
    if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "'" << part << "' is not in:\n" << text;
  }

  const std::unique_ptr<Communicator> alone_ = make_single_process();
  PluginRegistry registry_{*alone_, {STET_WRONG_FOLDER}};
};

TEST_F(WrongPlugins, StateThatIsKeptPasses) { EXPECT_EQ(fails_only("keeps_state", {}), ""); }

TEST_F(WrongPlugins, GradientByAFactor) {
  const std::string text = fails_only("gradient_factor", {"gradient"});
  EXPECT_TRUE(has(text, "(ratio 2)"));
  EXPECT_TRUE(has(text, "(allowed 1e-05)"));
  EXPECT_TRUE(has(text, "must add the gradient of the value that it returns"));
}

TEST_F(WrongPlugins, GradientThatIsDetached) {
  const std::string text = fails_only("gradient_detached", {"gradient"});
  EXPECT_TRUE(has(text, "logit "));
  EXPECT_TRUE(has(text, "(ratio 0.5)"));
  EXPECT_TRUE(has(text, "must be differentiable throughout"));
}

TEST_F(WrongPlugins, StateThatIsNotSaved) {
  const std::string text = fails_only("forgets_state", {"resume"});
  EXPECT_TRUE(has(text, "saved after 3 of 8 steps (0 tensors of its own), continued: first in model."));
  EXPECT_TRUE(has(text, "save() must return all that later steps depend on"));
}

TEST_F(WrongPlugins, StateThatObjectsShare) {
  const std::string text = fails_only("shared_state", {"instances"});
  EXPECT_TRUE(has(text, "two instances at once do not train as each by itself"));
  EXPECT_TRUE(has(text, "not in static or global variables"));
}

TEST_F(WrongPlugins, FrozenWeightsWritten) {
  const std::string text = fails_only("writes_frozen", {"frozen"});
  EXPECT_TRUE(has(text, "add_gradient writes the weights of model.embed_tokens.weight"));
  EXPECT_TRUE(has(text, "only where WeightContext::trains is true"));
}

TEST_F(WrongPlugins, FrozenGradientsWritten) {
  EXPECT_TRUE(
      has(fails_only("frozen_gradient", {"frozen"}), "writes the gradient of the frozen model.embed_tokens.weight"));
}

TEST_F(WrongPlugins, NeverOff) {
  const std::string text = fails_only("never_off", {"strength 0"});
  EXPECT_TRUE(has(text, "with strength 0 the training is not plain fine-tuning: first in model."));
  EXPECT_TRUE(has(text, "at strength 0 return a constant 0"));
}

TEST_F(WrongPlugins, StaticCounter) {
  const std::string text = fails_only("counts_calls", {"repeatable"}, {"gradient", "instances", "resume"});
  EXPECT_TRUE(has(text, "the same training twice differs: first in model."));
  EXPECT_TRUE(has(text, "static counters"));
}

TEST_F(WrongPlugins, ThrowsInTraining) {
  const std::string text = fails_only("throws_late", {"repeatable", "frozen"}, {"gradient", "instances", "resume"});
  EXPECT_TRUE(has(text, "an error is thrown: no tenth call"));
}

TEST_F(WrongPlugins, RandomFreeze) {
  const std::string text = fails_only("random_freeze", {"repeatable"});
  EXPECT_TRUE(has(text, "the second call selects other parameters"));
  EXPECT_TRUE(has(text, "a function of the table and the parameters alone"));
}

TEST_F(WrongPlugins, MaskOfAnotherType) {
  EXPECT_TRUE(has(fails_only("bad_mask", {"selection"}, {"frozen"}), "is not uint8"));
}

TEST_F(WrongPlugins, LowRankChangeOfANorm) {
  EXPECT_TRUE(has(fails_only("bad_low_rank", {"selection"}, {"frozen"}), "is no matrix and cannot have a low-rank change"));
}

TEST_F(WrongPlugins, SelectionOfAnotherLength) {
  EXPECT_TRUE(has(fails_only("short_selection", {"selection"}, {"frozen"}), "25 entries for 26 parameters"));
}

TEST_F(WrongPlugins, ProbeThatWrites) {
  const std::string text = fails_only("writing_probe", {"leaves weights"});
  EXPECT_TRUE(has(text, "measuring changes the weights of model.embed_tokens.weight"));
  EXPECT_TRUE(has(text, "clone()"));
}

TEST_F(WrongPlugins, ProbeOfInfinity) {
  EXPECT_TRUE(has(fails_only("infinite_probe", {"measurements"}),
                  "measurement 'ratio', set 'held', layer 1: the value is -inf"));
}

TEST_F(WrongPlugins, ProbeOfALayerTooMany) {
  EXPECT_TRUE(has(fails_only("stray_probe", {"measurements"}), "layers go from 0 to 2"));
}

TEST_F(WrongPlugins, UnexplainedParameter) {
  EXPECT_TRUE(has(fails_only("no_help", {"parameters"}), "the key 'limit' has no help text"));
}

TEST_F(WrongPlugins, SeveralClassesAndTheirParameters) {
  std::vector<ClassReport> reports = check("several");
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].name, "shrink");
  EXPECT_EQ(reports[0].parameters, "{ beta = 0.5 }");
  EXPECT_TRUE(all_passed(std::span(reports).first(1))) << format_conformance(reports);
  EXPECT_EQ(reports[0].checks.at(3).check, "strength 0");  // by the declared key
  EXPECT_EQ(reports[0].checks.at(3).verdict, Verdict::passed);
  ASSERT_EQ(reports[1].checks.size(), 1U);
  EXPECT_EQ(reports[1].checks[0].verdict, Verdict::failed);
  EXPECT_TRUE(has(reports[1].checks[0].detail, "the class cannot be made: probe.needy: 'rank' must be given"));
  EXPECT_TRUE(has(reports[1].checks[0].hint, "--set key=value"));

  reports = check("several", {"needy.rank=2", "beta=0.25"});
  EXPECT_TRUE(all_passed(reports)) << format_conformance(reports);
  EXPECT_EQ(reports[0].parameters, "{ beta = 0.25 }");
  EXPECT_EQ(reports[1].parameters, "{ rank = 2 }");

  // At strength 0 there is no gradient to compare, and that is said.
  reports = check("several", {"rank=2", "shrink.beta=0"});
  EXPECT_EQ(reports[0].checks.at(2).check, "gradient");
  EXPECT_EQ(reports[0].checks.at(2).verdict, Verdict::not_applicable);
  EXPECT_TRUE(has(reports[0].checks.at(2).detail, "constant with these parameters"));
}

TEST_F(WrongPlugins, ParametersThatNoClassHas) {
  for (const char* wrong : {"betta=1", "shrink.betta=1", "nobody.beta=1", "beta"}) {
    try {
      (void)check("several", {wrong});
      ADD_FAILURE() << wrong << " is accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      EXPECT_TRUE(has(error.what(), wrong));
    }
  }
}

TEST_F(WrongPlugins, RanksThatCannotRun) {
  const LoadedPlugin& plugin = registry_.load_named("keeps_state");
  std::vector<ClassReport> reports = check_conformance(plugin, {}, {{}, "mpirun cannot be run", true});
  EXPECT_FALSE(all_passed(reports));
  EXPECT_TRUE(has(format_conformance(reports), "not run: mpirun cannot be run"));
  reports = check_conformance(plugin, {}, {{}, "built without MPI", false});
  EXPECT_TRUE(all_passed(reports));
  EXPECT_TRUE(has(format_conformance(reports), "7 passed, 0 failed, 1 not applicable"));
}

TEST_F(WrongPlugins, RanksThatDisagree) {
  const LoadedPlugin& plugin = registry_.load_named("keeps_state");
  std::vector<int> asked;
  const auto answer = [&](const std::string& key, int ranks) -> RankedOutcome {
    EXPECT_EQ(key, "regularizer/keeps_state");
    asked.push_back(ranks);
    return {conformance_digest(plugin, {}, key, *alone_) + (ranks == 4 ? " but not quite" : ""), ""};
  };
  EXPECT_TRUE(has(format_conformance(check_conformance(plugin, {}, {answer, "", true})),
                  "4 ranks give another result than one process"));
  EXPECT_EQ(asked, (std::vector<int>{2, 4}));
}

}  // namespace
}  // namespace stet
