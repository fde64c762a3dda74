// How a model that was tuned on conversations is asked: what the chat template in its folder writes around one
// question. Such a template is a program in Jinja. None is run here: those that are known are recognized by their text.
#pragma once

#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace stet {

/// What a template writes for one message of a user, to be answered, without tools (of a template that may think: with
/// enable_thinking = false; of one that writes the date: the one that it has where none is given).
struct ChatForm {
  std::string_view name;
  std::string_view begin;                  ///< the token that the template begins a text with; "": none
  std::string_view head;                   ///< behind it, before the first question alone: a system message
  std::string_view pattern;                ///< {question} and {answer}, and what stands around them
  std::string_view separator;              ///< between an answer and the next question
  std::string_view end;                    ///< the token that an answer ends with
  std::array<std::string_view, 3> hashes;  ///< chat_template_hash() of the templates that write so; "": none
};

/// All that are known.
[[nodiscard]] std::span<const ChatForm> chat_forms();
/// The one of this name, which must be known.
[[nodiscard]] const ChatForm& chat_form(std::string_view name);

/// hash_hex() of the text without the two line ends behind it that Jinja leaves out.
[[nodiscard]] std::string chat_template_hash(std::string_view text);

/// The form of a model's folder: of its chat_template.jinja, else of chat_template in its tokenizer_config.json (a
/// text, or a list of which the one named "default" counts). Throws Error (data) if there is none, or one that is not
/// known.
[[nodiscard]] const ChatForm& read_chat_form(const std::filesystem::path& folder);

}  // namespace stet
