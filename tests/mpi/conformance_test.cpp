// The conformance kit's digests on the world and in one process (CTest: 1, 2 and 4 ranks): equal for plugins that are
// in order or wrong in another way, different for those that depend on the rank.
#include "ranked_main.hpp"

#include <stet/base/error.hpp>
#include <stet/conformance/conformance.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace stet {
namespace {

Communicator* world = nullptr;  // main's, for the tests

class RankedConformance : public ::testing::Test {
 protected:
  const LoadedPlugin& plugin(const std::string& name) {
    return registry_.load_named((std::filesystem::path(STET_WRONG_FOLDER) / (name + ".so")).string());
  }
  const std::unique_ptr<Communicator> alone_ = make_single_process();
  PluginRegistry registry_{*world, {STET_WRONG_FOLDER}};
};

TEST_F(RankedConformance, OtherFaultsDoNotDependOnRanks) {
  for (const std::string name : {"keeps_state", "gradient_factor", "gradient_detached", "forgets_state", "shared_state",
                                 "writes_frozen", "frozen_gradient", "never_off"}) {
    const LoadedPlugin& one = plugin(name);
    const std::string key = "regularizer/" + name;
    EXPECT_EQ(conformance_digest(one, {}, key, *world), conformance_digest(one, {}, key, *alone_)) << name;
  }
  for (const std::string name : {"writing_probe", "stray_probe", "infinite_probe", "no_help"}) {
    EXPECT_EQ(conformance_digest(plugin(name), {}, "probe/" + name, *world),
              conformance_digest(plugin(name), {}, "probe/" + name, *alone_))
        << name;
  }
  const LoadedPlugin& several = plugin("several");
  const std::vector<std::string> set = {"rank=3"};
  EXPECT_EQ(conformance_digest(several, set, "probe/needy", *world),
            conformance_digest(several, set, "probe/needy", *alone_));
}

TEST_F(RankedConformance, RankDependence) {
  // The ranks agree among themselves: only one process shows it. Alone, every rank but 0 has a strength of its own.
  const std::string key = "regularizer/rank_dependent";
  const std::string ours = conformance_digest(plugin("rank_dependent"), {}, key, *world);
  const std::string zero = world->all_gather(conformance_digest(plugin("rank_dependent"), {}, key, *alone_))[0];
  EXPECT_EQ(ours == zero, world->size() == 1);
}

TEST_F(RankedConformance, ProcessDependence) {
  std::optional<Error> found;
  try {
    (void)conformance_digest(plugin("process_dependent"), {}, "regularizer/process_dependent", *world);
  } catch (const Error& error) {
    found = error;
  }
  EXPECT_EQ(found.has_value(), world->size() > 1);  // on every rank
  if (!found) return;
  EXPECT_NE(std::string(found->what()).find("the ranks' weights differ"), std::string::npos) << found->what();
}

TEST_F(RankedConformance, UnknownClass) {
  EXPECT_THROW((void)conformance_digest(plugin("several"), {}, "probe/shrink", *world), Error);
}

}  // namespace
}  // namespace stet

int main(int argc, char** argv) {
  return stet::testing::run_ranked(argc, argv, [](stet::Communicator& communicator) { stet::world = &communicator; });
}
