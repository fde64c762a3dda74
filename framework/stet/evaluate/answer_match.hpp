// Judging what a model writes, as the literature on open-domain questions does: the first line of its greedy answer,
// compared with every accepted answer after normalization.
// What this is not: the exact match of evaluation.hpp, which runs no decoding and asks for the end of the text, too.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/evaluate/evaluation.hpp>
#include <stet/model/transformer.hpp>
#include <stet/text/tokenizer.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace stet {

enum class AnswerVerdict : std::uint8_t { wrong, right, not_attempted };

/// Right: the first line of `text` is, after squad_normalized(), the fact's answer or one of its aliases. Not
/// attempted: it is empty or says that the answer is not known ("I don't know", "unknown", "I'm not sure ...").
/// Anything else is wrong, also an answer with words around it.
[[nodiscard]] AnswerVerdict judge_answer(std::string_view text, const Fact& fact);

/// Collective. Of each fact of the set: what the model continues its prompt with, greedily, up to an end of text or
/// line, judged. What does not end within the longest accepted answer and a few more tokens is wrong. The same for any
/// number of ranks. Throws Error (data) if prompt and answer do not fit the context.
[[nodiscard]] std::vector<AnswerVerdict> judge_answers(const Transformer& model, const at::Tensor& weights,
                                                       const TokenizedSet& set, const Tokenizer& tokenizer,
                                                       Communicator& communicator, std::size_t batch_size);

}  // namespace stet
