#include <stet/plan/check/data_present.hpp>

#include <stet/world/entity_questions_world.hpp>

#include <set>
#include <tuple>

namespace stet {

void check_data_present(const Plan& plan) {
  using Files = std::tuple<std::string, std::vector<std::string>, EntityQuestionsSplit, EntityQuestionsSplit>;
  std::set<Files> seen;  // arms share their data
  const auto look = [&seen](const DataConfig& data) {
    if (data.world != WorldKind::entity_questions) return;
    const EntityQuestionsOptions& o = data.entity_questions;
    if (seen.emplace(o.path, o.relations, o.base_from, o.new_from).second) check_entity_questions_files(o);
  };
  for (const PlannedBase& base : plan.bases) look(base.config.data);
  for (const PlannedLabels& labels : plan.labels) look(labels.config.data);
  for (const PlannedRun& run : plan.runs) look(run.config.data);
}

}  // namespace stet
