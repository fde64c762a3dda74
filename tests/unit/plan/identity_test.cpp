// What identities are the hash of. Finished bases, labels and runs of earlier versions stay in use as long as these
// hold: a value here may change only where results have to be made again.
#include <stet/plan/plan.hpp>

#include <experiment_support.hpp>
#include <fixtures_folder.hpp>
#include <stet/base/hash.hpp>
#include <stet/config/document.hpp>

#include <fmt/format.h>

namespace stet {
namespace {

struct Identities {
  std::string file, bases, labels, runs;  // hashes of the identities, one after the other
  [[nodiscard]] std::string text() const {
    return fmt::format(R"({{"{}", "{}", "{}", "{}"}})", file, bases, labels, runs);
  }
};

std::string experiment_file(const std::string& name) { return STET_SOURCE_DIR "/experiments/" + name + ".toml"; }

/// Those of the first seed.
Identities identities_of(const std::string& name) {
  const auto alone = make_single_process();
  PluginRegistry registry(*alone, {STET_BINARY_DIR "/lib/stet-plugins"});
  const Plan plan = make_plan(experiment_file(name), {}, registry);
  std::string bases, labels, runs;
  for (const PlannedRun& run : plan.runs) {
    if (run.seed != 1) continue;
    bases += plan.bases[run.base].identity;
    if (run.labels) labels += plan.labels[*run.labels].identity;
    runs += run.identity;
  }
  return {name, hash_hex(bases), hash_hex(labels), hash_hex(runs)};
}

/// Without the data's content, which versions before this one did not look at.
Identities identities_without_content(const std::string& name) {
  const auto alone = make_single_process();
  PluginRegistry registry(*alone, {STET_BINARY_DIR "/lib/stet-plugins"});
  const Plan plan =
      make_plan(experiment_file(name),
                {"data.path=" + (std::string(STET_SOURCE_DIR) + "/tests/fixtures/entity-questions")}, registry);
  std::string bases, labels, runs;
  const auto hash = [](config::Value value) {
    EXPECT_TRUE(value.find("data")->erase("files"));
    return config::config_hash(value);
  };
  for (const PlannedRun& run : plan.runs) {
    if (run.seed != 1) continue;
    bases += hash(base_identity_of(run.config));
    labels += hash(labels_identity_of(run.config));
    runs += hash(*run.resolved.find("config"));
  }
  return {name, hash_hex(bases), hash_hex(labels), hash_hex(runs)};
}

TEST(IdentityTest, ResultsOfEarlierVersionsStayInUse) {
  // clang-format off
  for (const Identities& known : std::vector<Identities>{
    {"quickstart", "54bfa42bd51caa59e4be47e0e725f076", "99aa06d3014798d86001c324468d497f", "55d3eed049e5187724bbfdb555238aa7"},
    {"controls/behaviour-cloning", "11f4f7a1661a7d7b7f42ccb35293a98d", "99aa06d3014798d86001c324468d497f", "0be232a99e768fcf7ee1686f24715200"},
    {"controls/calibration", "54bfa42bd51caa59e4be47e0e725f076", "99aa06d3014798d86001c324468d497f", "435b9f3299e6e8909ddde952e3076a0d"},
    {"controls/capacity-saturated", "50e3104934731322fe779a461e3210da", "99aa06d3014798d86001c324468d497f", "5a8e9789bf5046d7b0bf7f7557fb336b"},
    {"controls/distillation-parts", "2f340412dfdd51910438160fb0dd7a70", "99aa06d3014798d86001c324468d497f", "3506bcb8070a68df3538e766923973d4"},
    {"controls/gate-up-vs-down", "54bfa42bd51caa59e4be47e0e725f076", "99aa06d3014798d86001c324468d497f", "1ae39fdd09c75fcf492d6baea225374c"},
    {"controls/gekhman", "54bfa42bd51caa59e4be47e0e725f076", "99aa06d3014798d86001c324468d497f", "a6d5e2e0ceda66b9642bf634373a7422"},
    {"controls/generic-regularizers", "d36a6a6585fdb8517cb39534f61cda8a", "99aa06d3014798d86001c324468d497f", "6d028313103cea361f55fbbd6ed3b13f"},
    {"controls/graded-overlap", "aa0fc16f94be7ae1cb6ba8e359165e35", "99aa06d3014798d86001c324468d497f", "d6a602f2248f373a66f707ed520854fc"},
    {"controls/importance-weights", "2f5e6cde40c2c4d293e93d238cefea0d", "99aa06d3014798d86001c324468d497f", "a498963d7aec82670e0374ecf0dacb40"},
    {"controls/interference-regression", "e8ef20eb6bbf04764a2bba2f564ed624", "99aa06d3014798d86001c324468d497f", "ee9c6538dcd1431fbeafba80edce7ae0"},
    {"controls/key-binding", "a4f55226e8ab19af2338b6856819bf33", "99aa06d3014798d86001c324468d497f", "f73a604f816b64f61983ff1bf9b05b25"},
    {"controls/model-size", "0065216a7405c56a7734a5e7a340573a", "99aa06d3014798d86001c324468d497f", "b00a62f7a51c02e4eab5f73d5ea1a0d2"},
    {"controls/sensitivity", "07a405c3b441ac7cf43ed7626fc2d584", "99aa06d3014798d86001c324468d497f", "5b6094801dd83958d49535d81ac3d8e4"},
    {"controls/spurious-forgetting", "e8ef20eb6bbf04764a2bba2f564ed624", "99aa06d3014798d86001c324468d497f", "52012a873412f591bf8600305f984b23"},
    {"controls/zucchet", "2f340412dfdd51910438160fb0dd7a70", "99aa06d3014798d86001c324468d497f", "1832188b384df3e6bdfdc5760bed93f3"},
    {"paper/learning-rate", "7f7a25738ae3137265df7c3db26475e6", "99aa06d3014798d86001c324468d497f", "972e45c836ff8dc1aa253cb59e346aba"},
    {"paper/table0-certification", "04dec9f1c4ace676bd1ffdb58244bf90", "99aa06d3014798d86001c324468d497f", "009f4e5e63bc4d4321ebdade2672567b"},
    {"paper/table1-freezing", "1b5736636f7498c53f26d943d0a5abb5", "99aa06d3014798d86001c324468d497f", "293be3eee73e6a6a37ef46bdf00075fe"},  // lora 1.2: the gradients of its factors alone are added up
    {"paper/table2-self-distillation", "54bfa42bd51caa59e4be47e0e725f076", "99aa06d3014798d86001c324468d497f", "6e8a0768dbf4ad90345657b8f6f81a4c"},
    {"paper/table3-hypotheses", "e702f0b5b107515e225189f0d90b03fc", "99aa06d3014798d86001c324468d497f", "985d196fc4cfa849541b6ec32acbcbe1"},
    {"paper/table4-drift", "36f34cd60c4c6d2160fd564eafe7d065", "99aa06d3014798d86001c324468d497f", "950cade919963c1d319f7923c7d6638f"},
    {"paper/table5-slick-groups", "5056dd94e3763581173553f9dc752694", "7282574963efe0dfdb793acd0ca43751", "7cca1a11196f40ad6d5fe79446960433"},
  }) {
    // clang-format on
    const Identities now = identities_of(known.file);
    EXPECT_EQ(now.text(), known.text());
  }
}

TEST(IdentityTest, OnlyTheContentOfTheDataIsNewInThoseOfEntityQuestions) {
  // clang-format off
  for (const Identities& known : std::vector<Identities>{
    {"entity-questions/quickstart", "fd24e638d1a19071a71694817236d661", "91f54efb03f14308cc038ca17c2b2eb8", "d59338442ab43edcbdb8bbd5b4397ee2"},
    {"entity-questions/no-overlap", "56a6a8b09c79d4788c5f67407424ef89", "fc766a3723cfe96dd11a95cb9b039ef7", "c479cd8cc83c008506a1d037b0fc0ae6"},
    {"entity-questions/slick", "a4baa437b8de295de3ff434a3f694697", "91f54efb03f14308cc038ca17c2b2eb8", "f73535e9c8ae679296c614df1c4db8b8"},
    {"entity-questions/table2-self-distillation", "fd24e638d1a19071a71694817236d661", "91f54efb03f14308cc038ca17c2b2eb8", "d59338442ab43edcbdb8bbd5b4397ee2"},
  }) {
    // clang-format on
    const Identities now = identities_without_content(known.file);
    EXPECT_EQ(now.text(), known.text());
  }
}

}  // namespace
}  // namespace stet
