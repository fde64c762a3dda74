// [prompt]: how facts are asked in fine-tuning, in scoring and by SLiCK, where it is not as the world words it.
#pragma once

#include <stet/config/identity_schema.hpp>
#include <stet/plan/chat_form.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/world/world.hpp>

#include <string>

namespace stet {

struct PromptConfig {
  /// With {question}, the world's own question, once, and behind it {answer}, once; empty: the world's wording.
  std::string pattern;
  /// Before it, and of a few-shot prompt's examples before the first alone: such as a system message.
  std::string head = {};
  /// Both are the chat form's of [base] folder; false once a plan has read it (InputContent) into them.
  bool chat = false;

  [[nodiscard]] bool given() const noexcept { return !pattern.empty(); }
  /// Throws Error (config) at `written`, where the file has it, if a place is missing or there twice.
  void check(const config::Value& written) const;
  /// All that an experiment's file alone decides of [prompt]. Throws Error (config).
  void check_all(const config::Value& experiment, bool base_given) const;
  /// In place of `chat`: asks in this form, in a folder with this tokenizer, so that the tokens of a question are those
  /// that the folder's template gives (transformers: apply_chat_template). Throws Error (data), placed in `folder`, if
  /// its texts begin or end otherwise than the form's.
  void take(const ChatForm& form, const Tokenizer& tokenizer, const std::string& folder);
  /// A wording of the world's ("Where is [X] located? [Y]") in this form ("Q: Where is [X] located?\nA: [Y]").
  [[nodiscard]] std::string wording(const std::string& probe) const;
  /// The world, whose facts are asked in this form.
  [[nodiscard]] World apply(World world) const;
};

[[nodiscard]] config::IdentitySchema<PromptConfig> prompt_schema();

}  // namespace stet
