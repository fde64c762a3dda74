// What giving one answer to everything would reach: an accuracy on facts that share answers ("United States" for half
// of all places) says little without it.
#pragma once

#include <stet/outcomes/outcomes_file.hpp>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace stet::report {

/// Extra arrays of a set, [facts] of 0 or 1: whether the fact's answer is the set's own commonest, and whether it is
/// the commonest of all that was trained. Their means are the accuracies of always giving that answer.
inline constexpr char commonest_of_set[] = "commonest_answer", commonest_in_training[] = "commonest_in_training";

/// Adds both arrays to every set of `outcomes`. `answers`: of each set's facts, in their order (assertion). `trained`:
/// the sets that some phase trains on; with none, the second array is left out. Of equally common answers the first in
/// the order of the alphabet counts.
void add_answer_baselines(OutcomeRecord& outcomes, const std::map<std::string, std::vector<std::string_view>>& answers,
                          const std::set<std::string>& trained);

}  // namespace stet::report
