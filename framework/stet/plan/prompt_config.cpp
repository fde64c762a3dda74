#include <stet/plan/prompt_config.hpp>

#include <stet/base/error.hpp>
#include <stet/world/fact.hpp>

#include <string_view>
#include <utility>

namespace stet {

namespace {

constexpr std::string_view question_place = "{question}", answer_place = "{answer}";

std::string replaced(std::string text, std::string_view place, std::string_view by) {
  return text.replace(text.find(place), place.size(), by);
}

}  // namespace

void PromptConfig::check(const config::Value& written) const {
  const std::size_t question = pattern.find(question_place), answer = pattern.find(answer_place);
  const bool once = question != std::string::npos && answer != std::string::npos && question < answer &&
                    pattern.find(question_place, question + 1) == std::string::npos &&
                    pattern.find(answer_place, answer + 1) == std::string::npos;
  if (once && pattern.find("[X]") == std::string::npos && pattern.find("[Y]") == std::string::npos) return;
  throw error_at(written, "prompt.template has no place for question and answer")
      .expected("{question} once, and {answer} once behind it")
      .received("'" + pattern + "'")
      .hint("template = \"Q: {question}\\nA: {answer}\"");
}

std::string PromptConfig::wording(const std::string& probe) const {
  return replaced(replaced(pattern, answer_place, "[Y]"), question_place, parse_template(probe).before);
}

World PromptConfig::apply(World world) const {
  if (!given()) return world;
  std::vector<std::string> probes;
  for (const Relation& relation : world.relations()) probes.push_back(wording(relation.probe));
  return std::move(world).with_probes(std::move(probes));
}

config::IdentitySchema<PromptConfig> prompt_schema() {
  config::IdentitySchema<PromptConfig> schema("prompt", "how facts are asked");
  schema.field("template", &PromptConfig::pattern, config::every_part,
               "such as \"Q: {question}\\nA: {answer}\"; empty: the world's own wording");
  return schema;
}

}  // namespace stet
