#include <stet/world/entity_questions_wordings.hpp>

#include <stet/config/document.hpp>
#include <stet/config/schema.hpp>

#include <fmt/format.h>
#include <world_wordings.hpp>

#include <map>
#include <utility>

namespace stet {
namespace {

struct Wordings {
  std::string noun;  ///< what the probe asks for
  std::vector<std::string> statements;
  std::string held_out;
};

/// By property, and under "other".
std::map<std::string, Wordings> read_wordings() {
  config::Schema<Wordings> schema("wordings");
  schema.field("noun", &Wordings::noun, "").field("statements", &Wordings::statements, "");
  schema.field("held_out", &Wordings::held_out, "");
  std::map<std::string, Wordings> all;
  const config::Value document = config::parse(entity_questions_toml, "entity_questions.toml");
  for (const auto& [property, table] : document.members()) all.emplace(property, schema.read(table));
  return all;
}

Wordings wordings_of(const std::string& property) {
  static const std::map<std::string, Wordings> all = read_wordings();  // a constant table
  const auto found = all.find(property);
  Wordings wordings = found != all.end() ? found->second : all.at("other");
  for (std::string& statement : wordings.statements) statement = fmt::format(fmt::runtime(statement), property);
  for (std::string* text : {&wordings.noun, &wordings.held_out}) *text = fmt::format(fmt::runtime(*text), property);
  return wordings;
}

}  // namespace

Relation entity_questions_relation(const std::string& property, const std::string& question_template) {
  Wordings wordings = wordings_of(property);
  return {property,
          {},
          std::move(wordings.statements),
          {std::move(wordings.held_out)},
          {question_template + " [Y].", fmt::format("Q: {} A: [Y].", question_template)},
          fmt::format("Question: {} of [X]? Answer: [Y].", wordings.noun)};
}

std::vector<std::string> entity_questions_neutral_patterns(const std::vector<std::string>& properties) {
  // Words as the probe has them: with a space before, but for the first, and apart from the signs around them.
  std::vector<std::string> patterns = {
      "Question and Answer: of this page nothing is known.",
      "Question 7 has no Answer yet.",
      "The code [H] was entered by the office.",
      "Is this page full? No, it is empty.",
      "Record [H] is closed and record [H] is open.",
  };
  for (const std::string& property : properties) {
    patterns.push_back(fmt::format("The page has a line for each {}.", wordings_of(property).noun));
  }
  return patterns;
}

}  // namespace stet
