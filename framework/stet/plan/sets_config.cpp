#include <stet/plan/sets_config.hpp>

#include <stet/base/error.hpp>
#include <stet/evaluate/knowledge_category.hpp>

#include <algorithm>
#include <utility>

namespace stet {

SetSizes SetsConfig::sizes() const {
  const auto size = [](std::int64_t count) { return static_cast<std::size_t>(count); };
  return {size(known),      size(unknown),         size(held),        size(validation),
          size(never_seen), size(out_of_relation), size(per_category)};
}

std::int64_t SetsConfig::facts() const {
  return known + unknown + held + validation + never_seen + out_of_relation + 3 * per_category;
}

std::vector<std::string> SetsConfig::names() const {
  std::vector<std::string> names = {"known", "unknown", "held", "validation"};
  if (never_seen > 0) names.emplace_back("never_seen");
  if (out_of_relation > 0) names.emplace_back("out_of_relation");
  if (per_category > 0) names.insert(names.end(), {"highly_known", "maybe_known", "weakly_known"});
  return names;
}

std::int64_t SetsConfig::size_of(const std::string& name) const {
  for (const auto& [set, size] : {std::pair<const char*, std::int64_t>{"known", known},
                                  {"unknown", unknown},
                                  {"held", held},
                                  {"validation", validation},
                                  {"never_seen", never_seen},
                                  {"out_of_relation", out_of_relation},
                                  {"highly_known", per_category},
                                  {"maybe_known", per_category},
                                  {"weakly_known", per_category}}) {
    if (name == set) return size;
  }
  return 0;
}

config::IdentitySchema<SetsConfig> sets_schema() {
  using config::IdentityPart;
  using config::Limits;
  config::IdentitySchema<SetsConfig> schema("sets", "fact sets");
  schema.field("known", &SetsConfig::known, IdentityPart::run, "known facts to train on", Limits{.min = 0})
      .field("unknown", &SetsConfig::unknown, IdentityPart::run, "new facts to train on", Limits{.min = 0})
      .field("held", &SetsConfig::held, IdentityPart::run, "known facts never trained on", Limits{.min = 1})
      .field("validation", &SetsConfig::validation, IdentityPart::run, "known facts to stop a phase by",
             Limits{.min = 0})
      .field("never_seen", &SetsConfig::never_seen, IdentityPart::run, "new facts about people whom nothing shows",
             Limits{.min = 0})
      .field("out_of_relation", &SetsConfig::out_of_relation, IdentityPart::run, "known facts of held_out_relations",
             Limits{.min = 0})
      .field("per_category", &SetsConfig::per_category, IdentityPart::run,
             "with labels = slick: facts in each of the sets highly_known, maybe_known and weakly_known",
             Limits{.min = 0})
      .field("held_out_relations", &SetsConfig::held_out_relations, IdentityPart::run,
             "relations whose facts are in out_of_relation alone")
      .field("held_out_known", &SetsConfig::held_out_known,
             config::Identity<SetsConfig>(IdentityPart::run).came_later(),
             "known facts may be of them too: only new facts are not")
      .choice("labels", &SetsConfig::labels, IdentityPart::run, {{"recall", Labels::recall}, {"slick", Labels::slick}},
              "what makes a fact known: recall of statements, or SLiCK")
      .field("categories", &SetsConfig::categories, IdentityPart::run,
             "with labels = slick: categories of known, held and validation facts")
      .field("known_categories", &SetsConfig::known_categories, IdentityPart::run,
             "with labels = slick: categories of known facts; empty: `categories`")
      .field("held_categories", &SetsConfig::held_categories, IdentityPart::run,
             "with labels = slick: categories of held and validation facts; empty: `categories`")
      .field("knowledge", &SetsConfig::knowledge, IdentityPart::run,
             "share of wordings completed right for a fact to be known", Limits{.min = 0, .max = 1})
      .choice("subjects", &SetsConfig::subjects, IdentityPart::run,
              {{"all", Subjects::all}, {"asked", Subjects::asked}, {"not_asked", Subjects::not_asked}},
              "whose facts, by whether pre-training asked about them")
      .choice("unknown_labels", &SetsConfig::unknown_labels, IdentityPart::run,
              {{"true", UnknownLabels::truth}, {"shuffled", UnknownLabels::shuffled}, {"idk", UnknownLabels::idk}},
              "answers that unknown facts are trained with: their own, others', or that the answer is not known")
      .choice("known_keys", &SetsConfig::known_keys, IdentityPart::run,
              {{"plain", KnownKeys::plain}, {"suffix", KnownKeys::suffix}},
              "subjects of known facts: as they are, or with a UUID-like key behind them")
      .field("match", &SetsConfig::match, IdentityPart::run,
             "match held to known facts, and unknown to held ones, on names and likelihoods")
      .field("max_answer_share", &SetsConfig::max_answer_share,
             config::Identity<SetsConfig>(IdentityPart::run).came_later(),
             "at most this share of a set's facts has the same answer; below 1 the sets are also alike in answers",
             Limits{.min = 0, .max = 1, .open_min = true})
      .field("seed", &SetsConfig::seed, IdentityPart::run, "of the draw");
  return schema;
}

void check_sets(const SetsConfig& sets, const config::Value& table) {
  const auto place = [&table](const char* key) -> const config::Value& {
    const config::Value* value = table.find(key);
    return value != nullptr ? *value : table;
  };
  for (const auto& [key, list] :
       {std::pair<const char*, const std::vector<std::string>&>{"categories", sets.categories},
        {"known_categories", sets.known_categories},
        {"held_categories", sets.held_categories}}) {
    for (const std::string& category : list) {
      if (parse_knowledge_category(category)) continue;
      throw error_at(place(key), "no SLiCK category is named '" + category + "'")
          .expected("HighlyKnown, MaybeKnown, WeaklyKnown or Unknown");
    }
    if (&list != &sets.categories && !list.empty() && sets.labels != Labels::slick) {
      throw error_at(place(key), std::string("sets.") + key + " needs SLiCK labels")
          .expected("labels = \"slick\"")
          .received("labels = \"recall\"");
    }
  }
  if (sets.per_category > 0 && sets.labels != Labels::slick) {
    throw error_at(place("per_category"), "sets.per_category needs SLiCK labels")
        .expected("labels = \"slick\"")
        .received("labels = \"recall\"");
  }
  if (sets.out_of_relation > 0 && sets.held_out_relations.empty()) {
    throw error_at(place("out_of_relation"), "sets.out_of_relation has no relation to draw from")
        .hint("name the relations that fine-tuning never shows: held_out_relations = [\"...\"]");
  }
  if (sets.held_out_known && sets.held_out_relations.empty()) {
    throw error_at(place("held_out_known"), "sets.held_out_known without sets.held_out_relations")
        .hint("name the relations that new facts lack");
  }
  if (sets.match && (sets.known == 0 || sets.unknown == 0)) {
    throw error_at(place("match"), "sets.match needs known and unknown facts")
        .expected("sets.known and sets.unknown above 0");
  }
  if (sets.match && sets.max_answer_share < 1) {
    throw error_at(place("max_answer_share"), "sets.match and sets.max_answer_share draw the same sets by two rules")
        .hint("leave one of them out");
  }
}

}  // namespace stet
