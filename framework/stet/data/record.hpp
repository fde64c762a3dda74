// One line of a training file (JSON Lines) as a checked value. What a record becomes as tokens is in record_tokens.hpp.
//
// A line is exactly one of
//   {"prompt": text, "completion": text}                the loss acts on the completion
//   {"messages": [{"role": role, "content": text}...]}  role: system, user or assistant; the loss acts on assistant
//   turns
//   {"text": text}                                      the loss acts on all of it
// with no other keys, in any order of keys. One file may mix the three. A record is a whole line; a line ends with \n
// or \r\n, and the last one need not. Blank lines may stand at the end of a file alone. A byte order mark at the
// beginning of a file is passed over.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stet {

enum class Speaker { system, user, assistant };
[[nodiscard]] std::string_view name_of(Speaker role) noexcept;

struct Message {
  Speaker role = Speaker::user;
  std::string content;
  friend bool operator==(const Message&, const Message&) = default;
};

enum class RecordKind { completion, messages, text };
inline constexpr std::size_t record_kinds = 3;
/// "prompt/completion", "messages", "text".
[[nodiscard]] std::string_view name_of(RecordKind kind) noexcept;

struct Record {
  RecordKind kind = RecordKind::text;
  std::string prompt, completion;  ///< kind completion; the prompt may be empty, the completion is not
  std::vector<Message> messages;   ///< kind messages; one at least is the assistant's, and none of those is empty
  std::string text;                ///< kind text; not empty
};

/// `line`: without its end. Throws Error (data) without a place (the caller knows file and line), saying what was
/// expected: malformed JSON, text that is not UTF-8, other, missing, repeated or extra keys, values of another type, an
/// unknown role, an empty completion, text or assistant turn, no assistant turn.
[[nodiscard]] Record parse_record(std::string_view line);

}  // namespace stet
