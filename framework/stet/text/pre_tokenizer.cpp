#include <stet/text/pre_tokenizer.hpp>

#include <algorithm>

namespace stet {

PreTokenizer::Cutter::Cutter(const PreTokenizer& rules) : prefix_space_(rules.prefix_space) {
  for (const SplitStep& step : rules.splits) {
    splits_.push_back({Pattern::Matcher(step.pattern), step.behavior, step.invert});
  }
  if (rules.words) words_.emplace(*rules.words);
}

void PreTokenizer::Cutter::arrange(SplitBehavior behavior, const std::vector<Span>& found, std::vector<Span>& out) {
  const std::size_t first = out.size();
  const auto has_own = [&] { return out.size() > first; };
  bool previous = false;
  switch (behavior) {
    case SplitBehavior::isolated: out.insert(out.end(), found.begin(), found.end()); break;
    case SplitBehavior::removed:
      std::copy_if(found.begin(), found.end(), std::back_inserter(out), [](const Span& span) { return !span.match; });
      break;
    case SplitBehavior::contiguous:
      for (const Span& span : found) {
        if (has_own() && span.match == previous) {
          out.back().end = span.end;
        } else {
          out.push_back(span);
        }
        previous = span.match;
      }
      break;
    case SplitBehavior::merged_with_previous:
      for (const Span& span : found) {
        if (span.match && !previous && has_own()) {
          out.back().end = span.end;
        } else {
          out.push_back(span);
        }
        previous = span.match;
      }
      break;
    case SplitBehavior::merged_with_next:
      for (auto span = found.rbegin(); span != found.rend(); ++span) {
        if (span->match && !previous && has_own()) {
          out.back().begin = span->begin;
        } else {
          out.push_back(*span);
        }
        previous = span->match;
      }
      std::reverse(out.begin() + static_cast<std::ptrdiff_t>(first), out.end());
      break;
  }
}

const std::vector<PreTokenizer::Cutter::Span>& PreTokenizer::Cutter::split(std::string_view text) {
  pieces_.assign(1, Span{0, text.size(), false});
  for (Step& step : splits_) {
    next_.clear();
    for (const Span& piece : pieces_) {
      found_.clear();
      find_all(step.matcher, text.substr(piece.begin, piece.end - piece.begin),
               [&](std::size_t begin, std::size_t end, bool match) {
                 found_.push_back({piece.begin + begin, piece.begin + end, match});
               });
      if (step.invert) {
        for (Span& span : found_) span.match = !span.match;
      }
      arrange(step.behavior, found_, next_);
    }
    pieces_.clear();
    std::copy_if(next_.begin(), next_.end(), std::back_inserter(pieces_),
                 [](const Span& span) { return span.begin < span.end; });
  }
  return pieces_;
}

}  // namespace stet
