// Reading questions of a user's own: JSON lines, with errors that name file and line.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace stet {

/// One line: {"question": "Who wrote Ulysses?", "answer": "James Joyce"}, or "answers" with a list, the first of which
/// is the one that is trained; "subject" (it must occur in the question) and "relation" may be there. Other keys mean
/// nothing here.
struct OwnQuestion {
  std::string question;
  std::vector<std::string> answers;  ///< at least one; no two are equal, none is blank
  std::string subject;               ///< empty: not given
  std::string relation;              ///< empty: not given
  std::string file;
  std::size_t line = 0;
};

/// Throws Error (data), with what a line should look like, unless there is such a file.
void require_facts_file(const std::filesystem::path& file);

/// In the order of the file. Throws Error (data) at file:line for what is malformed, and for a file without a question.
[[nodiscard]] std::vector<OwnQuestion> read_own_questions(const std::filesystem::path& file);

}  // namespace stet
