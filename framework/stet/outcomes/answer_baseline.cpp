#include <stet/base/error.hpp>
#include <stet/outcomes/answer_baseline.hpp>

#include <algorithm>
#include <cstddef>

namespace stet::report {
namespace {

using AnswerCounts = std::map<std::string_view, std::size_t>;

std::string_view commonest(const AnswerCounts& counts) {
  return std::max_element(counts.begin(), counts.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

std::vector<float> equal_to(std::string_view answer, const std::vector<std::string_view>& answers) {
  std::vector<float> equal;
  for (const std::string_view one : answers) equal.push_back(one == answer ? 1.0F : 0.0F);
  return equal;
}

}  // namespace

void add_answer_baselines(OutcomeRecord& outcomes, const std::map<std::string, std::vector<std::string_view>>& answers,
                          const std::set<std::string>& trained) {
  AnswerCounts in_training;
  for (const auto& [set, list] : answers) {
    if (!trained.contains(set)) continue;
    for (const std::string_view answer : list) ++in_training[answer];
  }
  for (auto& [name, set] : outcomes.sets) {
    const std::vector<std::string_view>& list = answers.at(name);
    STET_ASSERT(list.size() == set.fact_ids.size());
    AnswerCounts here;
    for (const std::string_view answer : list) ++here[answer];
    if (here.empty()) continue;
    set.extra[commonest_of_set] = equal_to(commonest(here), list);
    if (!in_training.empty()) set.extra[commonest_in_training] = equal_to(commonest(in_training), list);
  }
}

}  // namespace stet::report
