// What an experiment reads from outside, looked for before anything starts.
#pragma once

#include <stet/plan/plan.hpp>

namespace stet {

/// Looks whether the data is there that the plan's bases, labels and runs are made from, and reads nothing large. Not
/// collective. Throws Error (data) that says where to get it, or Error (config) for a relation or split that the data
/// does not have.
void check_data_present(const Plan& plan);

}  // namespace stet
