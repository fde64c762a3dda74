#include <stet/conformance/conformance.hpp>

#include <stet/base/error.hpp>
#include <stet/base/hash.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/document.hpp>
#include <stet/conformance/checks.hpp>
#include <stet/conformance/journal.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>
#include <type_traits>

namespace stet {

namespace {

using namespace conformance;

template <class Base>
constexpr const char* kind_of = std::is_same_v<Base, Regularizer>      ? "regularizer"
                                : std::is_same_v<Base, FreezeStrategy> ? "freeze"
                                                                       : "probe";

/// "KIND/NAME"
template <class Base>
std::string key_of(const Offer<Base>& offer) {
  return fmt::format("{}/{}", kind_of<Base>, offer.name);
}

template <class Base>
bool has_field(const Offer<Base>& offer, const std::string& key) {
  return std::any_of(offer.fields.begin(), offer.fields.end(),
                     [&key](const config::FieldInfo& field) { return field.key == key; });
}

/// Calls `use(offer)` for every class.
template <class Use>
void for_each_class(const LoadedPlugin& plugin, const Use& use) {
  for (const auto& offer : plugin.offers.regularizers) use(offer);
  for (const auto& offer : plugin.offers.freeze_strategies) use(offer);
  for (const auto& offer : plugin.offers.probes) use(offer);
}

/// Whether a dotted path names a field of the class, or something within one.
template <class Base>
bool takes(const Offer<Base>& offer, const std::string& path) {
  return has_field(offer, path) || has_field(offer, path.substr(0, path.find('.')));
}

/// The assignment without "NAME." if it is for this class alone, as it is if the class has the key, or else nothing.
template <class Base>
std::string part_for(const Offer<Base>& offer, const std::string& assignment) {
  const std::string path = assignment.substr(0, assignment.find('=')), prefix = offer.name + ".";
  if (takes(offer, path)) return assignment;
  return path.starts_with(prefix) && takes(offer, path.substr(prefix.size())) ? assignment.substr(prefix.size()) : "";
}

/// The table that a class is tried with.
template <class Base>
config::Value table_for(const Offer<Base>& offer, std::span<const std::string> overrides) {
  config::Value table;
  bool any = false;
  for (const std::string& assignment : overrides) {
    const std::string mine = part_for(offer, assignment);
    if (mine.empty()) continue;
    config::apply_override(table, mine);
    any = true;
  }
  return any ? table : config::parse(offer.example_table, "example of " + offer.name);
}

void check_overrides(const LoadedPlugin& plugin, std::span<const std::string> overrides) {
  for (const std::string& assignment : overrides) {
    bool taken = false;
    std::vector<std::string> known;
    for_each_class(plugin, [&](const auto& offer) {
      taken = taken || !part_for(offer, assignment).empty();
      for (const config::FieldInfo& field : offer.fields) known.push_back(field.key);
    });
    const std::string key = assignment.substr(0, assignment.find('='));
    if (!taken || assignment.find('=') == std::string::npos) {
      throw Error(ErrorKind::config, "no class of the plugin has the key '" + key + "'")
          .at("--set " + assignment)
          .expected("key=value")
          .received(assignment)
          .hint(suggestion(key, known));
    }
  }
}

/// Collects the results of one class; what is thrown is a failure.
class Checks {
 public:
  Checks(ClassReport& report, CheckJournal* journal) : report_(report), journal_(journal) {}

