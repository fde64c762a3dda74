// [table] against what the runs of a plan will record.
#pragma once

#include <stet/plan/plan.hpp>

namespace stet {

/// Throws Error (config), placed at the entry, where the table shows a set that has no facts in an arm it is about,
/// stops early by a validation set that an arm has not, or reads an array of a probe that no arm has: such a table
/// could not be made, after every run had finished.
void check_table(const Plan& plan);

}  // namespace stet
