// A campaign: the same experiment, killed again and again at random moments, on 1, 2 and 4 ranks, changing between
// lives; one process or all of them; checkpoints at once and asynchronous. Whenever it gets to its end, everything it
// left must be the bytes of the run that was never disturbed, metrics and the samples of each step among them.
// STET_KILLS says how many kills (default: 200), STET_SEED which moments. docs: tests/fault/RESULTS.md.
#include "undisturbed.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

namespace stet::e2e {
namespace {

long number_from(const char* variable, long otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::atol(text) : otherwise;
}

const Words logged = {"--set", "train.log_samples=true", "--set", "pretrain.train.log_samples=true"};

std::map<std::string, std::string> everything(const fs::path& folder) {
  std::map<std::string, std::string> all = results(folder);
  all.merge(files_named(folder / "runs", "metrics.jsonl"));
  return all;
}

/// In each epoch of each phase every sequence once, by the lines of a metrics.jsonl.
void expect_each_sample_once(const std::string& name, const std::string& metrics) {
  std::map<std::string, std::vector<std::int64_t>> drawn;
  std::istringstream lines(metrics);
  std::string line;
  std::int64_t step = 0;
  while (std::getline(lines, line)) {
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json.at("step").get<std::int64_t>(), ++step) << name;
    std::vector<std::int64_t>& phase = drawn[json.value("phase", "")];
    for (const auto& sample : json.at("samples")) phase.push_back(sample.get<std::int64_t>());
  }
  EXPECT_FALSE(drawn.empty()) << name;
  for (const auto& [phase, samples] : drawn) {
    const auto size = static_cast<std::size_t>(*std::max_element(samples.begin(), samples.end()) + 1);
    ASSERT_EQ(samples.size() % size, 0U) << name << ", phase " << phase;
    for (auto epoch = samples.begin(); epoch != samples.end(); epoch += static_cast<std::ptrdiff_t>(size)) {
      const std::set<std::int64_t> once(epoch, epoch + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(once.size(), size) << name << ", phase " << phase;
    }
  }
}

class Campaign : public ::testing::Test {
 protected:
  struct Life {
    int ranks = 1;
    bool asynchronous = true, all = true;
    double seconds = 0;  // until it is killed
  };

  /// Ranks, form and victims by lot; the moment, from the program's start to about its middle: most lives go on from
  /// the one before.
  Life draw() {
    const auto lot = [this](double until) { return std::uniform_real_distribution<double>(0, until)(random_); };
    Life life;
#ifdef STET_MPIEXEC
    const double ranks = lot(1);
    life.ranks = ranks < 0.5 ? 1 : ranks < 0.85 ? 2 : 4;
#endif
    life.asynchronous = lot(1) < 0.5;
    life.all = lot(1) < 0.5;
    life.seconds = 0.2 + lot(0.3 * whole_ * (life.ranks == 1 ? 1 : 2));
    return life;
  }

  /// Whether the life was killed before its end.
  bool live(const Life& life, const fs::path& folder) {
    Words words = run_words(logged);
    words.insert(words.end(),
                 {"--set", life.asynchronous ? "checkpoint.asynchronous=true" : "checkpoint.asynchronous=false"});
    if (life.ranks == 1) words.insert(words.end(), {"--jobs", "1"});
    Process process(life.ranks == 1 ? stet_words(words) : on_ranks(life.ranks, words), folder);
    const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(life.seconds);
    while (process.running() && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (!process.running()) {
      EXPECT_TRUE(ended_with(process.wait(), 0));
      return false;
    }
    if (life.all) {
      process.kill_tree();
    } else {
      // One process: a rank or a worker where there is one, by lot. The others end by themselves, or are ended.
      const std::vector<pid_t> tree = process.tree();
      if (tree.empty()) return false;
      const std::size_t victim = std::uniform_int_distribution<std::size_t>(0, tree.size() - 1)(random_);
      if (victim == 0) {
        process.kill_root();
      } else {
        ::kill(tree[victim], SIGKILL);
        static_cast<void>(process.wait());
        process.bury(tree);  // the others are on their way out
      }
    }
    return true;
  }

  std::mt19937_64 random_{static_cast<std::uint64_t>(number_from("STET_SEED", 1))};
  double whole_ = 3;  // seconds of an undisturbed run
};

TEST_F(Campaign, KilledAtRandomMomentsItEndsInTheSameBytes) {
  const Folder calm;
  const auto start = std::chrono::steady_clock::now();
  Words words = run_words(logged);
  words.insert(words.end(), {"--jobs", "1"});
  ASSERT_TRUE(ended_with(stet(calm.path(), words), 0));
  whole_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const std::map<std::string, std::string> wanted = everything(calm.path());
  int logs = 0;
  for (const auto& [name, bytes] : wanted) {
    if (!name.ends_with("metrics.jsonl")) continue;
    ++logs;
    expect_each_sample_once(name, bytes);
  }
  ASSERT_EQ(logs, 3);  // the base's and two runs'

  const long kills = number_from("STET_KILLS", 200);
  long killed = 0, finished = 0, one = 0;
  std::map<int, long> by_ranks;
  auto folder = std::make_unique<Folder>();
  while (killed < kills) {
    const Life life = draw();
    if (live(life, folder->path())) {
      ++killed;
      ++by_ranks[life.ranks];
      one += life.all ? 0 : 1;
      // Whatever lies under its final name is whole.
      if (fs::exists(folder->path() / "runs") && !checkpoints_in(folder->path() / "runs").empty()) {
        const Outcome verified = stet(folder->path(), {"checkpoint", "verify", "runs"});
        ASSERT_TRUE(ended_with(verified, 0)) << "after " << killed << " kills";
      }
      if (killed < kills) continue;
      ASSERT_TRUE(ended_with(stet(folder->path(), words), 0));  // the last one ends undisturbed
    }
    ++finished;
    const std::map<std::string, std::string> got = everything(folder->path());
    ASSERT_EQ(got.size(), wanted.size()) << "after " << killed << " kills";
    for (const auto& [name, bytes] : wanted)
      ASSERT_TRUE(got.at(name) == bytes) << name << " differs after " << killed << " kills";
    folder = std::make_unique<Folder>();
  }
  std::cout << killed << " kills (";
  for (const auto& [ranks, count] : by_ranks)
    std::cout << count << " on " << ranks << " rank" << (ranks > 1 ? "s" : "") << ", ";
  std::cout << one << " of one process alone), " << finished << " times at its end: the same bytes each time\n";
}

}  // namespace
}  // namespace stet::e2e