  /// `more_seconds`: beyond the time limit of one check.
  template <class Check>
  bool run(const char* name, const Check& check, unsigned more_seconds = 0) {
    const CheckJournal::Key key{report_.kind + "/" + report_.name, name};
    if (journal_ != nullptr) {
      if (const CheckResult* const known = journal_->result(key)) {
        report_.checks.push_back(*known);
        return known->verdict != CheckVerdict::failed;
      }
      journal_->begin(key);
      ::alarm(journal_->time_limit() == 0 ? 0 : journal_->time_limit() + more_seconds);
    }
    Finding finding{CheckVerdict::failed, {}, {}};
    try {
      finding = check();
    } catch (...) {
      finding = failed("an error is thrown: " + one_line(current_error(ErrorKind::plugin).what()), "see the message");
    }
    report_.checks.push_back({name, finding.verdict, finding.detail, finding.hint});
    if (journal_ != nullptr) {
      ::alarm(0);
      journal_->end(key, report_.checks.back());
    }
    return finding.verdict != CheckVerdict::failed;
  }
  /// Whether the check had come to an end in an earlier process.
  [[nodiscard]] bool known(const char* name) const {
    const CheckJournal::Key key{report_.kind + "/" + report_.name, name};
    return journal_ != nullptr && journal_->result(key) != nullptr && !journal_->crashed(key);
  }
  void skip(const char* name, const std::string& reason) {
    report_.checks.push_back({name, CheckVerdict::not_applicable, reason, {}});
  }

