// An experiment of seconds: one base model, two arms of one phase, two seeds.
#pragma once

#include <string>

namespace stet::e2e {

/// Its text; the second arm trains at another rate than the first.
inline std::string small_experiment(const std::string& second_arm, const std::string& learning_rate) {
  return "inherit = \"" STET_SOURCE_DIR R"(/tests/e2e/world.toml"
[experiment]
name = "small"
seeds = 2
[pretrain]
epochs = 2
[[phase]]
name = "facts"
epochs = 2
[[arm]]
name = "sft"
[[arm]]
name = ")" +
         second_arm + R"("
[arm.train]
learning_rate = )" +
         learning_rate + R"(
[table]
title = "Small"
[[table.column]]
label = "Unknown"
set = "unknown"
)";
}

}  // namespace stet::e2e
