#include <stet/data/world_schemas.hpp>

namespace stet {
namespace {

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

config::Schema<SyntheticWorldOptions> synthetic_world_schema() {
  using O = SyntheticWorldOptions;
  config::Schema<O> schema("synthetic world", "made-up people, relations and wordings");
  schema.field("seed", &O::seed, "seed of names, answers and pre-training text");
  schema.field("entities", &O::entities, "people in pre-training; facts are people x relations", count(1, 1e7));
  schema.field("relations", &O::relations, "number of relations", count(1, 10));
  schema.field("answers_min", &O::answers_min, "smallest answer pool", count(2, 1e4));
  schema.field("answers_max", &O::answers_max, "largest answer pool", count(2, 1e4));
  schema.field("countries", &O::countries, "size of the first relation's pool, \"country\"", count(2, 1e4));
  schema.field("first_names", &O::first_names, "number of first-name tokens", count(1, 1e5));
  schema.field("last_names", &O::last_names, "number of last-name tokens", count(1, 1e5));
  schema.field("asked_fraction", &O::asked_fraction, "share of the people about whom pre-training asks questions",
               share());
  schema.field("question_share", &O::question_share, "share of questions among the examples of an asked fact", share());
  schema.field("neutral_share", &O::neutral_share, "share of pre-training examples that state no fact",
               neutral_limits());
  schema.field("records", &O::records, "UUID-like keys with a word each that pre-training shows beside the people; 0: none", count(0, 1e7));
  schema.field("new_entities", &O::new_entities, "people who are taught later", count(0, 1e7));
  schema.choice("new_keys", &O::new_keys, {{"semantic", NewKeys::semantic}, {"uuid", NewKeys::uuid}},
                "how new people are named: like the old ones, or by hexadecimal characters");
  schema.field("overlap", &O::overlap, "share of new people's name tokens that old people have too", share());
  schema.choice("answer_region", &O::answer_region,
                {{"matched", AnswerRegion::matched}, {"concentrated", AnswerRegion::concentrated}},
                "new answers: as the old ones, or from one half of each pool");
  schema.field("new_per_entity", &O::new_per_entity, "new facts a new person; 0: one in every relation", count(0, 10));
  schema.field("new_relation", &O::new_relation, "the one relation of all new facts; empty: all relations");
  schema.field("frequency_exponent", &O::frequency_exponent,
               "the r-th person is shown in pre-training in proportion to r to the minus this; 0: all equally often",
               count(0, 4));
  return schema;
}

config::Schema<EntityQuestionsOptions> entity_questions_schema() {
  using O = EntityQuestionsOptions;
  config::Schema<O> schema("EntityQuestions world", "facts of the EntityQuestions data set");
  schema.field("path", &O::path, "folder of the data; empty: the environment variable STET_DATA");
  schema.field("relations", &O::relations, "Wikidata properties");
  schema.field("facts_per_relation", &O::facts_per_relation, "base facts of each relation", count(1, 1e7));
  schema.field("new_per_relation", &O::new_per_relation, "new facts of each relation", count(0, 1e7));
  const std::vector<std::pair<std::string, EntityQuestionsSplit>> splits = {
      {"train", EntityQuestionsSplit::train}, {"test", EntityQuestionsSplit::test}, {"no-overlap", EntityQuestionsSplit::no_overlap}};
  schema.choice("base_from", &O::base_from, splits, "published split of the base facts");
  schema.choice("new_from", &O::new_from, splits, "published split of the new facts; no-overlap: subjects that hardly share a word with those of test");
  schema.field("seed", &O::seed, "seed of the split and of the pre-training text");
  schema.field("asked_fraction", &O::asked_fraction, "share of the subjects about which pre-training asks questions",
               share());
  schema.field("question_share", &O::question_share, "share of questions among the examples of an asked fact", share());
  schema.field("neutral_share", &O::neutral_share, "share of pre-training examples that state no fact",
               neutral_limits());
  schema.field("vocabulary", &O::vocabulary, "size of the byte-level BPE vocabulary", count(257, 1e6));
  schema.field("drop_ambiguous", &O::drop_ambiguous, "leave out questions with several answers");
  schema.field("max_subject_chars", &O::max_subject_chars, "longer subjects are left out", count(1, 1e4));
  return schema;
}

}  // namespace stet
