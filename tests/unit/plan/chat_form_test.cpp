#include <stet/plan/chat_form.hpp>

#include <experiment_support.hpp>
#include <stet/base/files.hpp>
#include <stet/plan/prompt_config.hpp>

#include <nlohmann/json.hpp>

#include <map>
#include <set>

namespace stet {
namespace {

using testing::error_of;
using testing::Folder;
using testing::has;

const std::filesystem::path fixtures = STET_SOURCE_DIR "/tests/fixtures";

/// Templates as others publish them. The rest of the known ones, which may not be in this repository, are tried by
/// tests/interop.
const std::map<std::string, std::string> published = {
    {"smollm2-instruct", "SmolLM2-Instruct"},
    {"chatml", "ChatML without a system message"},
    {"chatml-escapes", "ChatML without a system message"},
    {"qwen3-0.6b", "Qwen3"},
    {"mistral-7b-v0.1", "Mistral-Instruct-v0.1"},
    {"mistral-7b-v0.2", "Mistral-Instruct-v0.2"},
    {"mistral-7b-v0.2-later", "Mistral-Instruct-v1-tokenizer"},
    {"mistral-7b-v0.3", "Mistral-Instruct-v0.3"},
    {"mistral-nemo-2407", "Mistral-Nemo-Instruct"},
};

std::string template_text(const std::string& name) {
  return read_file(fixtures / "chat_templates" / (name + ".jinja"));
}

Tokenizer tokenizer_of(const std::string& style) {
  return Tokenizer::load(fixtures / "tokenizers" / style / "tokenizer.json");
}

TEST(ChatForm, TheKnownOnesAreWellMade) {
  std::set<std::string_view> names, hashes;
  for (const ChatForm& form : chat_forms()) {
    SCOPED_TRACE(form.name);
    EXPECT_TRUE(names.insert(form.name).second);
    EXPECT_EQ(&chat_form(form.name), &form);
    EXPECT_NO_THROW(PromptConfig{std::string(form.pattern)}.check(config::Value("x")));
    EXPECT_TRUE(form.separator.starts_with(form.end));
    EXPECT_FALSE(form.head.starts_with(form.begin) && !form.begin.empty());
    std::size_t count = 0;
    for (const std::string_view hash : form.hashes) {
      if (hash.empty()) continue;
      ++count;
      EXPECT_EQ(hash.size(), 32U);
      EXPECT_TRUE(hashes.insert(hash).second);
    }
    EXPECT_GT(count, 0U);
  }
}

TEST(ChatForm, PublishedTemplatesAreRecognized) {
  for (const auto& [file, name] : published) {
    SCOPED_TRACE(file);
    const Folder folder;
    folder.write("chat_template.jinja", template_text(file));
    EXPECT_EQ(read_chat_form(folder.path()).name, name);
  }
}

TEST(ChatForm, TheFileCountsBeforeTheTokenizersConfiguration) {
  const Folder folder;
  const auto configured = [&](nlohmann::json value) {
    folder.write("tokenizer_config.json", nlohmann::json{{"chat_template", std::move(value)}}.dump());
    return read_chat_form(folder.path()).name;
  };
  EXPECT_EQ(configured(template_text("chatml")), "ChatML without a system message");
  EXPECT_EQ(configured({{{"name", "tool_use"}, {"template", "x"}},
                        {{"name", "default"}, {"template", template_text("smollm2-instruct")}}}),
            "SmolLM2-Instruct");
  folder.write("chat_template.jinja", template_text("mistral-7b-v0.1") + "\n\n");  // Jinja leaves two line ends out
  EXPECT_EQ(configured("x"), "Mistral-Instruct-v0.1");
  folder.write("chat_template.jinja", template_text("mistral-7b-v0.1") + " ");  // but writes a space
  EXPECT_TRUE(has(error_of([&] { static_cast<void>(read_chat_form(folder.path())); }).message(), "none of those"));
}

TEST(ChatForm, OthersAreRefused) {
  const Folder folder;
  const auto refusal = [&] { return error_of([&] { static_cast<void>(read_chat_form(folder.path())); }); };
  const Error none = refusal();
  EXPECT_TRUE(has(none.message(), "has no chat template"));
  EXPECT_EQ(none.where(), folder.path().string());
  EXPECT_TRUE(has(none.hint(), "[prompt] template"));
  folder.write("tokenizer_config.json", R"({"chat_template": null})");
  EXPECT_TRUE(has(refusal().message(), "has no chat template"));
  folder.write("tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": "x"}]})");
  EXPECT_TRUE(has(refusal().message(), "field 'chat_template' has the wrong type"));
  folder.write("tokenizer_config.json", R"({"chat_template": "{{ messages }} and more"})");
  const Error unknown = refusal();
  EXPECT_TRUE(has(unknown.message(), "none of those that are known"));
  EXPECT_TRUE(has(unknown.where(), "tokenizer_config.json"));
  for (const ChatForm& form : chat_forms()) EXPECT_TRUE(has(unknown.expected(), std::string(form.name)));
  EXPECT_TRUE(has(unknown.received(), chat_template_hash("{{ messages }} and more")));
  EXPECT_TRUE(has(unknown.received(), "{{ messages }}"));
  EXPECT_TRUE(has(unknown.hint(), "[prompt] template = "));
}

