// The arms of an experiment file: what stands above them, their own keys and the command line's, merged; and the points
// of their sweeps.
#pragma once

#include <stet/config/value.hpp>

#include <string>
#include <vector>

namespace stet {

struct Arm {
  std::string name, label;  ///< with the sweep point, if there is one: "sft@train.learning_rate=0.0001"
  config::Value table;      ///< merged
};

/// Names of experiments and arms become folders.
[[nodiscard]] bool is_folder_name(const std::string& name);
/// Without control characters, which would reach the terminal.
[[nodiscard]] bool is_printable(const std::string& text);

/// Every arm at every combination of values of the file's [sweep], then of the arm's own. `document` is the file with
/// `overrides` applied (for arms, sweeps and what is no arm's matter), `plain` the file without them.
///
/// An override wins over the file, an arm's own keys included; one that names an arm (arm.NAME.key) wins over one that
/// does not. An override of a plugin's table that only some arms have reaches those arms alone.
///
/// Throws Error (config) at the place: no arm, two of one name, a sweep that is not a list of values, names a point
/// twice, is of a key that [sweep] or the command line sets too, or does not quote its key.
[[nodiscard]] std::vector<Arm> expand_arms(const config::Value& plain, const config::Value& document,
                                           const std::vector<std::string>& overrides);

}  // namespace stet
