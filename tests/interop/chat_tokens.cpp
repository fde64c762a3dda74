// chat_tokens FOLDER ASKED.json: the tokens with which an experiment with `[prompt] chat = true` on the folder asks
// {"question", "answer", "shots": [[question, answer], ...]}, as {"form", "forms" (how many are known), "prompt",
// "text" (prompt, answer and end), "order" (of the shots), "few_shot" (SLiCK's prompt)}. For chat.py, which compares
// them with transformers'.
#include <stet/base/files.hpp>
#include <stet/config/json.hpp>
#include <stet/data/batch.hpp>
#include <stet/evaluate/slick.hpp>
#include <stet/plan/base_folder.hpp>
#include <stet/plan/prompt_config.hpp>
#include <stet/world/fact.hpp>

#include <cstdio>
#include <exception>

namespace {

nlohmann::json answer(const std::string& folder, const nlohmann::json& asked) {
  using namespace stet;
  const Tokenizer tokenizer = base_tokenizer(folder);
  const ChatForm& form = read_chat_form(folder);
  PromptConfig prompt;
  prompt.take(form, tokenizer, folder);
  const std::string wording = prompt.wording("[X] [Y]");
  const auto example = [&](const nlohmann::json& question, const nlohmann::json& answer) {
    return render(wording, {1, 0, question.get<std::string>(), answer.get<std::string>()});
  };
  const Example own = example(asked["question"], asked["answer"]);
  const TokenSequence text = tokenize(tokenizer, own, false, 0);

  SlickOptions options;
  options.prompts = 1;
  options.shots = static_cast<std::int64_t>(asked["shots"].size());
  options.head = prompt.head;
  options.answer_lead = parse_template(wording).answer_lead;
  options.separator = form.separator;
  SlickRelation relation{"all", {{1, own.prompt, {asked["answer"]}}}, {}};
  for (const nlohmann::json& shot : asked["shots"])
    relation.development.push_back({2 + relation.development.size(), example(shot[0], shot[1]).prompt, {shot[1]}});
  std::vector<TokenId> few(tokenizer.before_text().begin(), tokenizer.before_text().end());
  for (const TokenId id : tokenizer.encode(slick_block(options, relation, 0))) few.push_back(id);
  for (const TokenId id : slick_question_tokens(options, relation.facts[0], tokenizer)) few.push_back(id);
  return {{"form", form.name},
          {"forms", chat_forms().size()},
          {"prompt", std::vector<TokenId>(text.ids.begin(), text.ids.begin() + text.loss_begin)},
          {"text", text.ids},
          {"order", slick_shots(options, relation.name, relation.development.size(), 0)},
          {"few_shot", few}};
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) return 2;
  try {
    std::puts(answer(words[1], stet::parse_json(stet::read_file(words[2]), words[2])).dump().c_str());
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
