// Which of EntityQuestions' questions become facts of a world, before any are drawn: usable ones, and those that
// few-shot prompts show.
#pragma once

#include <stet/world/entity_questions_world.hpp>
#include <stet/world/world.hpp>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace stet {

/// The file of a relation's split. Throws Error (config) for a split that is not published.
[[nodiscard]] std::filesystem::path entity_questions_split(const std::filesystem::path& folder,
                                                           const std::string& property, EntityQuestionsSplit split);
/// The files of the test split that are there, of all relations, by property.
[[nodiscard]] std::map<std::string, std::filesystem::path> entity_questions_tests(
    const std::filesystem::path& folder, const std::map<std::string, std::string>& templates);

/// The usable facts of all relations, each question text once: "Where is [X] located?" belongs to two relations. With
/// EntityQuestionsOptions::without_test_subjects, `notes` gets a line a relation that says what was left out and why.
[[nodiscard]] std::vector<Fact> read_usable_facts(const EntityQuestionsOptions& options,
                                                  const std::filesystem::path& folder,
                                                  const std::map<std::string, std::string>& templates,
                                                  EntityQuestionsSplit split, std::vector<std::string>& notes);

/// The development split, if the folder has it, without subjects that the world uses.
[[nodiscard]] std::vector<Fact> read_development_facts(const EntityQuestionsOptions& options,
                                                       const std::filesystem::path& folder,
                                                       const std::map<std::string, std::string>& templates,
                                                       const WorldContent& world);

}  // namespace stet
