#include <stet/data/record_tokens.hpp>

#include <stet/base/error.hpp>

#include <algorithm>

namespace stet {

namespace {

void append(std::vector<TokenId>& ids, const std::vector<TokenId>& more) {
  ids.insert(ids.end(), more.begin(), more.end());
}

TokenSequence conversation(const Tokenizer& tokenizer, const std::vector<Message>& messages) {
  TokenSequence sequence;
  std::string before;  // since the last assistant turn
  for (const Message& message : messages) {
    before.append(name_of(message.role)).append(":\n");
    if (message.role != Speaker::assistant) {
      before.append(message.content).append("\n");
      continue;
    }
    append(sequence.ids, tokenizer.encode(before));
    before.clear();
    const auto begin = static_cast<std::uint32_t>(std::max<std::size_t>(sequence.ids.size(), 1));
    append(sequence.ids, tokenizer.encode(message.content));
    sequence.ids.push_back(tokenizer.end_of_text());
    sequence.loss_spans.push_back({begin, static_cast<std::uint32_t>(sequence.ids.size())});
  }
  sequence.loss_begin = sequence.loss_spans.front().begin;
  return sequence;
}

void cut(const std::vector<TokenId>& ids, std::uint64_t context, std::vector<TokenSequence>& out) {
  for (std::size_t begin = 0; begin + 1 < ids.size(); begin += context - 1) {
    const std::size_t end = std::min<std::size_t>(begin + context, ids.size());
    TokenSequence piece;
    piece.ids.assign(ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.begin() + static_cast<std::ptrdiff_t>(end));
    out.push_back(std::move(piece));
  }
}

}  // namespace

bool tokenize_record(const Tokenizer& tokenizer, const Record& record, std::uint64_t context,
                     std::vector<TokenSequence>& out) {
  STET_ASSERT(context >= 2);
  TokenSequence sequence =
      record.kind == RecordKind::messages ? conversation(tokenizer, record.messages)
      : record.kind == RecordKind::completion
          ? tokenize(tokenizer, {record.prompt, record.completion, 0}, false, 0, SpecialTokens::leave_out)
          : tokenize(tokenizer, {"", record.text, 0}, true, 0, SpecialTokens::leave_out);
  if (sequence.loss_tokens() == 0) {
    throw Error(ErrorKind::data, "nothing to learn: no token has loss")
        .expected("text that the tokenizer makes tokens of");
  }
  if (sequence.ids.size() <= context) {
    out.push_back(std::move(sequence));
    return true;
  }
  if (record.kind != RecordKind::text) return false;
  cut(sequence.ids, context, out);
  return true;
}

}  // namespace stet
