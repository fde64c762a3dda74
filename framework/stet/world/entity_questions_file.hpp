// Reading the files of EntityQuestions, with errors that name file and line.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

struct EntityQuestion {
  std::string question, subject;
  std::vector<std::string> answers;  ///< at least one; no two are equal, none is blank
};

/// The folder of the data: `path` if it is not empty, else STET_DATA/entity-questions or STET_DATA (the environment
/// variable). Throws Error (data), with a hint where to get the data, unless the templates are there.
[[nodiscard]] std::filesystem::path find_entity_questions(const std::string& path);

/// Throws Error (data), with the same hint, that names those of the files below `folder` that are not there.
void require_entity_questions_files(const std::filesystem::path& folder,
                                    const std::vector<std::filesystem::path>& files);

/// Property to question with "[X]", from `folder`/relation_query_templates.json.
[[nodiscard]] std::map<std::string, std::string> read_question_templates(const std::filesystem::path& folder);

/// A list of {question, answers}; `question_template` is "Where was [X] born?". Throws Error (data) at file:line for an
/// item that is malformed or does not follow the template.
[[nodiscard]] std::vector<EntityQuestion> read_entity_questions(const std::filesystem::path& file,
                                                                std::string_view question_template);

}  // namespace stet
