// The launcher's choices, and the program itself in front of an engine that only tells what it was given.
#include <stet/cli/library_environment.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>

namespace stet::launcher {
namespace {

namespace fs = std::filesystem;
using Variables = std::map<std::string, std::string>;

GetVariable reader(const Variables& variables) {
  return [&variables](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

Variables chosen(const LibraryEnvironment& environment, Variables variables = {}) {
  apply(environment, reader(variables),
        [&](const std::string& name, const std::string& value) { variables[name] = value; });
  return variables;
}

constexpr CpuFeatures with_avx512{.avx2 = true, .avx512 = true};
constexpr CpuFeatures without_avx512{.avx2 = true, .avx512 = false};

TEST(LauncherChoice, Avx512TakesTheWideKernels) {
  const Variables wide = chosen(choose(with_avx512, 4, 1));
  EXPECT_EQ(wide.at("OPENBLAS_CORETYPE"), "SkylakeX");
  EXPECT_EQ(wide.at("ATEN_CPU_CAPABILITY"), "avx512");
}

// A core type that the processor does not have ends in an illegal instruction.
TEST(LauncherChoice, WithoutAvx512TheLibrariesChoose) {
  const Variables plain = chosen(choose(without_avx512, 4, 1));
  EXPECT_FALSE(plain.contains("OPENBLAS_CORETYPE"));
  EXPECT_FALSE(plain.contains("ATEN_CPU_CAPABILITY"));
}

TEST(LauncherChoice, OneRankIsOneThread) {
  const Variables plain = chosen(choose(without_avx512, 64, 1));
  EXPECT_EQ(plain.at("OMP_NUM_THREADS"), "1");
  EXPECT_EQ(plain.at("OPENBLAS_NUM_THREADS"), "1");
}

TEST(LauncherChoice, YieldsOnlyWhenRanksShareCores) {
  EXPECT_FALSE(chosen(choose(without_avx512, 4, 4)).contains("OMPI_MCA_mpi_yield_when_idle"));
  EXPECT_EQ(chosen(choose(without_avx512, 4, 5)).at("OMPI_MCA_mpi_yield_when_idle"), "1");
}

TEST(LauncherApply, TheUsersOwnValueStays) {
  const Variables result = chosen(choose(with_avx512, 4, 1), {{"OPENBLAS_CORETYPE", "Zen"}, {"OMP_NUM_THREADS", "3"}});
  EXPECT_EQ(result.at("OPENBLAS_CORETYPE"), "Zen");
  EXPECT_EQ(result.at("OMP_NUM_THREADS"), "3");
  EXPECT_EQ(result.at("OPENBLAS_NUM_THREADS"), "1");
}

TEST(LauncherApply, AnEmptyValueIsTheUsersToo) {
  EXPECT_EQ(chosen(choose(with_avx512, 4, 1), {{"OPENBLAS_CORETYPE", ""}}).at("OPENBLAS_CORETYPE"), "");
}

TEST(LauncherApply, StetThreadsOverridesBoth) {
  const Variables result = chosen(choose(without_avx512, 8, 1, 6), {{"OMP_NUM_THREADS", "3"}});
  EXPECT_EQ(result.at("OMP_NUM_THREADS"), "6");
  EXPECT_EQ(result.at("OPENBLAS_NUM_THREADS"), "6");
}

TEST(LauncherApply, TheAccountSaysWhatAndWhy) {
  const LibraryEnvironment two{{{"A", "1", "because", false}, {"B", "2", "because", false}}};
  const Variables variables{{"B", "9"}};
  EXPECT_EQ(apply(two, reader(variables), [](const std::string&, const std::string&) {}),
            "A=1 (because); B=9 (set by the user)");
}

TEST(LauncherThreads, OnlyAWholePositiveNumber) {
  EXPECT_EQ(threads_wanted(reader({})), std::nullopt);
  const Variables four{{"STET_THREADS", "4"}};
  EXPECT_EQ(threads_wanted(reader(four)), 4);
  for (const char* bad : {"", "0", "-1", "4x", " 4", "1.5", "all", "4097", "99999999999999999999"}) {
    const Variables variables{{"STET_THREADS", bad}};
    EXPECT_THROW((void)threads_wanted(reader(variables)), BadVariable) << bad;
  }
}

int ranks_of(const Variables& variables) { return ranks_here(reader(variables)); }

TEST(LauncherRanks, AsEachLauncherSays) {
  EXPECT_EQ(ranks_of({}), 1);
  EXPECT_EQ(ranks_of({{"OMPI_COMM_WORLD_LOCAL_SIZE", "8"}}), 8);
  EXPECT_EQ(ranks_of({{"MPI_LOCALNRANKS", "3"}}), 3);
  EXPECT_EQ(ranks_of({{"SLURM_PROCID", "0"}, {"SLURM_STEP_TASKS_PER_NODE", "16"}}), 16);
  EXPECT_EQ(ranks_of({{"SLURM_PROCID", "0"}, {"SLURM_STEP_TASKS_PER_NODE", "2(x3),7,1(x2)"}}), 7);
}

TEST(LauncherRanks, NonsenseIsOneRank) {
  EXPECT_EQ(ranks_of({{"OMPI_COMM_WORLD_LOCAL_SIZE", "many"}}), 1);
  EXPECT_EQ(ranks_of({{"SLURM_PROCID", "0"}, {"SLURM_STEP_TASKS_PER_NODE", ",,(x"}}), 1);
  EXPECT_EQ(ranks_of({{"SLURM_STEP_TASKS_PER_NODE", "16"}}), 1);  // no step: the batch script itself
}

TEST(LauncherCores, TheAllocationBeforeTheMachine) {
  EXPECT_EQ(cores_here(reader({}), 32), 32);
  const Variables allocation{{"SLURM_CPUS_ON_NODE", "4"}};
  EXPECT_EQ(cores_here(reader(allocation), 32), 4);
  EXPECT_EQ(cores_here(reader({}), -1), 1);  // sysconf does not know
}

/// A folder with the launcher, and in place of the engine a script that prints arguments and environment and exits
/// with 42.
class LauncherProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "stet_launcher.XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    fs::create_directory(folder_ / "bin");
    fs::copy_file(STET_LAUNCHER, folder_ / "bin/stet");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void add_engine() const {
    const fs::path engine = folder_ / "bin/stet-engine";
    std::ofstream(engine) << "#!/bin/sh\nfor a in \"$@\"; do echo \"<$a>\"; done\necho \"threads $OMP_NUM_THREADS\"\n"
                             "echo \"chosen $STET_CHOSEN\"\nexit 42\n";
    fs::permissions(engine, fs::perms::owner_all);
  }

  /// Exit code and output, both streams.
  [[nodiscard]] std::pair<int, std::string> run(const std::string& command) const {
    const std::string line =
        "cd '" + folder_.string() + "' && unset OMP_NUM_THREADS STET_THREADS && " + command + " 2>&1";
    FILE* pipe = ::popen(line.c_str(), "r");
    std::string output;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
    const int status = ::pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output};
  }

  fs::path folder_;
};

TEST_F(LauncherProgram, BecomesTheEngineWithTheSameArguments) {
  add_engine();
  const auto [code, output] = run("bin/stet run 'a b' --x=1 ''");
  EXPECT_EQ(code, 42);
  EXPECT_EQ(output.substr(0, output.find("chosen")), "<run>\n<a b>\n<--x=1>\n<>\nthreads 1\n");
  EXPECT_NE(output.find("chosen "), std::string::npos);
  EXPECT_NE(output.find("OMP_NUM_THREADS=1 (one rank is one thread)"), std::string::npos) << output;
}

TEST_F(LauncherProgram, IsFoundThroughALink) {
  add_engine();
  fs::create_symlink("bin/stet", folder_ / "link");
  EXPECT_EQ(run("./link").first, 42);
  EXPECT_EQ(run("PATH=\"$PWD/bin:$PATH\" stet").first, 42);
}

TEST_F(LauncherProgram, ThreadsFromTheEnvironment) {
  add_engine();
  EXPECT_NE(run("STET_THREADS=2 OMP_NUM_THREADS=7 bin/stet").second.find("threads 2\n"), std::string::npos);
  EXPECT_NE(run("OMP_NUM_THREADS=7 bin/stet").second.find("threads 7\n"), std::string::npos);
}

TEST_F(LauncherProgram, ABadVariableIsAUsageError) {
  add_engine();
  const auto [code, output] = run("STET_THREADS=lots bin/stet");
  EXPECT_EQ(code, 2);
  EXPECT_NE(output.find("received: 'lots'"), std::string::npos) << output;
}

TEST_F(LauncherProgram, AMissingEngineIsNamed) {
  const auto [code, output] = run("bin/stet run");
  EXPECT_EQ(code, 2);
  EXPECT_NE(output.find((folder_ / "bin/stet-engine").string()), std::string::npos) << output;
}

TEST(StopsPolitely, RunAndSlick) {
  const auto polite = [](std::vector<const char*> arguments) {
    return stops_politely(static_cast<int>(arguments.size()), arguments.data());
  };
  EXPECT_TRUE(polite({"stet", "run", "a.toml"}));
  EXPECT_TRUE(polite({"stet", "--verbose", "run", "a.toml"}));
  EXPECT_TRUE(polite({"stet", "slick", "a.toml"}));
  EXPECT_FALSE(polite({"stet", "plan", "run"}));
  EXPECT_FALSE(polite({"stet", "--help"}));
  EXPECT_FALSE(polite({"stet"}));
}

}  // namespace
}  // namespace stet::launcher