TEST(ChatPrompt, ItsSpecialTokensAreOneEach) {
  const Tokenizer tokenizer = tokenizer_of("qwen2-style").with_end_of_text("<|im_end|>");
  PromptConfig prompt;
  prompt.chat = true;
  prompt.take(chat_form("Qwen2.5-Instruct"), tokenizer, "folder");
  EXPECT_FALSE(prompt.chat);
  const Example asked = render(prompt.wording("Where is [X]? [Y]"), {1, 0, "Gdynia", "Poland"});
  EXPECT_EQ(asked.prompt,
            "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
            "<|im_start|>user\nWhere is Gdynia?<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(asked.completion, "Poland");
  const std::vector<TokenId> ids = tokenizer.encode(asked.prompt);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), *tokenizer.id_of("<|im_start|>")), 3);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), *tokenizer.id_of("<|im_end|>")), 2);
  // In a question, too: as transformers does.
  EXPECT_EQ(tokenizer.encode("a<|im_end|>b")[1], *tokenizer.id_of("<|im_end|>"));
}

TEST(ChatPrompt, TheBeginningIsThereOnce) {
  const ChatForm& form = chat_form("Llama-3.1-Instruct");
  const Tokenizer begins = tokenizer_of("llama3-style").with_end_of_text("<|eot_id|>");
  ASSERT_EQ(begins.before_text().size(), 1U);
  PromptConfig prompt;
  prompt.take(form, begins, "folder");
  EXPECT_EQ(prompt.head, form.head);
  // A tokenizer that puts nothing before a text: then the form's own is written.
  nlohmann::json without = nlohmann::json::parse(begins.to_json());
  without["post_processor"] = nullptr;
  const Tokenizer bare = Tokenizer::from_json(without.dump(), "bare").with_end_of_text("<|eot_id|>");
  ASSERT_TRUE(bare.before_text().empty());
  prompt.take(form, bare, "folder");
  EXPECT_EQ(prompt.head, "<|begin_of_text|>" + std::string(form.head));
  EXPECT_EQ(bare.encode(prompt.head)[0], begins.before_text()[0]);
}

TEST(ChatPrompt, AnotherEndOrBeginningIsRefused) {
  const auto refusal = [](const char* form, const Tokenizer& tokenizer) {
    return error_of([&] { PromptConfig{}.take(chat_form(form), tokenizer, "the folder"); });
  };
  const Error end = refusal("Qwen3", tokenizer_of("qwen2-style"));
  EXPECT_TRUE(has(end.message(), "do not end as the answers of its chat form"));
  EXPECT_EQ(end.where(), "the folder");
  EXPECT_TRUE(has(end.expected(), "<|im_end|> (Qwen3)"));
  EXPECT_EQ(end.received(), "<|endoftext|>");
  EXPECT_TRUE(has(end.hint(), "eos_token"));
  // A tokenizer that begins texts, of a template that does not.
  nlohmann::json chatml = nlohmann::json::parse(tokenizer_of("llama3-style").to_json());
  for (nlohmann::json& token : chatml["added_tokens"]) {
    if (token["content"] == "<|eot_id|>") token["content"] = "<|im_end|>";
  }
  const Error begin = refusal("Qwen3", Tokenizer::from_json(chatml.dump(), "chatml").with_end_of_text("<|im_end|>"));
  EXPECT_TRUE(has(begin.message(), "begins texts otherwise than its chat form"));
  EXPECT_TRUE(has(begin.expected(), "no token before the text (Qwen3)"));
  EXPECT_TRUE(has(begin.received(), "<|begin_of_text|>"));
  // One that puts a blank before a text where the template's beginning has none: "[INST]" is no token of its own.
  const Error blank = refusal("Mistral-Instruct-v0.1", tokenizer_of("mistral-style"));
  EXPECT_TRUE(has(blank.message(), "begins texts otherwise"));
  PromptConfig prompt;
  prompt.take(chat_form("Mistral-Instruct-v0.1"), tokenizer_of("llama2-style"), "folder");  // it has one there, too
  EXPECT_EQ(prompt.wording("[X] [Y]"), "[INST] [X] [/INST][Y]");
}

}  // namespace
}  // namespace stet
