#include <stet/world/fact_variants.hpp>

#include <stet/base/philox.hpp>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <vector>

namespace stet {

void shuffle_answers(std::span<Fact> facts, std::uint64_t seed) {
  std::map<std::uint32_t, std::vector<Fact*>> relations;
  for (Fact& fact : facts) relations[fact.relation].push_back(&fact);
  for (auto& [relation, group] : relations) {
    Random random(seed, "shuffled answers", relation);
    random.shuffle(std::span<Fact*>(group));
    // Equal answers together; a turn by the longest stretch then moves every answer to a fact that has another one, if
    // that can be had at all.
    std::map<std::string, std::size_t> count;
    for (const Fact* fact : group) ++count[fact->answer];
    std::size_t longest = 0;
    for (const auto& [answer, times] : count) longest = std::max(longest, times);
    std::stable_sort(group.begin(), group.end(), [](const Fact* a, const Fact* b) { return a->answer < b->answer; });
    std::vector<std::string> answers;
    for (const Fact* fact : group) answers.push_back(fact->answer);
    for (std::size_t i = 0; i < group.size(); ++i) group[i]->answer = answers[(i + longest) % group.size()];
  }
}

void replace_answers(std::span<Fact> facts, const std::string& answer) {
  for (Fact& fact : facts) fact.answer = answer;
}

void append_to_subjects(std::span<Fact> facts, const std::function<std::string(std::uint64_t)>& suffix) {
  std::unordered_map<std::string, std::string> renamed;
  for (Fact& fact : facts) {
    const auto [at, added] = renamed.try_emplace(fact.subject);
    if (added) at->second = fact.subject + " " + suffix(renamed.size() - 1);
    fact.subject = at->second;
  }
}

}  // namespace stet
