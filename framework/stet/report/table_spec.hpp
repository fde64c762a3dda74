// A table's declaration from the [table] part of an experiment's TOML file.
#pragma once

#include <stet/report/table.hpp>

#include <span>
#include <string>
#include <utility>

namespace stet::config {
class Value;
}

namespace stet::report {

/// Reads (in parentheses: optional, with the default)
///     [table]  title = "..."                  (bootstrap_draws = 10000, bootstrap_seed = 1, confidence = 0.95,
///     certification = false)
///     [[table.column]]   label = set =                     (measure = "final_accuracy", percent = true)
///     [[table.compare]]  arm = baseline = set =            (measure = "final_accuracy")
///     [[table.claim]]    text = arm = set = direction =    (baseline, measure = "final_accuracy", margin = 0)
///     [[table.matched]]  label = arm = baseline = set = at =   (measure = "forgetting", accuracy = "baseline" or a
///                                                              number, family = [arms of a sweep])
///     [[table.front]]    label = arms = set = at =             (whole = false)
///     [[table.share]]    label = arm = reference = baseline = set =  (measure = "forgetting", at, accuracy)
///     [[table.regression]]  set = arms = interference =        (label, outcome = "forgotten", confounds, mediator,
///                                                              raises = [], lowers = [], arm_effects = true, ridge =
///                                                              1, draws = 1000)
/// A comparison or claim may be of two differences, (arm - baseline) - (than.arm - than.baseline): than = { arm =
/// "...", baseline = "..." (, set) }. A column, comparison or claim with measure "recorded" or "recorded_start" names
/// an array = that runs record beside the outcomes of its set, such as "drift.drift". Lists of arms take patterns such
/// as "sd@*". A matched accuracy without a number is the baseline's own at its end. `arms` (name, label) become the
/// rows; `sets` are the fact sets that runs evaluate. Throws Error (config) at the file and line for an unknown key,
/// arm, set, measure or direction (with a suggestion), and for a claim that cannot be judged.
[[nodiscard]] TableSpec read_table_spec(const config::Value& table,
                                        std::span<const std::pair<std::string, std::string>> arms,
                                        std::span<const std::string> sets);

}  // namespace stet::report
