// Mistakes that an experiment file shows by itself: refused by `stet plan` and by `stet run` before anything trains, at
// once, where they stand.
#include "program.hpp"

#include <sys/resource.h>
#include <sys/time.h>

namespace stet::e2e {
namespace {

struct Mistake {
  std::string name;
  std::string arm;     ///< added to the second arm, "other"
  std::string end;     ///< added at the end of the file, after the table's column
  Words parts;         ///< of the message
  Words options = {};  ///< of the command line
  int code = 2;
};

std::string file_with(const Mistake& mistake) {
  return "inherit = \"" STET_SOURCE_DIR
         "/tests/e2e/world.toml\"\n"
         "[experiment]\nname = \"mistake\"\nseeds = 1\n"
         "[[arm]]\nname = \"sft\"\n"
         "[[arm]]\nname = \"other\"\n" +
         mistake.arm + "[table]\ntitle = \"T\"\n[[table.column]]\nlabel = \"Held\"\nset = \"held\"\n" + mistake.end;
}

std::vector<Mistake> mistakes() {
  const std::string rates = "\"train.learning_rate\" = ";
  return {
      // Plugins: snapshots, sets, selectors, layers.
      {"UnknownTeacher",
       "[arm.regularizer.self_distillation]\nteacher = \"formt\"\n",
       "",
       {"self_distillation.teacher", "'formt'", "did you mean 'format'?", "experiment.toml:10:"}},
      {"TeacherOfItsOwnPhase",
       "[arm.regularizer.self_distillation]\nteacher = \"format\"\n",
       "",
       {"no snapshot 'format' when phase 'format' begins", "phases = [...]"}},
      {"DistillOnUnknownSet",
       "[arm.regularizer.self_distillation]\non = \"knwon\"\n",
       "",
       {"self_distillation.on", "did you mean 'known'?"}},
      {"L2SpReference",
       "[arm.regularizer.l2_sp]\nreference = \"bse\"\n",
       "",
       {"l2_sp.reference", "did you mean 'base'?"}},
      {"L2SpMatchTeacher",
       "[arm.regularizer.l2_sp]\nmatch = \"self_distillation\"\nmatch_teacher = \"x\"\n",
       "",
       {"l2_sp.match_teacher", "'x'"}},
      {"WiseFtReference",
       "[arm.regularizer.wise_ft]\nreference = \"fact\"\n",
       "",
       {"wise_ft.reference", "did you mean 'facts'?"}},
      {"EwcReference", "[arm.regularizer.ewc]\nreference = \"facts\"\n", "", {"ewc.reference", "'facts'"}},
      {"EwcSet", "[arm.regularizer.ewc]\nset = \"knwn\"\n", "", {"ewc.set", "did you mean 'known'?"}},
      {"EwcHeld", "[arm.regularizer.ewc]\nset = \"held\"\n", "", {"'held' facts judge a run", "experiment.toml:9:"}},
      {"EwcEmptySet",
       "[arm.regularizer.ewc]\nset = \"validation\"\n[[arm.phase]]\nname = \"format\"\nuntil = "
       "\"epochs\"\n[arm.sets]\nvalidation = 0\n",
       "",
       {"ewc.set", "'validation' is empty"}},
      {"OnlineEwcSet",
       "[arm.regularizer.online_ewc]\nset = \"neutrl\"\n",
       "",
       {"online_ewc.set", "did you mean 'neutral'?"}},
      {"MasSet", "[arm.regularizer.mas]\nset = \"all\"\n", "", {"mas.set", "'all'"}},
      {"MasReference", "[arm.regularizer.mas]\nreference = \"end\"\n", "", {"mas.reference", "'end'"}},
      {"ReplaySource",
       "[arm.regularizer.replay]\nsource = \"pretrainin\"\n",
       "",
       {"replay.source", "did you mean 'pretraining'?"}},
      {"ReplayHeld", "[arm.regularizer.replay]\nsource = \"held\"\n", "", {"cannot be replayed", "experiment.toml:9:"}},
      {"FreezeSelector",
       "[arm.freeze.freeze]\ntrain = [\"atention\"]\n",
       "",
       {"unknown selector 'atention'", "did you mean 'attention'?", "experiment.toml:9:"}},
      {"FreezeNoSuchLayer", "[arm.freeze.freeze]\ntrain = [\"layers:2-3\"]\n", "", {"no layer 3", "arm other"}},
      {"FreezeMatchesNothing", "[arm.freeze.freeze]\ntrain = [\"name:*.bias\"]\n", "", {"matches no parameter"}},
      {"FreezeNothingLeft", "[arm.freeze.freeze]\ntrain = []\n", "", {"nothing is left to train"}},
      {"LoraSelector", "[arm.freeze.lora]\ntrain = [\"norms\"]\n", "", {"matches no matrix"}},
      {"RandomTooLittle",
       "[arm.freeze.count_matched_random]\ntrain = [\"name:*\"]\nwithin = [\"attention\"]\n",
       "",
       {"too little to draw from"}},
      {"DriftSet", "[arm.probe.drift]\nset = \"hold\"\n", "", {"probe.drift.set", "did you mean 'held'?"}},
      {"DriftLayer", "[arm.probe.drift]\nlayer = 3\n", "", {"no layer 3", "0 (embedding) to 2"}},
      {"DriftReference",
       "[arm.probe.drift]\nreference = \"fromat\"\n",
       "",
       {"drift.reference", "did you mean 'format'?"}},
      {"CkaSet", "[arm.probe.cka]\nsets = [\"held\", \"neutral\"]\n", "", {"cka.sets", "no fact set 'neutral'"}},
      {"CommonShiftSet", "[arm.probe.common_shift]\nset = \"never_seen\"\n", "", {"common_shift.set", "'never_seen'"}},
      {"CompetitorSet", "[arm.probe.competitor]\nnew_set = \"new\"\n", "", {"competitor.new_set", "'new'"}},
      {"GradientCosineSet", "[arm.probe.gradient_cosine]\nset = \"x\"\n", "", {"gradient_cosine.set", "'x'"}},
      {"LogitDriftSet",
       "[arm.probe.logit_drift]\nsets = [\"neutral\", \"heldd\"]\n",
       "",
       {"logit_drift.sets", "did you mean 'held'?"}},
      {"NeuronOverlapReference",
       "[arm.probe.neuron_overlap]\nreference = \"format\"\n",
       "",
       {"neuron_overlap.reference", "when phase 'format' begins"}},
      {"OverlapSet",
       "[arm.probe.overlap]\nnew_set = \"unknwon\"\n",
       "",
       {"overlap.new_set", "did you mean 'unknown'?"}},
      {"UnknownPhase",
       "[arm.regularizer.l2_sp]\nphases = [\"fact\"]\n",
       "",
       {"no phase is named 'fact'", "did you mean 'facts'?"}},
      {"UnknownPlugin", "[arm.regularizer.l2sp]\n", "", {"l2sp", "experiment.toml:9:"}, {}, 4},
      {"InfiniteStrength", "[arm.regularizer.l2_sp]\nstrength = inf\n", "", {"strength", "inf", "experiment.toml:10:"}},
      {"SeedsWithoutEnd", "", "", {"experiment.seeds", "2000000000"}, {"--set", "experiment.seeds=2000000000"}},
      {"SweptKeyIsMisspelt",
       "",
       "[sweep]\n\"train.learningrate\" = [0.001, 0.002]\n",
       {"learningrate", "did you mean 'learning_rate'?", "experiment.toml:15:"}},
      {"ModelBeyondMemory",
       "[arm.model]\nwidth = 1048576\n",
       "",
       {"does not fit into this machine's memory", "experiment.toml:9:"}},
      // Model, optimizer, schedules, sets.
      {"HeadsDoNotDivide", "[arm.model]\nheads = 3\n", "", {"arm other", "heads", "experiment.toml:9:"}},
      {"MicroShards",
       "[arm.train]\nmicro_shards = 3\n",
       "",
       {"train.micro_shards", "no power of two", "experiment.toml:10:16"}},
      {"PretrainMicroShards",
       "",
       "[pretrain.train]\nmicro_shards = 6\n",
       {"pretrain.train.micro_shards", "no power of two"}},
      {"KnownBeyondTheWorld",
       "[arm.sets]\nknown = 500\n",
       "",
       {"not enough facts", "500", "larger world", "arm other"}},
      {"UnknownBeyondTheWorld", "[arm.sets]\nunknown = 25\n", "", {"not enough facts", "unknown"}},
      {"NoSuchRelation",
       "[arm.sets]\nheld_out_relations = [\"countri\"]\n",
       "",
       {"held_out_relations", "did you mean 'country'?"}},
      {"ContextTooShort", "[arm.model]\ncontext = 3\n", "", {"arm other", "context", "experiment.toml:10:11"}},
      {"NothingToTrainOn", "[arm.sets]\nknown = 0\n", "", {"phase 'format' has nothing to train on"}},
      {"WarmupBeyondThePhase",
       "[arm.train]\nwarmup_steps = 9\n",
       "",
       {"train.warmup_steps", "phase 'format'", "at most 8"}},
      {"WarmupBeyondPretraining",
       "",
       "[pretrain.train]\nwarmup_steps = 100000\n",
       {"pretrain.train.warmup_steps", "pre-training"}},
      {"CosineOfTwoSteps",
       "[[arm.phase]]\nname = \"format\"\nuntil = \"epochs\"\nepochs = 1\n",
       "",
       {"cosine", "phase 'format'", "0.55 of the peak rate"}},
      // Sweeps and names.
      {"SweepSamePoint",
       "",
       "[sweep]\n" + rates + "[1e-3, 0.001]\n",
       {"names a point twice", "train.learning_rate", "experiment.toml:15:"}},
      {"SweepSameNumberOfTwoKinds", "", "[sweep]\n\"train.clip\" = [1, 1.0]\n", {"names a point twice"}},
      {"SweepOfTheSameRun", "", "[sweep]\n\"checkpoint.seconds\" = [1.0, 2.0]\n", {"train the same run"}},
      {"SweepTwice",
       "[arm.sweep]\n" + rates + "[1e-3]\n",
       "[sweep]\n" + rates + "[2e-3]\n",
       {"swept by arm 'other' and by [sweep]"}},
      {"SweepOfTables",
       "",
       "[sweep]\n\"regularizer.l2_sp\" = [{ strength = 0.1 }, { strength = 0.2 }]\n",
       {"over tables", "write an arm for each"}},
      {"SweepWithoutQuotes",
       "",
       "[sweep]\ntrain.learning_rate = [1e-3, 2e-3]\n",
       {"not in quotes", "\"train.learning_rate\" = [...]"}},
      {"SweptAndSet",
       "",
       "[sweep]\n" + rates + "[1e-3, 2e-3]\n",
       {"is swept, and set by --set"},
       {"--set", "train.learning_rate=1e-4"}},
      {"ArmNameTooLong",
       "",
       "[[arm]]\nname = \"" + std::string(240, 'a') + "\"\n",
       {"too long for the name of a folder", "254 bytes", "a shorter name"}},
      {"SweepNameTooLong",
       "",
       "[sweep]\n\"freeze.freeze.train\" = [[\"" + std::string("name:") + std::string(230, 'x') + "\"]]\n",
       {"too long for the name of a folder", "sweep"}},
      {"NoPluginFolder",
       "",
       "",
       {"experiment.plugins", "does not exist"},
       {"--set", "experiment.plugins=[\"nowhere\"]"}},
      // Tables.
      {"EarlyStopWithoutValidation",
       "[[arm.phase]]\nname = \"format\"\nuntil = \"epochs\"\n[arm.sets]\nvalidation = 0\n",
       "[[table.column]]\nlabel = \"E\"\nset = \"held\"\nmeasure = \"early_stop_accuracy\"\n",
       {"early_stop_accuracy needs a validation set", "arm 'other'"}},
      {"ColumnOfAnEmptySet",
       "",
       "[[table.column]]\nlabel = \"V\"\nset = \"validation\"\n",
       {"'validation' is empty"},
       {"--set", "sets.validation=0", "--set", "phase.format.until=epochs"}},
      {"ColumnOfNoSet", "", "[[table.column]]\nlabel = \"V\"\nset = \"hled\"\n", {"did you mean 'held'?"}},
      {"ArrayOfNoProbe",
       "[arm.probe.drift]\n",
       "[[table.column]]\nlabel = \"D\"\nset = \"held\"\nmeasure = \"recorded\"\narray = \"drfit.drift\"\n",
       {"no arm has a probe 'drfit'", "did you mean 'drift'?"}},
      {"RegressionOnNoProbe",
       "",
       "[[table.regression]]\nset = \"held\"\narms = [\"sft\"]\ninterference = [\"overlap.cosine_max\"]\n",
       {"no arm has a probe 'overlap'"}},
  };
}

/// Of all programs that this one started and that have ended. Their time on the clock depends on what else the machine
/// does.
double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Mistakes : public ::testing::TestWithParam<Mistake> {};

TEST_P(Mistakes, AreRefusedBeforeTheFirstStep) {
  const Mistake& mistake = GetParam();
  const Folder folder;
  write(folder / "experiment.toml", file_with(mistake));
  for (const char* command : {"plan", "run"}) {
    Words words = {command, "experiment.toml"};
    words.insert(words.end(), mistake.options.begin(), mistake.options.end());
    const double begun = processor_seconds();
    const Outcome outcome = stet(folder.path(), words);
    const double seconds = processor_seconds() - begun;
    EXPECT_TRUE(ended_with(outcome, mistake.code)) << command;
    EXPECT_EQ(count_of(outcome.err, "error: "), 1U) << command << '\n' << outcome.err;
    for (const std::string& part : mistake.parts) EXPECT_TRUE(has(outcome.err, part)) << command;
    EXPECT_FALSE(fs::exists(folder / "runs")) << command;
    EXPECT_LT(seconds, 2.0) << command;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Mistakes, ::testing::ValuesIn(mistakes()),
                         [](const auto& tested) { return tested.param.name; });

TEST(NoMistake, PassesBothWaysOfAsking) {
  const Folder folder;
  write(folder / "experiment.toml", file_with({"",
                                               "[arm.regularizer.self_distillation]\nphases = [\"facts\"]\nteacher = "
                                               "\"format\"\n[arm.probe.drift]\nreference = \"format\"\n",
                                               "",
                                               {}}));
  EXPECT_TRUE(ended_with(stet(folder.path(), {"plan", "experiment.toml", "--no-estimate"}), 0));
}

#ifdef STET_MPIEXEC
TEST(RanksAndMicroShards, AreCheckedTogether) {
  const Folder folder;
  write(folder / "experiment.toml", file_with({"", "[arm.train]\nmicro_shards = 1\n", "", {}}));
  for (const char* command : {"plan", "run"}) {
    const Outcome outcome = mpi_stet(2, folder.path(), {command, "experiment.toml"});
    EXPECT_TRUE(ended_with(outcome, 2));
    EXPECT_EQ(count_of(outcome.err, "cannot be shared out between 2 ranks"), 1U) << outcome.err;
    EXPECT_FALSE(fs::exists(folder / "runs"));
  }
}
#endif

TEST(Overrides, WinOverAnArmsOwnKeys) {
  const Folder folder;
  write(folder / "experiment.toml",
        file_with({"", "[arm.train]\nlearning_rate = 5e-4\n[arm.regularizer.l2_sp]\nstrength = 0.1\n", "", {}}));
  const Outcome outcome = stet(folder.path(), {"plan", "experiment.toml", "--resolved", "--set",
                                               "train.learning_rate=2e-3", "--set", "regularizer.l2_sp.strength=0.7"});
  ASSERT_TRUE(ended_with(outcome, 0));
  EXPECT_EQ(count_of(outcome.out, "learning_rate = 0.002"), 2U) << outcome.out;
  EXPECT_EQ(count_of(outcome.out, "strength = 0.7"), 1U) << outcome.out;  // not in the arm without the plugin
}

}  // namespace
}  // namespace stet::e2e
