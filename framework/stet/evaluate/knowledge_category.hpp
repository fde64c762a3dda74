// What a model knows about a fact, from how often it answers right: the categories of SLiCK (Gekhman et al. 2024, arXiv
// 2405.05904, section 3).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace stet {

enum class KnowledgeCategory : std::uint8_t { highly_known, maybe_known, weakly_known, unknown };
inline constexpr int knowledge_category_count = 4;

[[nodiscard]] std::string_view name_of(KnowledgeCategory category);  ///< "HighlyKnown", ...
[[nodiscard]] std::optional<KnowledgeCategory> parse_knowledge_category(std::string_view name);

/// How answers become categories.
enum class KnowledgeRule {
  slick,  ///< HighlyKnown: every greedy answer right; MaybeKnown: some; WeaklyKnown: a sampled one only; Unknown: none
  always_never,  ///< of the samples alone (arXiv 2604.15574 draws 20): HighlyKnown: all right; Unknown: none; else
                 ///< MaybeKnown
};

/// `greedy_right` of `greedy` greedy answers and `samples_right` of `samples` sampled ones were right.
[[nodiscard]] KnowledgeCategory categorize(KnowledgeRule rule, std::int64_t greedy_right, std::int64_t greedy,
                                           std::int64_t samples_right, std::int64_t samples);

}  // namespace stet
