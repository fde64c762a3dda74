// Deliberately wrong plugins: each is caught by the check that is there for it, and passes the others where that is
// logically possible. Ranks are looked at by program_test.cpp and tests/mpi/conformance_test.cpp.
#include <stet/base/error.hpp>
#include <stet/conformance/conformance.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>
#include <stdexcept>
#include <string_view>

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
    return fails_only(reports.at(0), failing, skipped);
  }
  std::string fails_only(const ClassReport& report, const Names& failing, const Names& skipped = {}) {
    const std::string all = format_conformance(std::span(&report, 1));
    std::string text;
    Names failed, skips;
    for (const CheckResult& result : report.checks) {
      if (result.verdict == CheckVerdict::not_applicable) skips.insert(result.check);
      if (result.verdict != CheckVerdict::failed) continue;
      failed.insert(result.check);
      EXPECT_FALSE(result.hint.empty()) << all;
      if (text.empty()) text = result.detail + " | " + result.hint;
    }
    Names expected = skipped;
    expected.insert("ranks");
    EXPECT_EQ(failed, failing) << all;
    EXPECT_EQ(skips, expected) << all;
    EXPECT_EQ(all_passed(std::span(&report, 1)), failing.empty());
    if (!text.empty())
      std::cout << report.name << ": " << text << "\n";  // each wrong plugin's test shows what was said
    return text;
  }
  static const ClassReport& of_class(const std::vector<ClassReport>& reports, std::string_view name) {
    const auto found =
        std::find_if(reports.begin(), reports.end(), [&](const ClassReport& report) { return report.name == name; });
    if (found == reports.end()) throw std::out_of_range("no class " + std::string(name));
    return *found;
  }
  static const CheckResult& of_check(const ClassReport& report, std::string_view name) {
    const auto found = std::find_if(report.checks.begin(), report.checks.end(),
                                    [&](const CheckResult& check) { return check.check == name; });
    if (found == report.checks.end()) throw std::out_of_range("no check " + std::string(name));
    return *found;
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
  EXPECT_TRUE(has(text, "save() must return all that later steps and phases depend on"));
}

TEST_F(WrongPlugins, StateThatOnlyTheTermOrTheNextPhaseShows) {
  const std::vector<ClassReport> reports = check("forgets");
  std::string text = fails_only(of_class(reports, "forgets_value"), {"resume"});
  EXPECT_TRUE(has(
      text,
      "saved after 3 of 8 steps (0 tensors of its own), continued: the weights are equal, but the term of step 4 is "));
  text = fails_only(of_class(reports, "forgets_path"), {"resume"}, {"gradient"});
  EXPECT_TRUE(has(text, "saved after 3 of 8 steps (0 tensors of its own), continued: first in model."));
  EXPECT_EQ(of_check(of_class(reports, "forgets_path"), "acts").detail,
            "the term is other than 0 in 4 of 12 steps of two phases");
}

TEST_F(WrongPlugins, WhatIsNoTerm) {
  const std::vector<ClassReport> reports = check("terms");
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"undefined_term", "the term is an undefined tensor"},
      {"vector_term", "the term is no scalar but has shape ["},
      {"integer_term", "the term is of type Long, not float32 or float64"},
      {"constant_term", ", but hangs on no graph"},
      {"stray_term", "its graph leads neither to hidden states nor to logits"},
      {"nan_term", "the term is not finite, though the hidden states and logits that it was given are"},
      {"nan_gradient", "the term's gradient is not finite"},
      {"writes_logits", "the hook has written the logits, which it was only to read"},
      {"infinite_penalty", "the value of the term is not finite"},
      {"writes_after_step", "the hook has written the weights, which it was only to read"}};
  ASSERT_EQ(reports.size(), expected.size());
  for (const auto& [name, text] : expected) {
    EXPECT_TRUE(
        has(fails_only(of_class(reports, name), {"repeatable", "frozen"}, {"gradient", "acts", "instances", "resume"}),
            text));
  }
}

TEST_F(WrongPlugins, StrengthsThatAreNoRealNumbers) {
  const std::vector<ClassReport> reports = check("strengths");
  for (const char* name : {"whole", "switched"}) {
    EXPECT_EQ(fails_only(of_class(reports, name), {}), "");
    EXPECT_TRUE(has(of_check(of_class(reports, name), "strength 0").detail, "the bits of plain fine-tuning"));
  }
  EXPECT_TRUE(has(of_check(of_class(reports, "whole"), "instances").detail, "with different parameters"));
  EXPECT_EQ(fails_only(of_class(reports, "named"), {}, {"strength 0"}), "");
  EXPECT_EQ(of_check(of_class(reports, "named"), "strength 0").detail, "'strength' is a string, which has no 0");
  EXPECT_TRUE(has(fails_only(of_class(reports, "always"), {"strength 0"}),
                  "with strength 0 the training is not plain fine-tuning"));
  EXPECT_TRUE(has(fails_only(of_class(reports, "mistaken"), {"strength 0"}),
                  "the declared strength key 'strenght' is no parameter"));
}