 private:
  static std::string one_line(std::string text) {
    std::string result;
    for (const std::string& line : split(text, '\n'))
      result += (result.empty() ? "" : "; ") + line.substr(std::min(line.find_first_not_of(' '), line.size()));
    return result;
  }
  ClassReport& report_;
  CheckJournal* journal_;
};

constexpr unsigned ranked_seconds = 300;  // the runs on 2 and 4 ranks have a limit of their own

Finding check_ranks(const std::string& class_key, const std::string& alone, const RankedRuns& ranked) {
  if (!ranked.run)
    return ranked.not_run_fails ? failed("not run: " + ranked.reason, "put mpirun into PATH")
                                : not_applicable(ranked.reason);
  for (const int ranks : {2, 4}) {
    const RankedOutcome outcome = ranked.run(class_key, ranks);
    if (outcome.digest.empty())
      return failed(fmt::format("on {} ranks: {}", ranks, outcome.problem),
                    "no process id, rank, clock, rand() or static counter may reach the result");
    if (outcome.digest != alone)
      return failed(
          fmt::format("{} ranks give another result than one process", ranks),
          "weigh rows by row_weights; no process id, rank, clock, rand() or static counter may reach the result");
  }
  return passed("1, 2 and 4 ranks: the same bits");
}

std::string digest_of(const Offer<Regularizer>& offer, const config::Value& table, const ConformanceBench& bench,
                      Communicator& communicator) {
  BenchRun run(bench, communicator, offer.create(table));
  return whole(run).digest();
}
std::string digest_of(const Offer<FreezeStrategy>& offer, const config::Value& table, const ConformanceBench& bench,
                      Communicator& /*communicator*/) {
  return selection_digest(offer.create(table)->select(bench.model().table()));
}
std::string digest_of(const Offer<Probe>& offer, const config::Value& table, const ConformanceBench& bench,
                      Communicator& communicator) {
  return hash_hex(probe_digest(bench, communicator, [&] { return offer.create(table); }));
}

constexpr const char* not_repeatable = "not repeatable in one process, so nothing can be said";

// The checks of a class but for that of ranks; whether it was repeatable, without which that one says nothing.

bool run_checks(const Offer<Regularizer>& offer, const config::Value& table, const ConformanceBench& bench,
                Communicator& alone, Checks& checks) {
  const RegularizerTrial trial = make_trial(offer, table, bench, alone);
  const bool repeatable = checks.run("repeatable", [&] { return check_repeatable(trial); });
  const auto run = [&](const char* name, Finding (*check)(const RegularizerTrial&), bool needs_repeatable = true) {
    if (repeatable || !needs_repeatable) {
      checks.run(name, [&] { return check(trial); });
    } else {
      checks.skip(name, not_repeatable);
    }
  };
  run("gradient", check_gradient);
  run("strength 0", check_strength_zero, false);
  run("frozen", check_frozen, false);
  run("acts", check_acts);
  run("instances", check_instances);
  run("resume", check_resume);
  return repeatable;
}

bool run_checks(const Offer<FreezeStrategy>& offer, const config::Value& table, const ConformanceBench& bench,
                Communicator& alone, Checks& checks) {
  const Create<FreezeStrategy> create = [&] { return offer.create(table); };
  const bool repeatable = checks.run("repeatable", [&] { return check_selection_repeatable(bench, create); });
  checks.run("selection", [&] { return check_selection(bench, create); });
  checks.run("frozen", [&] { return check_selection_trains(bench, alone, create); });
  return repeatable;
}

bool run_checks(const Offer<Probe>& offer, const config::Value& table, const ConformanceBench& bench,
                Communicator& alone, Checks& checks) {
  const Create<Probe> create = [&] { return offer.create(table); };
  const bool repeatable = checks.run("repeatable", [&] { return check_probe_repeatable(bench, alone, create); });
  checks.run("measurements", [&] { return check_measurements(bench, alone, create); });
  checks.run("leaves weights", [&] { return check_probe_leaves_weights(bench, alone, create); });
  return repeatable;
}

}  // namespace

std::vector<ClassReport> check_conformance(const LoadedPlugin& plugin, std::span<const std::string> overrides,
                                           const RankedRuns& ranked, CheckJournal* journal) {
  check_overrides(plugin, overrides);
  const ConformanceBench bench;
  const std::unique_ptr<Communicator> alone = make_single_process();
  std::vector<ClassReport> reports;
  for_each_class(plugin, [&]<class Base>(const Offer<Base>& offer) {
    ClassReport& report = reports.emplace_back(ClassReport{kind_of<Base>, offer.name, {}, {}});
    Checks checks(report, journal);
    config::Value table;
    bool made = false;
    const auto make = [&] {
      table = table_for(offer, overrides);
      try {
        report.parameters = config::inline_toml(offer.resolve(table));
        static_cast<void>(offer.create(table));
        made = true;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::config) throw;
        return failed(
            "the class cannot be made: " + error.message(),
            "give parameters with --set key=value, or declare some: registrar...(...).example(\"key = value\")");
      }
      return passed("");
    };
    const bool again = checks.known("parameters");
    checks.run("parameters", [&] {
      Finding finding = make();
      return finding.verdict == CheckVerdict::passed ? check_keys(offer, table) : finding;
    });
    if (again) {
      try {
        static_cast<void>(make());
      } catch (...) {
        made = false;  // as it was then
      }
    }
    // A class that cannot be made has nothing to check; one whose keys are wrong can still be tried.
    if (!made) return;
    checks.run("before training", [&] {
      return check_before_training(std::string(kind_of<Base>) + "." + offer.name, offer, table, bench);
    });
    if (!run_checks(offer, table, bench, *alone, checks)) return checks.skip("ranks", not_repeatable);
    checks.run(
        "ranks", [&] { return check_ranks(key_of(offer), digest_of(offer, table, bench, *alone), ranked); },
        ranked_seconds);
  });
  return reports;
}

std::string conformance_digest(const LoadedPlugin& plugin, std::span<const std::string> overrides,
                               const std::string& class_key, Communicator& communicator) {
  const ConformanceBench bench;
  std::string digest;
  for_each_class(plugin, [&]<class Base>(const Offer<Base>& offer) {
    if (class_key == key_of(offer)) digest = digest_of(offer, table_for(offer, overrides), bench, communicator);
  });
  if (digest.empty()) throw Error(ErrorKind::config, "the plugin has no class '" + class_key + "'");
  const std::vector<std::string> all = communicator.all_gather(digest);
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] != all[0])
      throw Error(ErrorKind::plugin, fmt::format("rank {} has another result than rank 0", rank)).at(class_key);
  }
  return digest;
}

}  // namespace stet
