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

void PromptConfig::check_all(const config::Value& experiment, bool base_given) const {
  const config::Value* table = experiment.find("prompt");
  if (chat) {
    const config::Value& written = *table->find("chat");
    for (const char* key : {"template", "head"}) {
      if (key == std::string_view("head") ? head.empty() : pattern.empty()) continue;
      throw error_at_key(*table->find(key), std::string("prompt.") + key + " has no meaning beside prompt.chat")
          .expected("the chat form of the base's folder, or a form of your own")
          .received("both")
          .hint("leave out one of them");
    }
    const config::Value* slick = experiment.find("slick");
    const config::Value* separator = slick != nullptr ? slick->find("separator") : nullptr;
    if (separator != nullptr && !separator->as_string().empty())
      throw error_at_key(*separator, "slick.separator has no meaning beside prompt.chat")
          .expected("what the chat form has between an answer and the next question")
          .received("both")
          .hint("leave out slick.separator");
    if (!base_given)
      throw error_at(written, "prompt.chat asks in the form of a model's folder, and there is none")
          .expected("[base] folder = \"...\"")
          .received("an experiment that pre-trains its base");
  } else if (given()) {
    check(*table->find("template"));
  }
  if (head.empty()) return;
  const config::Value& written = *table->find("head");
  if (!given()) throw error_at(written, "prompt.head has no meaning without prompt.template");
  for (const std::string_view place :
       {question_place, answer_place, std::string_view("[X]"), std::string_view("[Y]")}) {
    if (head.find(place) != std::string::npos)
      throw error_at(written, "prompt.head has a place for question or answer")
          .expected("what stands before the first question alone, such as a system message")
          .received("'" + head + "'");
  }
}

void PromptConfig::take(const ChatForm& form, const Tokenizer& tokenizer, const std::string& folder) {
  if (const std::string& end = tokenizer.token(tokenizer.end_of_text()); end != form.end) {
    throw Error(ErrorKind::data, "the folder's texts do not end as the answers of its chat form")
        .at(folder)
        .expected(std::string(form.end) + " (" + std::string(form.name) + ")")
        .received(end)
        .hint(
            "eos_token in tokenizer_config.json and eos_token_id in generation_config.json say what ends them; a base "
            "model is asked by [prompt] template");
  }
  const std::string begin(form.begin), asked = std::string(form.head) + std::string(form.pattern);
  const std::span<const TokenId> before = tokenizer.before_text();
  const auto tokens = [&](const std::string& text) {
    std::vector<TokenId> ids = tokenizer.encode(text);
    ids.insert(ids.begin(), before.begin(), before.end());
    return ids;
  };
  // What the template's text gives, into which it writes the beginning's token itself.
  const std::vector<TokenId> theirs = tokenizer.encode(begin + asked);
  const bool has_begin = form.begin.empty() || tokenizer.id_of(form.begin);
  if (has_begin && tokens(asked) == theirs) {
    head = form.head;
  } else if (has_begin && tokens(begin + asked) == theirs) {
    head = begin + std::string(form.head);
  } else {
    std::string names;
    for (const TokenId id : before) names += tokenizer.token(id);
    throw Error(ErrorKind::data, "the folder's tokenizer begins texts otherwise than its chat form")
        .at(folder)
        .expected((begin.empty() ? "no token before the text" : begin + " before the text, and once") + " (" +
                  std::string(form.name) + ")")
        .received(names.empty() ? "no token before a text" : names + " before a text")
        .hint("[prompt] template asks in the tokenizer's own way");
  }
  pattern = form.pattern;
  chat = false;
}

std::string PromptConfig::wording(const std::string& probe) const {
  return head + replaced(replaced(pattern, answer_place, "[Y]"), question_place, parse_template(probe).before);
}

World PromptConfig::apply(World world) const {
  if (!given()) return world;
  std::vector<std::string> probes;
  for (const Relation& relation : world.relations()) probes.push_back(wording(relation.probe));
  return std::move(world).with_probes(std::move(probes));
}

config::IdentitySchema<PromptConfig> prompt_schema() {
  config::IdentitySchema<PromptConfig> schema("prompt", "how facts are asked");
  schema
      .field("template", &PromptConfig::pattern, config::every_part,
             "such as \"Q: {question}\\nA: {answer}\"; empty: the world's own wording")
      .field("head", &PromptConfig::head, config::Identity<PromptConfig>(config::every_part).came_later(),
             "stands before the first question of a text alone: such as a system message")
      .field("chat", &PromptConfig::chat, config::no_part,
             "template and head are those of the chat template in the folder of [base], if it is a known one");
  return schema;
}

}  // namespace stet