TEST_F(WrongPlugins, TermThatIsAlwaysZero) {
  const std::vector<ClassReport> reports = check("strengths");
  const ClassReport& silent = of_class(reports, "silent");
  EXPECT_EQ(fails_only(silent, {}, {"gradient"}), "");
  EXPECT_EQ(of_check(silent, "acts").verdict, CheckVerdict::warning);
  EXPECT_TRUE(has(of_check(silent, "acts").detail, "the term is 0 in all 12 steps of two phases"));
  EXPECT_TRUE(has(format_conformance(std::span(&silent, 1)), "7 passed, 0 failed, 2 not applicable, 1 warning\n"));
}

TEST_F(WrongPlugins, MasksThatCannotBeUsed) {
  const std::vector<ClassReport> reports = check("masks");
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"short_mask", " has shape [3], not ["}, {"turned_mask", " is not contiguous"},
      {"large_mask", " has values above 1"},   {"frozen_mask", "a mask for the frozen "},
      {"undefined_mask", " is undefined"},     {"empty_masks", "nothing is left to train"}};
  for (const auto& [name, text] : expected)
    EXPECT_TRUE(has(fails_only(of_class(reports, name), {"selection"}, {"frozen"}), text));
  EXPECT_TRUE(has(fails_only(of_class(reports, "ignores_masks"), {"frozen"}, {"gradient"}),
                  "frozen elements of a parameter have changed"));
}

TEST_F(WrongPlugins, MeasurementsThatCannotBeRecorded) {
  const std::vector<ClassReport> reports = check("measurements");
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"comma", "the name is empty, or has a comma"},
      {"line_break", "the name is empty, or has a comma"},
      {"no_set", "set 'hold', layer 1: there is no such set"},
      {"twice", "measurement 'x', set 'held', layer 1 is there twice"},
      {"one_fact", "1 values for 6 facts"},
      {"no_number", "a value is nan"},
      {"facts_twice", "per-fact measurement 'x', set 'held' is there twice"}};
  ASSERT_EQ(reports.size(), expected.size());
  for (const auto& [name, text] : expected)
    EXPECT_TRUE(has(fails_only(of_class(reports, name), {"measurements"}), text));
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
  const std::string text = fails_only("counts_calls", {"repeatable"}, {"gradient", "acts", "instances", "resume"});
  EXPECT_TRUE(has(text, "the same training twice differs: first in model."));
  EXPECT_TRUE(has(text, "static counters"));
}

TEST_F(WrongPlugins, ThrowsInTraining) {
  const std::string text =
      fails_only("throws_late", {"repeatable", "frozen"}, {"gradient", "acts", "instances", "resume"});
  EXPECT_TRUE(has(text, "an error is thrown: std::out_of_range: no tenth call"));
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
  EXPECT_TRUE(
      has(fails_only("bad_low_rank", {"selection"}, {"frozen"}), "is no matrix and cannot have a low-rank change"));
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

TEST_F(WrongPlugins, CheckThatGoesWrong) {
  const std::vector<ClassReport> reports = check("wrong_check");
  EXPECT_TRUE(has(
      fails_only(of_class(reports, "refuses_itself"), {"before training"}),
      "its check() refuses the parameters it is tried with: freeze.refuses_itself.teacher: 'teacher' must be another"));
  EXPECT_TRUE(has(fails_only(of_class(reports, "reads_too_far"), {"before training"}), "an error is thrown"));
}

TEST_F(WrongPlugins, SeveralClassesAndTheirParameters) {
  std::vector<ClassReport> reports = check("several");
  ASSERT_EQ(reports.size(), 2U);
  EXPECT_EQ(reports[0].name, "shrink");
  EXPECT_EQ(reports[0].parameters, "{ beta = 0.5 }");
  EXPECT_TRUE(all_passed(std::span(reports).first(1))) << format_conformance(reports);
  EXPECT_EQ(of_check(reports[0], "strength 0").verdict, CheckVerdict::passed);  // by the declared key
  ASSERT_EQ(reports[1].checks.size(), 1U);
  EXPECT_EQ(reports[1].checks[0].verdict, CheckVerdict::failed);
  EXPECT_TRUE(has(reports[1].checks[0].detail, "the class cannot be made: probe.needy: 'rank' must be given"));
  EXPECT_TRUE(has(reports[1].checks[0].hint, "--set key=value"));

  reports = check("several", {"needy.rank=2", "beta=0.25"});
  EXPECT_TRUE(all_passed(reports)) << format_conformance(reports);
  EXPECT_EQ(reports[0].parameters, "{ beta = 0.25 }");
  EXPECT_EQ(reports[1].parameters, "{ rank = 2 }");

  // At strength 0 there is no gradient to compare, and that is said.
  reports = check("several", {"rank=2", "shrink.beta=0"});
  const CheckResult& gradient = of_check(reports[0], "gradient");
  EXPECT_EQ(gradient.verdict, CheckVerdict::not_applicable);
  EXPECT_TRUE(has(gradient.detail, "constant with these parameters"));
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
  EXPECT_TRUE(has(format_conformance(reports), "9 passed, 0 failed, 1 not applicable"));
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
