// The conformance kit: what every plugin must be able to do, tried on a tiny model with tiny synthetic data. `stet
// plugin check` prints its report. plugins/README.md says what each check means for the author of a plugin. What it is
// not: a test of whether a plugin helps, or is fast.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/plugin/registry.hpp>

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace stet {

/// A warning is no failure: what was found may be meant so.
enum class CheckVerdict { passed, failed, not_applicable, warning };

struct CheckResult {
  std::string check;  ///< "gradient", "resume", ...
  CheckVerdict verdict = CheckVerdict::passed;
  std::string detail;  ///< with numbers; for not_applicable the reason
  std::string hint;    ///< of a failure or warning
};

/// All checks of one registered class.
struct ClassReport {
  std::string kind, name;  ///< "regularizer", "freeze" or "probe"; the class's name
  std::string parameters;  ///< resolved, as one line of TOML
  std::vector<CheckResult> checks;
};

/// What came out of one training of a class on several processes.
struct RankedOutcome {
  std::string digest;   ///< of the result on rank 0; empty: it did not come to an end
  std::string problem;  ///< what was said then
};

/// How the kit gets at other numbers of ranks.
struct RankedRuns {
  /// Runs conformance_digest for the class "KIND/NAME" in a group of so many processes. Empty: cannot.
  std::function<RankedOutcome(const std::string& class_key, int ranks)> run;
  std::string reason;         ///< why it cannot
  bool not_run_fails = true;  ///< false: then the check is not applicable, not failed (a build without MPI)
};

class CheckJournal;  // conformance_journal.hpp

/// Every class of a loaded plugin. `overrides`: "key=value" in TOML for every class that has the key, or
/// "NAME.key=value" for the class NAME; a class without any is tried with its example() or its defaults. Throws Error
/// (config) for a key that no class has. Whatever else a plugin throws becomes a failed check. With a `journal`, checks
/// that have a result in it are not made again, and one that takes longer than its time limit ends this process
/// (SIGALRM).
[[nodiscard]] std::vector<ClassReport> check_conformance(const LoadedPlugin& plugin,
                                                         std::span<const std::string> overrides,
                                                         const RankedRuns& ranked, CheckJournal* journal = nullptr);

/// Collective. A text that must be equal for 1, 2 and 4 ranks: the weights, losses, selection or measurements that the
/// class "KIND/NAME" leads to, hashed. Throws Error (plugin, communication) if the ranks differ among themselves.
[[nodiscard]] std::string conformance_digest(const LoadedPlugin& plugin, std::span<const std::string> overrides,
                                             const std::string& class_key, Communicator& communicator);

[[nodiscard]] bool all_passed(std::span<const ClassReport> reports);
/// One line a check, two for a failure or warning; ends with the counts.
[[nodiscard]] std::string format_conformance(std::span<const ClassReport> reports);

}  // namespace stet
