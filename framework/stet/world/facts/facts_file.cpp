#include <stet/world/facts/facts_file.hpp>

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/base/utf8.hpp>
#include <stet/config/json.hpp>

#include <algorithm>
#include <string_view>

namespace stet {
namespace {

constexpr const char* shape = R"({"question": text, "answer": text} a line; or "answers": [text, ...])";

Error wrong(const OwnQuestion& at, const std::string& what) {
  return Error(ErrorKind::data, what).at(at.file, at.line);
}

/// The text of a key; empty if it is not there.
std::string text_at(const nlohmann::json& item, const char* key, const OwnQuestion& at) {
  const auto found = item.find(key);
  if (found == item.end() || found->is_null()) return "";
  if (!found->is_string()) throw wrong(at, std::string("malformed ") + key).expected("text").received(excerpt(*found));
  std::string text = found->get<std::string>();
  if (is_blank(text)) throw wrong(at, std::string("a blank ") + key);
  return text;
}

std::vector<std::string> answers_of(const nlohmann::json& item, const OwnQuestion& at) {
  const bool one = item.contains("answer"), many = item.contains("answers");
  if (one == many) {
    throw wrong(at, one ? "a question with \"answer\" and \"answers\"" : "a question without an answer")
        .expected(shape)
        .received(excerpt(item));
  }
  if (one && item["answer"].is_string()) return {text_at(item, "answer", at)};
  const nlohmann::json& list = item[one ? "answer" : "answers"];
  if (!list.is_array() || list.empty())
    throw wrong(at, "malformed answers").expected("a list of texts").received(excerpt(list));
  std::vector<std::string> answers;
  for (const nlohmann::json& answer : list) {
    if (!answer.is_string()) throw wrong(at, "malformed answer").expected("text").received(excerpt(answer));
    const auto& text = answer.get_ref<const std::string&>();
    if (is_blank(text)) throw wrong(at, "a blank answer");
    if (std::find(answers.begin(), answers.end(), text) == answers.end()) answers.push_back(text);
  }
  return answers;
}

OwnQuestion read_line(const std::string& line, OwnQuestion at) {
  const nlohmann::json item = parse_json(line, at.file + ":" + std::to_string(at.line));
  if (!item.is_object()) throw wrong(at, "a line that is no question").expected(shape).received(excerpt(item));
  at.question = text_at(item, "question", at);
  if (at.question.empty()) throw wrong(at, "a line without a question").expected(shape).received(excerpt(item));
  at.answers = answers_of(item, at);
  at.subject = text_at(item, "subject", at);
  at.relation = text_at(item, "relation", at);
  if (!at.subject.empty() && at.question.find(at.subject) == std::string::npos) {
    throw wrong(at, "the subject does not occur in its question")
        .expected("the question to hold '" + at.subject + "', letter for letter")
        .received("'" + at.question + "'")
        .hint("leave \"subject\" out where the question does not name it");
  }
  for (const char* place : {"[X]", "[Y]"}) {
    if (at.question.find(place) == std::string::npos) continue;
    throw wrong(at, std::string("a question with ") + place + " in it, which marks the places of subject and answer");
  }
  return at;
}

}  // namespace

void require_facts_file(const std::filesystem::path& file) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(file, ignored)) return;
  throw Error(ErrorKind::data, "a file of [data.facts] is not there").at(file.string()).expected(shape);
}

std::vector<OwnQuestion> read_own_questions(const std::filesystem::path& file) {
  require_facts_file(file);
  const std::string bytes = read_file(file);
  if (looks_like_utf16(bytes)) throw Error(ErrorKind::data, "the file is UTF-16").at(file.string()).hint(utf16_hint);
  std::string_view rest = bytes;
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);
  std::vector<OwnQuestion> questions;
  for (std::size_t line = 1; !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string text(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    OwnQuestion at;
    at.file = file.string();
    at.line = line;
    if (const auto ill = find_invalid_utf8(text))
      throw wrong(at, "not UTF-8").received("byte " + std::to_string(*ill + 1) + " of the line");
    if (!is_blank(text)) questions.push_back(read_line(text, std::move(at)));
  }
  if (questions.empty()) throw Error(ErrorKind::data, "the file has no question").at(file.string()).expected(shape);
  return questions;
}

}  // namespace stet
