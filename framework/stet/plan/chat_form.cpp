#include <stet/plan/chat_form.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/files.hpp>
#include <stet/base/hash.hpp>
#include <stet/config/json.hpp>

#include <algorithm>
#include <optional>

namespace stet {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view chatml = "<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}";
constexpr std::string_view llama =
    "<|start_header_id|>user<|end_header_id|>\n\n{question}<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    "{answer}";
constexpr std::string_view llama_dates =
    "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: 26 Jul "
    "2024\n\n<|eot_id|>";

// tests/interop compares each with what transformers makes of the template.
constexpr std::array known_forms = {
    ChatForm{"Qwen2.5-Instruct",
             "",
             "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n",
             chatml,
             "<|im_end|>\n",
             "<|im_end|>",
             {"e392aa06018503fd2469c9508f79506e"}},
    ChatForm{"Qwen3",
             "",
             "",
             "<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n{answer}",
             "<|im_end|>\n",
             "<|im_end|>",
             {"0fab82ce8f4d5175c9e0155c80737cf2", "4457e3d12b367a860283f874ff58d644"}},
    ChatForm{"SmolLM2-Instruct",
             "",
             "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n",
             chatml,
             "<|im_end|>\n",
             "<|im_end|>",
             {"98f63cc3d421d28f99ab995e9629dacd"}},
    // Qwen3-Instruct-2507; and where nothing but the messages is written, with its line ends as such or as "\n".
    ChatForm{
        "ChatML without a system message",
        "",
        "",
        chatml,
        "<|im_end|>\n",
        "<|im_end|>",
        {"cc9ddd5a40bc1c0c8fb5d937b1e8f5d0", "f0a6a8278439fdb056191e205a440263", "577a7fce73f72e1ee2be9fd6966bb5eb"}},
    ChatForm{"Llama-3-Instruct",
             "<|begin_of_text|>",
             "",
             llama,
             "<|eot_id|>",
             "<|eot_id|>",
             {"09facc0e4aa943189799ad6e2dea0594"}},
    // Llama 3.1 and 3.3; 3.2, which takes the present day where it can.
    ChatForm{"Llama-3.1-Instruct",
             "<|begin_of_text|>",
             llama_dates,
             llama,
             "<|eot_id|>",
             "<|eot_id|>",
             {"9ddcd6cd71f96dd76ca7779b7730196a", "573e1bcc8c56f178c3d57e38f5ff0756"}},
    ChatForm{"Mistral-Instruct-v0.1",
             "<s>",
             "",
             "[INST] {question} [/INST]{answer}",
             "</s> ",
             "</s>",
             {"70bf874ad98f31f4b7f52373b11c60d7"}},
    ChatForm{"Mistral-Instruct-v0.2",
             "<s>",
             "",
             "[INST] {question} [/INST]{answer}",
             "</s>",
             "</s>",
             {"f395fc5daa794129a5d004210ebce758"}},
    // A later template of v0.2.
    ChatForm{"Mistral-Instruct-v1-tokenizer",
             "<s>",
             "",
             " [INST] {question} [/INST] {answer}",
             "</s>",
             "</s>",
             {"6aef58edf0d62df9f89cfc57f651ff3d"}},
    ChatForm{"Mistral-Instruct-v0.3",
             "<s>",
             "",
             "[INST] {question}[/INST] {answer}",
             "</s>",
             "</s>",
             {"df3ebcd92fa9a63fc6614466504d495b"}},
    ChatForm{"Mistral-Nemo-Instruct",
             "<s>",
             "",
             "[INST]{question}[/INST]{answer}",
             "</s>",
             "</s>",
             {"638e5c8b05f6278ccae647ce0048756b"}},
};

constexpr const char* template_file = "chat_template.jinja";
constexpr const char* tokenizer_file = "tokenizer_config.json";

/// chat_template of tokenizer_config.json.
std::optional<std::string> template_in(const fs::path& file) {
  if (!fs::exists(file)) return std::nullopt;
  const nlohmann::json config = parse_json(read_file(file), file.string(), NonFinite::as_text);
  if (!config.is_object() || !config.contains("chat_template")) return std::nullopt;
  const nlohmann::json& value = config["chat_template"];
  if (value.is_null()) return std::nullopt;
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    for (const nlohmann::json& entry : value) {
      if (entry.is_object() && entry.value("name", nlohmann::json()) == "default" && entry.contains("template") &&
          entry["template"].is_string())
        return entry["template"].get<std::string>();
    }
  }
  throw Error(ErrorKind::data, "field 'chat_template' has the wrong type")
      .at(file.string())
      .expected("a text, or a list with {\"name\": \"default\", \"template\": a text}")
      .received(excerpt(value));
}

}  // namespace

std::span<const ChatForm> chat_forms() { return known_forms; }

const ChatForm& chat_form(std::string_view name) {
  const auto found =
      std::find_if(known_forms.begin(), known_forms.end(), [&](const ChatForm& form) { return form.name == name; });
  STET_ASSERT(found != known_forms.end());
  return *found;
}

std::string chat_template_hash(std::string_view text) {
  for (int i = 0; i < 2 && text.ends_with('\n'); ++i) text.remove_suffix(1);
  return hash_hex(text);
}

const ChatForm& read_chat_form(const fs::path& folder) {
  fs::path file = stays_within(folder, folder / template_file);
  std::optional<std::string> text;
  if (fs::exists(file)) {
    text = read_file(file);
  } else {
    file = stays_within(folder, folder / tokenizer_file);
    text = template_in(file);
  }
  if (!text)
    throw Error(ErrorKind::data, "the folder of [base] has no chat template")
        .at(folder.string())
        .expected(std::string(template_file) + ", or chat_template in " + tokenizer_file)
        .received("neither")
        .hint(
            "a model that was not tuned on conversations has none: [prompt] template asks it; of one that was, put the "
            "file beside its weights");
  const std::string hash = chat_template_hash(*text);
  std::string names;
  for (const ChatForm& form : known_forms) {
    if (std::find(form.hashes.begin(), form.hashes.end(), hash) != form.hashes.end()) return form;
    names += (names.empty() ? "" : ", ") + std::string(form.name);
  }
  throw Error(ErrorKind::data, "the folder's chat template is none of those that are known (templates are not run)")
      .at(file.string())
      .expected("that of " + names)
      .received("hash " + hash + ": " + excerpt(nlohmann::json(*text)))
      .hint(
          "[prompt] template = what it writes around one question, such as "
          "\"<|im_start|>user\\n{question}<|im_end|>\\n<|im_start|>assistant\\n{answer}\"; head = what it writes "
          "before "
          "the first one alone; [slick] separator = what it writes between an answer and the next question");
}

}  // namespace stet
