#include <stet/world/entity_questions_file.hpp>

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/base/utf8.hpp>
#include <stet/config/json.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

namespace stet {
namespace {

constexpr char templates_name[] = "relation_query_templates.json";
constexpr char hint[] =
    "get dataset.zip and relation_query_templates.json from https://github.com/princeton-nlp/EntityQuestions, put "
    "the folders of the one (train/, test/ and so on) and the templates into one folder, and name it by --set "
    "data.path=FOLDER or the environment variable STET_DATA";

}  // namespace

std::filesystem::path find_entity_questions(const std::string& path) {
  std::filesystem::path folder = path;
  if (path.empty()) {
    const char* variable = std::getenv("STET_DATA");
    if (variable == nullptr || *variable == '\0') {
      throw Error(ErrorKind::data, "the place of the EntityQuestions data is not given").hint(hint);
    }
    folder = variable;
    std::error_code ignored;
    if (std::filesystem::exists(folder / "entity-questions" / templates_name, ignored)) folder /= "entity-questions";
  }
  std::error_code ignored;
  if (!std::filesystem::exists(folder / templates_name, ignored)) {
    throw Error(ErrorKind::data, "the EntityQuestions data is not there")
        .at(folder.string())
        .expected(fmt::format("a folder with {} and train/", templates_name))
        .hint(hint);
  }
  return folder;
}

void require_entity_questions_files(const std::filesystem::path& folder,
                                    const std::vector<std::filesystem::path>& files) {
  constexpr std::size_t shown = 4;
  std::string names;
  std::size_t missing = 0;
  for (const std::filesystem::path& file : files) {
    std::error_code ignored;
    if (std::filesystem::exists(file, ignored) || ++missing > shown) continue;
    names += (names.empty() ? "" : ", ") + file.lexically_relative(folder).string();
  }
  if (missing == 0) return;
  if (missing > shown) names += fmt::format(" and {} more", missing - shown);
  throw Error(ErrorKind::data, "files of the EntityQuestions data are missing: " + names)
      .at(folder.string())
      .hint(hint);
}

std::map<std::string, std::string> read_question_templates(const std::filesystem::path& folder) {
  const std::string file = (folder / templates_name).string();
  const nlohmann::json root = parse_json(read_file(file), file);
  if (!root.is_object()) {
    throw Error(ErrorKind::data, "malformed question templates")
        .at(file)
        .expected("an object of property: question")
        .received(excerpt(root));
  }
  std::map<std::string, std::string> templates;
  for (const auto& item : root.items()) {
    const std::string text = item.value().is_string() ? item.value().get<std::string>() : "";
    const std::size_t slot = text.find("[X]");
    if (slot == std::string::npos || text.find("[X]", slot + 3) != std::string::npos) {
      throw Error(ErrorKind::data, fmt::format("malformed question template of {}", item.key()))
          .at(file)
          .expected("a question with [X] once")
          .received(excerpt(item.value()));
    }
    templates[item.key()] = text;
  }
  return templates;
}

std::vector<EntityQuestion> read_entity_questions(const std::filesystem::path& file,
                                                  std::string_view question_template) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    throw Error(ErrorKind::data, "a file of the EntityQuestions data is missing").at(file.string()).hint(hint);
  }
  const std::string text = read_file(file);
  const nlohmann::json root = parse_json(text, file.string());
  if (!root.is_array()) {
    throw Error(ErrorKind::data, "malformed EntityQuestions file")
        .at(file.string(), 1)
        .expected("a list of {question, answers}")
        .received(excerpt(root));
  }
  const std::size_t slot = question_template.find("[X]");
  STET_ASSERT(slot != std::string_view::npos);
  const std::string_view before = question_template.substr(0, slot), after = question_template.substr(slot + 3);

  std::vector<EntityQuestion> questions;
  questions.reserve(root.size());
  for (const nlohmann::json& item : root) {
    const auto refuse = [&](const char* what, const std::string& expected) {
      return Error(ErrorKind::data, what)
          .at(file.string(), line_of_element(text, questions.size()))
          .expected(expected)
          .received(excerpt(item));
    };
    const std::string shape = "{\"question\": text, \"answers\": [text, ...]}";
    if (!item.is_object() || !item.contains("question") || !item.contains("answers") || !item["question"].is_string() ||
        !item["answers"].is_array()) {
      throw refuse("malformed question", shape);
    }
    if (item["answers"].empty()) throw refuse("question without an answer", shape);
    EntityQuestion question;
    question.question = item["question"].get<std::string>();
    for (const nlohmann::json& answer : item["answers"]) {
      if (!answer.is_string()) throw refuse("malformed answer", shape);
      const auto& text_of_answer = answer.get_ref<const std::string&>();
      if (is_blank(text_of_answer)) throw refuse("a blank answer", shape);
      auto& answers = question.answers;  // equal ones are one
      if (std::find(answers.begin(), answers.end(), text_of_answer) == answers.end()) answers.push_back(text_of_answer);
    }
    const std::string& whole = question.question;
    if (whole.size() <= before.size() + after.size() || !whole.starts_with(before) || !whole.ends_with(after)) {
      throw refuse("question does not follow the template of its relation", fmt::format("\"{}\"", question_template));
    }
    question.subject = whole.substr(before.size(), whole.size() - before.size() - after.size());
    if (is_blank(question.subject))
      throw refuse("question without a subject", fmt::format("\"{}\"", question_template));
    questions.push_back(std::move(question));
  }
  return questions;
}

}  // namespace stet
