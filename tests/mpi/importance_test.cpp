// Plugins that measure on examples over several ranks (CTest: 1, 2 and 4): the bits of one process.
#include "ranked_main.hpp"

#include <stet/config/document.hpp>
#include <stet/conformance/bench.hpp>
#include <stet/plugin/registry.hpp>

#include <string>
#include <utility>
#include <vector>

namespace stet {
namespace {

Communicator* world = nullptr;  // main's, for the tests

class RankedImportance : public ::testing::Test {
 protected:
  std::unique_ptr<Regularizer> make(const std::string& plugin, const std::string& text) {
    return registry_.regularizer(plugin).create(config::parse(text, "test.toml"));
  }

  /// Hashes of what a plugin has measured when a phase has begun.
  std::string measured(const std::string& plugin, const std::string& text, Communicator& communicator) {
    ExampleStore store(bench_.model(), communicator, ConformanceBench::shards);
    bench_.fill(store);
    const std::unique_ptr<Regularizer> regularizer = make(plugin, text);
    regularizer->begin_phase({"main", bench_.model(), weights_, snapshots_, store}, false);
    std::string hashes;
    for (const auto& [name, tensor] : regularizer->save()) hashes += name + " " + hash_tensor(tensor) + "\n";
    return hashes;
  }

  /// Two phases of training.
  std::string trained(const std::string& plugin, const std::string& text, Communicator& communicator) {
    BenchRun run(bench_, communicator, make(plugin, text));
    for (int round = 0; round < 2; ++round) {
      run.begin();
      run.train(4);
      run.end();
    }
    return run.digest();
  }

  const std::unique_ptr<Communicator> alone_ = make_single_process();
  PluginRegistry registry_{*world, {STET_PLUGIN_FOLDER}};
  const ConformanceBench bench_;
  const SnapshotStore snapshots_ = bench_.snapshots(at::kFloat);
  const at::Tensor weights_ = bench_.weights(3, at::kFloat);
};

TEST_F(RankedImportance, MeasuredInTheSameBits) {
  const std::vector<std::pair<std::string, std::string>> plugins = {{"ewc", "fisher = \"exact\""},
                                                                    {"ewc", "samples = 3"},
                                                                    {"ewc", "fisher = \"empirical\"\nlimit = 5"},
                                                                    {"ewc", "fisher = \"batched\"\nbatch = 2"},
                                                                    {"mas", ""},
                                                                    {"online_ewc", ""}};
  for (const auto& [plugin, text] : plugins) {
    const std::string ours = measured(plugin, text, *world);
    EXPECT_NE(ours, "");
    EXPECT_EQ(ours, measured(plugin, text, *alone_)) << plugin << " " << text;
  }
}

TEST_F(RankedImportance, TrainsInTheSameBits) {
  const std::vector<std::pair<std::string, std::string>> plugins = {
      {"ewc", "strength = 3"},
      {"online_ewc", "strength = 3\ngamma = 0.5"},
      {"synaptic_intelligence", "strength = 3"},
      {"mas", "strength = 0.01"},
      {"l2_sp", "match = \"self_distillation\"\nmatch_every = 2\nreference = \"earlier\"\nmatch_teacher = \"earlier\""},
      {"wise_ft", "reference = \"earlier\""}};
  for (const auto& [plugin, text] : plugins)
    EXPECT_EQ(trained(plugin, text, *world), trained(plugin, text, *alone_)) << plugin;
}

}  // namespace
}  // namespace stet

int main(int argc, char** argv) {
  return stet::testing::run_ranked(argc, argv, [](stet::Communicator& communicator) { stet::world = &communicator; });
}
