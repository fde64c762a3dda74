// EntityQuestions: a list is a file of questions, an object the file of templates.
#include "fuzz_input.hpp"

#include <stet/world/entity_questions_file.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const stet::fuzz::MemoryFolder folder;
  const stet::fuzz::MemoryFile file(data, size);
  stet::fuzz::refuse_or_run([&] {
    for (const stet::EntityQuestion& question : stet::read_entity_questions(file.path(), "Where was [X] born?"))
      STET_ASSERT(!question.subject.empty() && !question.answers.empty());
  });
  folder.write("relation_query_templates.json", stet::fuzz::text_of(data, size));
  stet::fuzz::refuse_or_run([&] {
    for (const auto& [property, text] : stet::read_question_templates(folder.path())) {
      STET_ASSERT(text.find("[X]") != std::string::npos);
      static_cast<void>(stet::read_entity_questions(file.path(), text));
    }
  });
  return 0;
}
