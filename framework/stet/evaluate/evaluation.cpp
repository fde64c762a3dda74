#include <stet/evaluate/evaluation.hpp>

#include <stet/base/error.hpp>
#include <stet/model/kernels_cpu.hpp>

#include <algorithm>
#include <cmath>

namespace stet {

TokenizedSet tokenize_set(std::string name, std::span<const Fact> facts, const Tokenizer& tokenizer,
                          const std::function<const std::string&(const Fact&)>& wording) {
  TokenizedSet set{std::move(name), {facts.begin(), facts.end()}, {}, {}};
  for (std::size_t i = 0; i < facts.size(); ++i) {
    const std::string& text = wording(facts[i]);
    const Example example = render(text, facts[i]);
    set.sequences.push_back(tokenize(tokenizer, example, false, i));
    const std::size_t at =
        text.find("[X]");  // the same place in the prompt; the subject's words may also stand before it
    STET_ASSERT(at != std::string::npos && example.prompt.compare(at, facts[i].subject.size(), facts[i].subject) == 0);
    const std::size_t begin = tokenizer.before_text().size();
    const auto length =
        begin + tokenizer.encode(std::string_view(example.prompt).substr(0, at + facts[i].subject.size())).size();
    set.subject_end.push_back(static_cast<std::int32_t>(length) - 1);
    // A space before the subject may be part of its first token: what stands before it is encoded without.
    std::string_view before = std::string_view(example.prompt).substr(0, at);
    while (before.ends_with(' ')) before.remove_suffix(1);
    const std::vector<TokenId> lead = tokenizer.encode(before), &ids = set.sequences.back().ids;
    auto same = static_cast<std::int32_t>(begin);
    while (same < set.subject_end.back() && static_cast<std::size_t>(same) - begin < lead.size() &&
           lead[static_cast<std::size_t>(same) - begin] == ids[static_cast<std::size_t>(same)])
      ++same;
    set.subject_begin.push_back(same);
  }
  return set;
}

void check_lengths(const TokenizedSet& set, std::int64_t context) {
  for (std::size_t i = 0; i < set.sequences.size(); ++i) {
    const std::size_t length = set.sequences[i].ids.size();
    if (length <= static_cast<std::size_t>(context)) continue;
    throw Error(ErrorKind::data, "a fact" + (set.name.empty() ? "" : " of set '" + set.name + "'") +
                                     " is longer than the model's context")
        .at("subject '" + set.facts[i].subject + "', answer '" + set.facts[i].answer + "'")
        .expected("at most " + std::to_string(context) + " tokens (model.context)")
        .received(std::to_string(length) + " tokens")
        .hint("raise model.context, or leave the fact out");
  }
}

double SetScore::accuracy() const {
  if (correct.empty()) return 0;
  return static_cast<double>(std::count(correct.begin(), correct.end(), 1)) / static_cast<double>(correct.size());
}

SetScore score(const Transformer& model, const at::Tensor& weights, const TokenizedSet& set, Communicator& communicator,
               std::size_t batch_size) {
  const at::NoGradGuard guard;
  check_lengths(set, model.config().context);
  const std::size_t n = set.sequences.size();
  // Each rank fills its own batches and leaves zeros elsewhere; the sum over ranks is then exact.
  std::vector<double> log_probability(n), confidence(n), entropy(n);
  std::vector<std::int64_t> correct(n), first(n);
  const auto ranks = static_cast<std::size_t>(communicator.size()),
             rank = static_cast<std::size_t>(communicator.rank());
  const at::Tensor head = model.head(weights);
  for (std::size_t begin = 0, index = 0; begin < n; begin += batch_size, ++index) {
    if (index % ranks != rank) continue;
    communicator.recorder().beat();
    const std::size_t end = std::min(begin + batch_size, n);
    const PackedBatch batch = pack(std::span(set.sequences).subspan(begin, end - begin));
    const at::Tensor rows = at::tensor(batch.loss_rows);
    const at::Tensor hidden = model.forward(weights, {batch.tokens, batch.offsets, batch.positions}, &rows, nullptr);
    const at::Tensor logits = hidden.matmul(head.t());
    const std::int64_t P = logits.size(0), V = logits.size(1);
    std::vector<std::int64_t> best(static_cast<std::size_t>(P));
    std::vector<double> losses(best.size());
    const auto run = [&]<class T>(T) {
      std::vector<T> values(best.size());
      kernels::cross_entropy<T>(logits.data_ptr<T>(), batch.targets.data(), nullptr, values.data(), nullptr,
                                best.data(), P, V);
      losses.assign(values.begin(), values.end());
    };
    weights.scalar_type() == at::kDouble ? run(double{}) : run(float{});
    // log of the arg-max's probability: the loss is that of the target, the logits' difference is exact.
    const auto best_log = [&](std::size_t p) {
      const at::Tensor row = logits[static_cast<std::int64_t>(p)];
      return best[p] == batch.targets[p]
                 ? -losses[p]
                 : row[best[p]].item<double>() - row[batch.targets[p]].item<double>() - losses[p];
    };
    std::vector<std::int64_t> first_rows;
    for (std::size_t i = begin; i < end; ++i) correct[i] = 1;
    for (std::size_t p = 0; p < best.size(); ++p) {
      const std::size_t i = begin + static_cast<std::size_t>(batch.sequence_of[p]);
      const bool starts = p == 0 || batch.sequence_of[p] != batch.sequence_of[p - 1];
      if (starts) {
        first[i] = best[p];
        first_rows.push_back(static_cast<std::int64_t>(p));
      }
      if (correct[i] == 1) confidence[i] += best_log(p);
      if (best[p] != batch.targets[p]) correct[i] = 0;
      log_probability[i] -= losses[p];
    }
    const at::Tensor log_p = logits.index_select(0, at::tensor(first_rows)).to(at::kDouble).log_softmax(1);
    const at::Tensor p_first = log_p.exp(), entropies = -at::xlogy(p_first, p_first).sum(1);  // 0 log 0 = 0
    for (std::size_t k = 0; k < first_rows.size(); ++k) {
      const std::size_t i =
          begin + static_cast<std::size_t>(batch.sequence_of[static_cast<std::size_t>(first_rows[k])]);
      entropy[i] = entropies.data_ptr<double>()[k];
      confidence[i] = std::exp(confidence[i]);
    }
  }
  for (std::vector<double>* values : {&log_probability, &confidence, &entropy})
    communicator.all_reduce_sum(std::span<double>(*values));
  communicator.all_reduce_sum(std::span<std::int64_t>(correct));
  communicator.all_reduce_sum(std::span<std::int64_t>(first));
  SetScore result;
  result.correct.assign(correct.begin(), correct.end());
  for (const double log : log_probability) result.probability.push_back(static_cast<float>(std::exp(log)));
  result.confidence.assign(confidence.begin(), confidence.end());
  result.entropy.assign(entropy.begin(), entropy.end());
  result.first_token.assign(first.begin(), first.end());
  result.log_probability = std::move(log_probability);
  return result;
}

namespace {

/// What `read` gives for each batch of the first `limit` facts, layer by layer, laid end to end.
std::vector<at::Tensor> by_layer(
    const TokenizedSet& set, ProbePosition position, std::size_t limit, std::int64_t layers,
    const std::function<std::vector<at::Tensor>(const TokenBatch&, const at::Tensor& rows)>& read) {
  const std::size_t n = std::min(limit, set.sequences.size());
  std::vector<std::vector<at::Tensor>> parts(static_cast<std::size_t>(layers));
  constexpr std::size_t batch_size = 128;
  for (std::size_t begin = 0; begin < n; begin += batch_size) {
    const std::size_t end = std::min(begin + batch_size, n);
    const PackedBatch batch = pack(std::span(set.sequences).subspan(begin, end - begin));
    std::vector<std::int64_t> rows;
    for (std::size_t i = begin; i < end; ++i) {
      const auto within = position == ProbePosition::subject_end
                              ? static_cast<std::int64_t>(set.subject_end[i])
                              : static_cast<std::int64_t>(set.sequences[i].loss_begin) - 1;
      rows.push_back(batch.offsets[i - begin] + within);
    }
    const std::vector<at::Tensor> found = read({batch.tokens, batch.offsets, batch.positions}, at::tensor(rows));
    STET_ASSERT(found.size() == parts.size());
    for (std::size_t l = 0; l < found.size(); ++l) parts[l].push_back(found[l]);
  }
  std::vector<at::Tensor> result;
  for (const auto& layer : parts) result.push_back(layer.empty() ? at::Tensor() : at::cat(layer, 0));
  return result;
}

}  // namespace

std::vector<at::Tensor> hidden_states(const Transformer& model, const at::Tensor& weights, const TokenizedSet& set,
                                      ProbePosition position, std::size_t limit) {
  return by_layer(set, position, limit, model.config().layers + 1,
                  [&](const TokenBatch& batch, const at::Tensor& rows) {
                    std::vector<at::Tensor> layers;
                    static_cast<void>(model.forward(weights, batch, &rows, nullptr, &layers));
                    return layers;
                  });
}

std::vector<at::Tensor> neurons(const Transformer& model, const at::Tensor& weights, const TokenizedSet& set,
                                ProbePosition position, std::size_t limit) {
  Activations kept;
  return by_layer(set, position, limit, model.config().layers, [&](const TokenBatch& batch, const at::Tensor& rows) {
    static_cast<void>(model.forward(weights, batch, &rows, &kept));
    return model.neurons(kept, &rows);
  });
}

std::vector<ProbeFact> probe_facts(const TokenizedSet& set) {
  std::vector<ProbeFact> facts;
  for (std::size_t i = 0; i < set.sequences.size(); ++i) {
    const TokenSequence& sequence = set.sequences[i];
    const auto at = [&](std::int64_t position) { return sequence.ids.begin() + position; };
    const std::int32_t begin = set.subject_begin.empty() ? 0 : set.subject_begin[i];
    facts.push_back({{at(begin), at(set.subject_end[i] + 1)},
                     {at(sequence.loss_begin), sequence.ids.end()},
                     set.facts[i].answer,
                     set.facts[i].relation});
  }
  return facts;
}

}  // namespace stet
