// Where the tests' files lie: tests/fixtures, or, when the variable STET_FIXTURES is "reference", the larger ones of
// the same names in the shared folder (the tests with the label `reference` are the same programs started so). A folder
// that is missing is a failure, not a skip.
#pragma once

#include <shared_folder.hpp>

#include <string_view>

namespace stet {

/// The tests run with the label `reference`.
inline bool on_reference_data() {
  const char* set = std::getenv("STET_FIXTURES");
  return set != nullptr && std::string_view(set) == "reference";
}

/// models/NAME, tokenizers/NAME
inline std::filesystem::path fixtures_folder() {
  return on_reference_data() ? shared_folder() / "fixtures"
                             : std::filesystem::path(STET_SOURCE_DIR) / "tests" / "fixtures";
}

/// A folder in EntityQuestions' format: invented facts, or the published ones.
inline std::filesystem::path entity_questions_folder() {
  return on_reference_data() ? shared_folder() / "data" / "entity-questions" : fixtures_folder() / "entity-questions";
}

}  // namespace stet
