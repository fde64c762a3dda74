// Small tables, for tests.
#pragma once

#include <stet/report/table.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "unit/outcomes/synthetic.hpp"

namespace stet::report {

/// `facts` facts, each a stratum of its own: no sampling of facts, so that intervals can be known by hand.
inline Trajectory fixed(std::uint32_t right, std::uint32_t facts) {
  Trajectory t = share(right, facts);
  for (std::uint32_t i = 0; i < facts; ++i) t.stratum[i] = i;
  return t;
}

inline TableSpec two_arms() {
  TableSpec spec;
  spec.title = "Two arms";
  spec.arms = {{"sd", "Self-distillation"}, {"sft", "Fine-tuning"}};
  spec.columns = {{"Held", "held", Measure::final_accuracy, true}};
  spec.comparisons = {{"sd", "sft", "held", Measure::final_accuracy}};
  spec.bootstrap.draws = 420;
  return spec;
}

inline bool has_note(const Table& table, const std::string& part) {
  return std::any_of(table.notes.begin(), table.notes.end(),
                     [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

inline ClaimSpec claim(Direction direction, double margin, std::string baseline = "sft") {
  return {"a claim", "sd", std::move(baseline), "held", Measure::final_accuracy, direction, margin};
}

}  // namespace stet::report
