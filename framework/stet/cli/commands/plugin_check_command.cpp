// `stet plugin check`: the conformance kit in a process of its own (--journal), which a plugin may take with it, and
// the runs on 2 and 4 ranks that the kit asks for, which are this program again under mpirun (--digest).
#include <stet/base/captured_process.hpp>
#include <stet/base/error.hpp>
#include <stet/base/file/temporary_folder.hpp>
#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/cli/commands/commands.hpp>
#include <stet/conformance/bench.hpp>
#include <stet/conformance/conformance.hpp>
#include <stet/conformance/journal.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>

namespace stet {

namespace {

#ifdef STET_HAVE_MPI
constexpr bool have_mpi = true;
#else
constexpr bool have_mpi = false;
#endif

constexpr const char* mark = "stet-digest: ";
constexpr double patience = 120;  // seconds for one run on several ranks

/// What a failed run said, without mpirun's own decoration; at most a few lines, as one.
std::string gist(const CapturedProcess& process) {
  if (process.timed_out) return fmt::format("no end after {} s", patience);
  std::string result;
  int lines = 0;
  for (const std::string& line : split(process.err, '\n')) {
    if (line.empty() || line.starts_with("---") || line.starts_with("[") || lines >= 6) continue;
    result += (result.empty() ? "" : "; ") +
              line.substr(line.find_first_not_of(' ') == std::string::npos ? 0 : line.find_first_not_of(' '));
    ++lines;
  }
  return result.empty() ? fmt::format("exit code {}", process.code) : result;
}

RankedOutcome run_ranks(const Options& options, const std::string& file, const std::vector<std::string>& launcher,
                        const std::string& class_key, int ranks) {
  std::vector<std::string> words = launcher;
  for (const std::string& word :
       {std::string("-n"), std::to_string(ranks), std::filesystem::read_symlink("/proc/self/exe").string(),
        std::string("plugin"), std::string("check"), file, std::string("--digest"), class_key}) {
    words.push_back(word);
  }
  for (const std::string& assignment : options.overrides) words.insert(words.end(), {"--set", assignment});
  std::map<std::string, std::string> environment = {{"OMPI_MCA_mpi_yield_when_idle", "1"}};
  // These processes are ours, on this machine and for seconds; Open MPI refuses root otherwise.
  if (::geteuid() == 0) environment["OMPI_ALLOW_RUN_AS_ROOT"] = environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1";
  const CapturedProcess process = run_captured(words, environment, patience);
  const std::size_t at = process.out.find(mark);
  if (process.code != 0 || at == std::string::npos) return {"", gist(process)};
  const std::size_t begin = at + std::string(mark).size();
  return {process.out.substr(begin, process.out.find('\n', begin) - begin), ""};
}

RankedRuns ranked_runs(const Options& options, const std::string& file, const Session& session) {
  if (!have_mpi) return {{}, "this program was built without MPI", false};
  if (session.uses_mpi())
    return {{}, "this program was itself started by a launcher (" + launch_detected() + ")", true};
  const CapturedProcess version = run_captured({"mpirun", "--version"}, {}, 20);
  if (version.code != 0) return {{}, "mpirun cannot be run", true};
  std::vector<std::string> launcher = {"mpirun"};
  if (version.out.find("Open MPI") != std::string::npos || version.out.find("OpenRTE") != std::string::npos)
    launcher.emplace_back("--oversubscribe");
  return {[&options, file, launcher](const std::string& class_key, int ranks) {
            return run_ranks(options, file, launcher, class_key, ranks);
          },
          "", true};
}

std::string title_of(const LoadedPlugin& plugin) {
  return fmt::format("{} {} by {} ({})", plugin.facts.name, plugin.facts.version, plugin.facts.author,
                     plugin.file.string());
}

int show(const std::string& title, const std::vector<ClassReport>& reports) {
  print_shown("{}\n{}", title, format_conformance(reports));
  if (reports.empty()) throw Error(ErrorKind::plugin, "the plugin registers nothing").at(title);
  return all_passed(reports) ? 0 : static_cast<int>(ErrorKind::plugin);
}

/// The process in which the checks are made: what comes out goes into the journal.
int check_for(CheckJournal& journal, const Options& options, Session& session) {
  try {
    const std::unique_ptr<Communicator> alone = make_single_process();
    PluginRegistry registry(*alone, PluginRegistry::usual_search({}));
    const LoadedPlugin& plugin = registry.load_named(options.name);
    journal.finish(title_of(plugin), check_conformance(plugin, options.overrides,
                                                       ranked_runs(options, plugin.file.string(), session), &journal));
    return 0;
  } catch (...) {
    journal.give_up();
    throw;
  }
}

/// How a process came to its end in the middle of something.
std::string end_of(const CapturedProcess& process, unsigned seconds) {
  if (process.timed_out || process.code == 128 + SIGALRM) return fmt::format("no end after {} s", seconds);
  if (process.code > 128)
    return fmt::format("the process is ended by signal {} ({})", process.code - 128, ::strsignal(process.code - 128));
  return fmt::format("the process ends itself with exit code {}", process.code);
}

/// Makes the checks in a process of their own, and in another one those that remain when a check took the process with
/// it.
int check_in_processes(const Options& options) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "journal").string();
  std::vector<std::string> words = {std::filesystem::read_symlink("/proc/self/exe").string(),
                                    "plugin",
                                    "check",
                                    options.name,
                                    "--journal",
                                    file,
                                    "--time-limit",
                                    std::to_string(options.check_seconds)};
  for (const std::string& assignment : options.overrides) words.insert(words.end(), {"--set", assignment});
  constexpr double longest = 86400;  // a check that does not let itself be ended by SIGALRM
  for (;;) {
    const CapturedProcess process = run_captured(words, {}, longest);
    print_shown("{}", process.out);
    std::fputs(terminal_text(process.err).c_str(), stderr);
    CheckJournal journal(file);
    if (journal.gave_up()) return process.code;
    if (journal.title()) return show(*journal.title(), journal.reports());
    const std::optional<CheckJournal::Key> check = journal.unfinished();
    if (!check) {
      throw Error(ErrorKind::plugin,
                  "the plugin takes the process with it while it is loaded: " + end_of(process, options.check_seconds))
          .at(options.name)
          .hint("constructors of static objects, and the body of STET_PLUGIN, run then");
    }
    journal.crash(*check, {check->second, CheckVerdict::failed,
                           "the check has no end of its own: " + end_of(process, options.check_seconds),
                           "what it printed stands above; throw stet::Error for what cannot go on, and build with -g "
                           "to look at it in a debugger"});
  }
}

}  // namespace

int plugin_check_command(const Options& options, Session& session) {
  if (!options.digest.empty()) {
    PluginRegistry registry(session.world(), PluginRegistry::usual_search({}));
    const std::string digest =
        conformance_digest(registry.load_named(options.name), options.overrides, options.digest, session.world());
    if (session.world().rank() == 0) print_shown("{}{}\n", mark, digest);
    return 0;
  }
  if (session.world().rank() != 0) return 0;  // rank 0 checks; it needs no help
  if (!options.journal.empty()) {
    CheckJournal journal(options.journal, options.check_seconds);
    return check_for(journal, options, session);
  }
  if (!session.uses_mpi()) return check_in_processes(options);
  // A process started from here would take itself for one of the launcher's.
  const std::unique_ptr<Communicator> alone = make_single_process();
  PluginRegistry registry(*alone, PluginRegistry::usual_search({}));
  const LoadedPlugin& plugin = registry.load_named(options.name);
  return show(title_of(plugin),
              check_conformance(plugin, options.overrides, ranked_runs(options, plugin.file.string(), session)));
}

}  // namespace stet
