#include <stet/model/generation.hpp>

#include <stet/base/error.hpp>
#include <stet/model/token_sampler.hpp>

#include <algorithm>
#include <optional>

namespace stet {

/// Tokens of one forward pass, with what goes with them.
struct Generator::Pass {
  std::vector<std::int32_t> tokens, positions, offsets{0};
};

/// Continuations of one prompt that have the same tokens so far.
struct Generator::Branch {
  std::size_t prompt = 0;
  std::vector<std::size_t> members;  // indices into the prompt's continuations
  std::vector<std::int32_t> tokens;
  std::optional<KeyValueSegment> segment;  // of all tokens but the last; none before the second pass
};

Generator::Generator(const Transformer& model, at::Tensor weights)
    : model_(model),
      weights_(std::move(weights)),
      prefix_(model.config(), 0, weights_.scalar_type()),
      cache_(model.config()) {
  STET_ASSERT(weights_.dim() == 1 && weights_.numel() == model.table().total());
}

at::Tensor Generator::forward(const Pass& pass, const at::Tensor* rows) {
  return model_.forward_cached(weights_, {pass.tokens, pass.offsets, pass.positions}, cache_, rows, buffers_);
}

void Generator::set_prefix(std::span<const std::int32_t> tokens) {
  const auto length = static_cast<std::int64_t>(tokens.size());
  prefix_ = KeyValueSegment(model_.config(), length, weights_.scalar_type());
  if (tokens.empty()) return;
  Pass pass;
  pass.tokens.assign(tokens.begin(), tokens.end());
  for (std::int32_t t = 0; t < length; ++t) pass.positions.push_back(t);
  pass.offsets.push_back(static_cast<std::int32_t>(length));
  if (length > model_.config().context) {
    throw Error(ErrorKind::data, "the prompts' prefix is longer than the model's context")
        .expected("at most " + std::to_string(model_.config().context) + " tokens")
        .received(std::to_string(length) + " tokens");
  }
  cache_.clear();
  cache_.append(0, length, prefix_);
  const at::Tensor last = at::full({1}, length - 1, at::kLong);
  static_cast<void>(forward(pass, &last));  // no row is needed, but the last block's keys and values are
}

void Generator::check(std::span<const Prompt> prompts, const Decoding& decoding) const {
  const auto refuse = [](const char* what, std::int64_t received) {
    throw Error(ErrorKind::config, what).received(std::to_string(received));
  };
  if (decoding.max_new_tokens < 1) refuse("generation needs at least one new token", decoding.max_new_tokens);
  if (decoding.samples < 0) refuse("the number of samples is negative", decoding.samples);
  if (decoding.samples == 0 && !decoding.greedy) refuse("generation is asked for no continuation", 0);
  if (decoding.rows_at_once < 1) refuse("generation needs at least one row at once", decoding.rows_at_once);
  for (const Prompt& prompt : prompts) {
    if (prompt.tokens.empty())
      throw Error(ErrorKind::data, "a prompt is empty").expected("at least one token to continue");
    const auto length = static_cast<std::int64_t>(prompt.tokens.size());
    const std::int64_t needed = prefix_.length() + length + decoding.max_new_tokens - 1;  // the last one is not read
    if (needed > model_.config().context) {
      throw Error(ErrorKind::data, "prompt and answer do not fit the model's context")
          .expected("at most " + std::to_string(model_.config().context) + " tokens")
          .received(std::to_string(needed) + ": prefix " + std::to_string(prefix_.length()) + ", prompt " +
                    std::to_string(length) + ", new tokens " + std::to_string(decoding.max_new_tokens))
          .hint("use fewer new tokens, a shorter prompt, or a model with a longer context");
    }
  }
}

std::vector<std::vector<Continuation>> Generator::generate(std::span<const Prompt> prompts, const Decoding& decoding) {
  check(prompts, decoding);
  std::vector<std::vector<Continuation>> results(prompts.size());
  const std::int64_t each = decoding.samples + (decoding.greedy ? 1 : 0);
  const auto group = static_cast<std::size_t>(std::max<std::int64_t>(1, decoding.rows_at_once / each));
  for (std::size_t begin = 0; begin < prompts.size(); begin += group) {
    const std::size_t count = std::min(group, prompts.size() - begin);
    for (std::size_t i = begin; i < begin + count; ++i) results[i].resize(static_cast<std::size_t>(each));
    const auto part = std::span(results).subspan(begin, count);
    weights_.scalar_type() == at::kDouble ? generate_group<double>(prompts.subspan(begin, count), decoding, part)
                                          : generate_group<float>(prompts.subspan(begin, count), decoding, part);
  }
  return results;
}

template <class T>
void Generator::generate_group(std::span<const Prompt> prompts, const Decoding& decoding,
                               std::span<std::vector<Continuation>> results) {
  const at::NoGradGuard guard;
  const auto prefix = static_cast<std::int32_t>(prefix_.length());
  const at::Tensor head = model_.head(weights_).t();
  const std::int64_t V = head.size(1), logit_rows = std::max<std::int64_t>(1, (std::int64_t{1} << 24) / V);
  TokenSampler sampler(decoding.samples > 0 ? decoding.temperature : 1.0, decoding.top_k);

  std::vector<KeyValueSegment> segments;
  std::vector<Branch> branches;
  Pass pass;
  std::vector<std::int64_t> last_rows;
  segments.reserve(prompts.size());
  for (std::size_t p = 0; p < prompts.size(); ++p) {
    const auto length = static_cast<std::int32_t>(prompts[p].tokens.size());
    segments.emplace_back(model_.config(), length, weights_.scalar_type());
    pass.tokens.insert(pass.tokens.end(), prompts[p].tokens.begin(), prompts[p].tokens.end());
    for (std::int32_t t = 0; t < length; ++t) pass.positions.push_back(prefix + t);
    pass.offsets.push_back(static_cast<std::int32_t>(pass.tokens.size()));
    last_rows.push_back(pass.offsets.back() - 1);
    branches.push_back({p, {}, {}, std::nullopt});
    for (std::size_t i = 0; i < results[p].size(); ++i) branches[p].members.push_back(i);
  }
  cache_.clear();
  cache_.see(0, 0, static_cast<std::int64_t>(pass.tokens.size()), prefix_);
  for (std::size_t p = 0; p < prompts.size(); ++p) cache_.append(pass.offsets[p], pass.offsets[p + 1], segments[p]);
  const at::Tensor rows = at::tensor(last_rows);
  at::Tensor hidden = forward(pass, &rows);  // [branches, d], here and after each step

  const auto stops = [&](std::int32_t token) {
    return std::find(decoding.stop_tokens.begin(), decoding.stop_tokens.end(), token) != decoding.stop_tokens.end();
  };
  for (std::int64_t step = 0; !branches.empty(); ++step) {
    std::vector<Branch> grown;
    for (std::int64_t first = 0; first < hidden.size(0); first += logit_rows) {
      const at::Tensor logits = hidden.narrow(0, first, std::min(logit_rows, hidden.size(0) - first)).matmul(head);
      for (std::int64_t row = 0; row < logits.size(0); ++row) {
        Branch& branch = branches[static_cast<std::size_t>(first + row)];
        const std::span<const T> values(logits.data_ptr<T>() + row * V, static_cast<std::size_t>(V));
        const std::size_t greedy_members = decoding.greedy && branch.members[0] == 0 ? 1 : 0;
        if (branch.members.size() > greedy_members) sampler.prepare(values);
        std::vector<Branch> children;
        for (const std::size_t member : branch.members) {
          const auto sample = static_cast<std::uint32_t>(member - (decoding.greedy ? 1 : 0));
          const std::int32_t token = decoding.greedy && member == 0
                                         ? most_probable(values)
                                         : sampler.draw(token_uniform(decoding.seed, prompts[branch.prompt].item,
                                                                      sample, static_cast<std::uint32_t>(step)));
          Continuation& result = results[branch.prompt][member];
          if (stops(token)) {
            result.stopped = true;
            result.stop_token = token;
            continue;
          }
          result.tokens.push_back(token);
          if (step + 1 == decoding.max_new_tokens) continue;
          const auto same = std::find_if(children.begin(), children.end(),
                                         [&](const Branch& child) { return child.tokens.back() == token; });
          if (same != children.end()) {
            same->members.push_back(member);
          } else {
            children.push_back({branch.prompt, {member}, branch.tokens, std::nullopt});
            children.back().tokens.push_back(token);
          }
        }
        for (std::size_t c = 0; c < children.size();
             ++c) {  // the last child takes the parent's cache, the others copy it
          if (branch.segment && c + 1 < children.size()) children[c].segment = *branch.segment;
          if (branch.segment && c + 1 == children.size()) children[c].segment = std::move(branch.segment);
          grown.push_back(std::move(children[c]));
        }
      }
    }
    branches = std::move(grown);
    if (branches.empty()) break;
    pass = Pass();
    cache_.clear();
    const auto n = static_cast<std::int64_t>(branches.size());
    cache_.see(0, 0, n, prefix_);
    for (std::int64_t begin = 0, end = 0; begin < n; begin = end) {
      const std::size_t prompt = branches[static_cast<std::size_t>(begin)].prompt;
      while (end < n && branches[static_cast<std::size_t>(end)].prompt == prompt) ++end;
      cache_.see(1, begin, end, segments[prompt]);
    }
    for (std::int64_t i = 0; i < n; ++i) {
      Branch& branch = branches[static_cast<std::size_t>(i)];
      if (!branch.segment) branch.segment.emplace(model_.config(), 1, weights_.scalar_type());
      branch.segment->reserve(branch.segment->length() + 1);
      cache_.append(i, i + 1, *branch.segment);
      pass.tokens.push_back(branch.tokens.back());
      const auto before = static_cast<std::int32_t>(prompts[branch.prompt].tokens.size() + branch.tokens.size());
      pass.positions.push_back(prefix + before - 1);
      pass.offsets.push_back(static_cast<std::int32_t>(i + 1));
    }
    hidden = forward(pass, nullptr);
  }
}

}  // namespace stet
