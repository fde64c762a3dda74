#include <stet/world/world_schemas.hpp>

namespace stet {
namespace {

using config::every_part;
using config::IdentityPart;

/// New facts never touch the text of pre-training.
constexpr config::Parts new_facts = IdentityPart::labels | IdentityPart::run;

config::Limits share() {
  config::Limits limits;
  limits.min = 0;
  limits.max = 1;
  return limits;
}

config::Limits neutral_limits() {
  config::Limits limits;
  limits.min = 0;
  limits.max = 0.9;
  limits.open_min = true;
  return limits;
}

config::Limits count(double least, double most) {
  config::Limits limits;
  limits.min = least;
  limits.max = most;
  return limits;
}

}  // namespace

config::IdentitySchema<SyntheticWorldOptions> synthetic_world_schema() {
  using O = SyntheticWorldOptions;
  using Id = config::Identity<O>;
  config::IdentitySchema<O> schema("synthetic world", "made-up people, relations and wordings");
  schema.field("seed", &O::seed, every_part, "seed of names, answers and pre-training text");
  schema.field("entities", &O::entities, every_part, "people in pre-training; facts are people x relations",
               count(1, 1e7));
  schema.field("relations", &O::relations, every_part, "number of relations", count(1, 10));
  schema.field("answers_min", &O::answers_min, every_part, "smallest answer pool", count(2, 1e4));
  schema.field("answers_max", &O::answers_max, every_part, "largest answer pool", count(2, 1e4));
  schema.field("countries", &O::countries, every_part, "size of the first relation's pool, \"country\"", count(2, 1e4));
  schema.field("first_names", &O::first_names, every_part, "number of first-name tokens", count(1, 1e5));
  schema.field("last_names", &O::last_names, every_part, "number of last-name tokens", count(1, 1e5));
  schema.field("asked_fraction", &O::asked_fraction, every_part,
               "share of the people about whom pre-training asks questions", share());
  schema.field("question_share", &O::question_share, every_part,
               "share of questions among the examples of an asked fact", share());
  schema.field("neutral_share", &O::neutral_share, every_part, "share of pre-training examples that state no fact",
               neutral_limits());
  schema.field("records", &O::records, Id(every_part).came_later(),
               "UUID-like keys with a word each that pre-training shows beside the people; 0: none", count(0, 1e7));
  schema.field("new_entities", &O::new_entities, new_facts, "people who are taught later", count(0, 1e7));
  schema.choice("new_keys", &O::new_keys, new_facts, {{"semantic", NewKeys::semantic}, {"uuid", NewKeys::uuid}},
                "how new people are named: like the old ones, or by hexadecimal characters");
  schema.field("overlap", &O::overlap, new_facts, "share of new people's name tokens that old people have too",
               share());
  schema.choice("answer_region", &O::answer_region, new_facts,
                {{"matched", AnswerRegion::matched}, {"concentrated", AnswerRegion::concentrated}},
                "new answers: as the old ones, or from one half of each pool");
  schema.field("new_per_entity", &O::new_per_entity, new_facts, "new facts a new person; 0: one in every relation",
               count(0, 10));
  schema.field("new_relation", &O::new_relation, Id(new_facts).came_later(),
               "the one relation of all new facts; empty: all relations");
  schema.field("frequency_exponent", &O::frequency_exponent, Id(every_part).came_later(),
               "the r-th person is shown in pre-training in proportion to r to the minus this; 0: all equally often",
               count(0, 4));
  return schema;
}

config::IdentitySchema<EntityQuestionsOptions> entity_questions_schema() {
  using O = EntityQuestionsOptions;
  using Id = config::Identity<O>;
  // Drawn from one split, base facts are what the new ones leave.
  const auto one_pool = [](const O& options) { return options.base_from == options.new_from; };
  config::IdentitySchema<O> schema("EntityQuestions world", "facts of the EntityQuestions data set");
  schema.field("path", &O::path, config::no_part, "folder of the data; empty: the environment variable STET_DATA");
  schema.field("relations", &O::relations, every_part, "Wikidata properties");
  schema.field("facts_per_relation", &O::facts_per_relation, every_part, "base facts of each relation", count(1, 1e7));
  schema.field("new_per_relation", &O::new_per_relation, Id(new_facts).and_if(IdentityPart::base, one_pool),
               "new facts of each relation", count(0, 1e7));
  const std::vector<std::pair<std::string, EntityQuestionsSplit>> splits = {
      {"train", EntityQuestionsSplit::train},
      {"test", EntityQuestionsSplit::test},
      {"no-overlap", EntityQuestionsSplit::no_overlap}};
  schema.choice("base_from", &O::base_from, Id(every_part).came_later(), splits, "published split of the base facts");
  schema.choice("new_from", &O::new_from, Id(new_facts).and_if(IdentityPart::base, one_pool).came_later(), splits,
                "published split of the new facts; no-overlap: subjects that hardly share a word with those of test");
  schema.field("seed", &O::seed, every_part, "seed of the split and of the pre-training text");
  schema.field("asked_fraction", &O::asked_fraction, every_part,
               "share of the subjects about which pre-training asks questions", share());
  schema.field("question_share", &O::question_share, every_part,
               "share of questions among the examples of an asked fact", share());
  schema.field("neutral_share", &O::neutral_share, every_part, "share of pre-training examples that state no fact",
               neutral_limits());
  schema.field("vocabulary", &O::vocabulary, every_part, "size of the byte-level BPE vocabulary", count(257, 1e6));
  schema.field("drop_ambiguous", &O::drop_ambiguous, every_part, "leave out questions with several answers");
  schema.field("without_test_subjects", &O::without_test_subjects, Id(every_part).came_later(),
               "leave out facts whose subject a question of the test split is about, of any relation (Gekhman et al.)");
  schema.field("max_subject_chars", &O::max_subject_chars, every_part, "longer subjects are left out", count(1, 1e4));
  return schema;
}

config::IdentitySchema<FactsOptions> facts_schema() {
  using O = FactsOptions;
  config::IdentitySchema<O> schema("facts", "questions of the user's own");
  schema.field("files", &O::files, config::no_part,
               "JSON lines of {question, answer or answers, subject, relation}; relative to this file");
  schema.field("seed", &O::seed, every_part, "of the choice of the questions that few-shot prompts show");
  schema.field("development", &O::development, every_part,
               "share of each relation's questions that few-shot prompts show and that are in no set", share());
  return schema;
}

}  // namespace stet
