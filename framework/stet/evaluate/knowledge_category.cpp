#include <stet/evaluate/knowledge_category.hpp>

#include <stet/base/error.hpp>

#include <array>

namespace stet {

namespace {
constexpr std::array<std::string_view, knowledge_category_count> names = {"HighlyKnown", "MaybeKnown", "WeaklyKnown",
                                                                          "Unknown"};
}

std::string_view name_of(KnowledgeCategory category) { return names[static_cast<std::size_t>(category)]; }

std::optional<KnowledgeCategory> parse_knowledge_category(std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<KnowledgeCategory>(i);
  }
  return std::nullopt;
}

KnowledgeCategory categorize(KnowledgeRule rule, std::int64_t greedy_right, std::int64_t greedy,
                             std::int64_t samples_right, std::int64_t samples) {
  STET_ASSERT(0 <= greedy_right && greedy_right <= greedy && 0 <= samples_right && samples_right <= samples);
  STET_ASSERT(rule == KnowledgeRule::slick ? greedy > 0 : samples > 0);
  const std::int64_t right = rule == KnowledgeRule::slick ? greedy_right : samples_right,
                     all = rule == KnowledgeRule::slick ? greedy : samples;
  if (right == all) return KnowledgeCategory::highly_known;
  if (right > 0) return KnowledgeCategory::maybe_known;
  return rule == KnowledgeRule::slick && samples_right > 0 ? KnowledgeCategory::weakly_known
                                                           : KnowledgeCategory::unknown;
}

}  // namespace stet
