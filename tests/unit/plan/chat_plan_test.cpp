// [prompt] chat = true, planned: what is asked, and whose identity it is.
#include <experiment_support.hpp>
#include <stet/base/files.hpp>
#include <stet/plan/plan.hpp>
#include <stet/plan/world_source.hpp>
#include <stet/text/tokenizer.hpp>

#include <nlohmann/json.hpp>

#include <memory>

namespace stet {
namespace {

using testing::error_of;
using testing::Folder;
using testing::has;

class ChatPlan : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::filesystem::path model = folder_ / "model";
    std::filesystem::create_directory(model);
    const std::filesystem::path tiny = STET_SOURCE_DIR "/tests/fixtures/models/qwen2-tiny";
    for (const char* name : {"config.json", "model.safetensors"}) std::filesystem::copy(tiny / name, model / name);
    const std::vector<std::string> words = {"system", "user", "assistant", "Where", "is", "Poland", "Peru"};
    nlohmann::json tokenizer = nlohmann::json::parse(make_word_level(words).to_json());
    std::size_t id = tokenizer["model"]["vocab"].size();
    for (const char* token : {"<|im_start|>", "<|im_end|>"})
      tokenizer["added_tokens"].push_back({{"id", id++},
                                           {"content", token},
                                           {"single_word", false},
                                           {"lstrip", false},
                                           {"rstrip", false},
                                           {"normalized", false},
                                           {"special", true}});
    write_file_atomically(model / "tokenizer.json", tokenizer.dump());
    write_file_atomically(model / "tokenizer_config.json", R"({"eos_token": "<|im_end|>"})");
    // config.json names another.
    write_file_atomically(model / "generation_config.json", R"({"eos_token_id": )" + std::to_string(id - 1) + "}");
    set_template("smollm2-instruct");
    folder_.write("q.jsonl", "{\"question\": \"Where is A?\", \"answer\": \"Peru\"}\n");
  }

  void set_template(const std::string& name) {
    write_file_atomically(folder_ / "model/chat_template.jinja",
                          read_file(STET_SOURCE_DIR "/tests/fixtures/chat_templates/" + name + ".jinja"));
  }

  PlannedRun planned(const std::string& prompt, const std::string& slick = "",
                     const std::string& base = "[base]\nfolder = \"model\"\n") {
    folder_.write(
        "e.toml",
        "[experiment]\nname = \"e\"\nseeds = 1\n[data]\nworld = \"facts\"\n[data.facts]\nfiles = "
        "[\"q.jsonl\"]\n" +
            base + "[prompt]\n" + prompt + "[slick]\nprompts = 1\n" + slick +
            "[sets]\nlabels = \"slick\"\nvalidation = 0\n[[phase]]\nname = \"p\"\nsets = [\"known\"]\n"
            "[[arm]]\nname = \"a\"\n[table]\ntitle = \"t\"\n[[table.column]]\nlabel = \"k\"\nset = \"known\"\n");
    return make_plan(folder_ / "e.toml", {}, registry_).runs.at(0);
  }
  Error refusal(const std::string& prompt, const std::string& slick = "",
                const std::string& base = "[base]\nfolder = \"model\"\n") {
    return error_of([&] { static_cast<void>(planned(prompt, slick, base)); });
  }

  Folder folder_;
  std::unique_ptr<Communicator> alone_ = make_single_process();
  PluginRegistry registry_{*alone_, {STET_BINARY_DIR "/lib/stet-plugins"}};
};

const std::string chatml = R"(template = "<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}")";
const std::string smollm =
    R"(head = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n")";
const std::string separator = "separator = \"<|im_end|>\\n\"\n";

TEST_F(ChatPlan, AsksWhatTheSamePatternAsATemplateAsks) {
  const PlannedRun chat = planned("chat = true\n");
  const PlannedRun written = planned(chatml + "\n" + smollm + "\n", separator);
  EXPECT_EQ(chat.resolved, written.resolved);
  EXPECT_EQ(chat.identity, written.identity);
  EXPECT_EQ(labels_identity_of(chat.config), labels_identity_of(written.config));
  EXPECT_EQ(resolve(chat.config), resolve(written.config));
  EXPECT_EQ(make_world(chat.config).relations()[0].probe,
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
            "<|im_start|>user\n[X]<|im_end|>\n<|im_start|>assistant\n[Y]");
  // And another form, or another head, is another experiment.
  EXPECT_NE(planned(chatml + "\n", separator).identity, chat.identity);
  set_template("chatml");
  EXPECT_EQ(planned("chat = true\n").identity, planned(chatml + "\n", separator).identity);
  EXPECT_NE(planned("chat = true\n").identity, chat.identity);
}

TEST_F(ChatPlan, HeadsMakeWorldsOfTheirOwn) {
  Worlds worlds;
  const PlannedRun with = planned("chat = true\n"), without = planned(chatml + "\n", separator);
  EXPECT_NE(worlds.of(with.config).relations()[0].probe, worlds.of(without.config).relations()[0].probe);
}

TEST_F(ChatPlan, WhatItCannotMeanIsRefused) {
  const Error both = refusal("chat = true\n" + chatml + "\n");
  EXPECT_TRUE(has(both.message(), "prompt.template has no meaning beside prompt.chat"));
  EXPECT_TRUE(has(both.where(), "e.toml:"));
  EXPECT_FALSE(both.hint().empty());
  EXPECT_TRUE(has(refusal("chat = true\n" + smollm + "\n").message(), "prompt.head has no meaning beside prompt.chat"));
  EXPECT_TRUE(has(refusal("chat = true\n", separator).message(), "slick.separator has no meaning beside prompt.chat"));
  EXPECT_TRUE(has(refusal(smollm + "\n").message(), "prompt.head has no meaning without prompt.template"));
  EXPECT_TRUE(has(refusal(chatml + "\nhead = \"{question}\"\n").message(), "prompt.head has a place"));
  // Without [base]: of a world that may do without.
  folder_.write(
      "own.toml",
      "[experiment]\nname = \"e\"\n[prompt]\nchat = true\n[[phase]]\nname = \"p\"\nsets = [\"known\"]\n[[arm]]\n"
      "name = \"a\"\n[table]\ntitle = \"t\"\n[[table.column]]\nlabel = \"k\"\nset = \"known\"\n");
  const Error own = error_of([&] { static_cast<void>(make_plan(folder_ / "own.toml", {}, registry_)); });
  EXPECT_TRUE(has(own.message(), "prompt.chat asks in the form of a model's folder, and there is none"));
  EXPECT_TRUE(has(own.expected(), "[base] folder"));
  EXPECT_TRUE(has(own.where(), "own.toml:4"));
}

TEST_F(ChatPlan, AFolderWithoutAKnownFormIsRefused) {
  write_file_atomically(folder_ / "model/chat_template.jinja", "{{ unheard_of }}");
  EXPECT_TRUE(has(refusal("chat = true\n").message(), "none of those that are known"));
  std::filesystem::remove(folder_ / "model/chat_template.jinja");
  EXPECT_TRUE(has(refusal("chat = true\n").message(), "has no chat template"));
  EXPECT_NO_THROW(static_cast<void>(planned("chat = false\n")));
  set_template("smollm2-instruct");
  std::filesystem::remove(folder_ / "model/generation_config.json");
  EXPECT_TRUE(has(refusal("chat = true\n").message(), "do not end as the answers"));
}

}  // namespace
}  // namespace stet
