#include <stet/train/example_store.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/data/sampler.hpp>

#include <algorithm>
#include <bit>
#include <utility>

namespace stet {

namespace {

/// Sums of subtrees, added as soon as two neighbours of one size are there: the tree of the gradient reducer.
class TreeSum {
 public:
  void add(at::Tensor sum) {
    int level = 0;
    while (!stack_.empty() && stack_.back().first == level) {
      sum = stack_.back().second.add_(sum);
      stack_.pop_back();
      ++level;
    }
    stack_.emplace_back(level, std::move(sum));
  }
  /// What is left is added from the right, as the last levels of a tree over a number that is no power of two.
  [[nodiscard]] at::Tensor total() {
    at::Tensor sum = std::move(stack_.back().second);
    stack_.pop_back();
    while (!stack_.empty()) {
      sum = stack_.back().second.add_(sum);
      stack_.pop_back();
    }
    return sum;
  }

 private:
  std::vector<std::pair<int, at::Tensor>> stack_;
};

}  // namespace

/// The groups of a range, and which of them this rank computes.
struct ExampleStore::Part {
  std::span<const TokenSequence> examples;
  std::uint64_t group, groups;
  [[nodiscard]] std::span<const TokenSequence> at(std::uint64_t index) const {
    const std::uint64_t begin = index * group;
    return examples.subspan(begin, std::min<std::uint64_t>(group, examples.size() - begin));
  }
};

ExampleStore::ExampleStore(const Transformer& model, Communicator& communicator, std::int64_t shards)
    : model_(model), communicator_(communicator), shards_(shards) {
  STET_ASSERT(shards > 0 && shards % communicator.size() == 0);
}

void ExampleStore::add(std::string name, std::function<std::vector<TokenSequence>()> make) {
  STET_ASSERT(std::find(names_.begin(), names_.end(), name) == names_.end());
  names_.push_back(std::move(name));
  sets_.push_back({std::move(make), {}});
}

const std::vector<TokenSequence>& ExampleStore::sequences(const std::string& set) const {
  const auto found = std::find(names_.begin(), names_.end(), set);
  if (found == names_.end()) {
    throw Error(ErrorKind::config, "there is no set of examples '" + set + "'")
        .expected(names_.empty() ? "none is at hand here" : "one of: " + join(names_, ", "))
        .received("'" + set + "'")
        .hint(suggestion(set, names_));
  }
  const auto number = static_cast<std::size_t>(found - names_.begin());
  Set& place = sets_[number];
  if (place.make) {
    place.sequences = std::exchange(place.make, nullptr)();
    for (std::size_t i = 0; i < place.sequences.size(); ++i) place.sequences[i].example = number_of(number, i);
  }
  if (place.sequences.empty())
    throw Error(ErrorKind::config, "the set of examples '" + set + "' is empty").hint("see [sets]");
  return place.sequences;
}

std::int64_t ExampleStore::size(const std::string& set) const {
  return static_cast<std::int64_t>(sequences(set).size());
}

ExampleStore::Part ExampleStore::part(const ExampleRange& range) const {
  STET_ASSERT(range.limit >= 0 && range.group > 0);
  const std::vector<TokenSequence>& all = sequences(range.set);
  const std::size_t count = range.limit == 0 ? all.size() : std::min(all.size(), static_cast<std::size_t>(range.limit));
  const auto group = static_cast<std::uint64_t>(range.group);
  return {std::span(all).first(count), group, (count + group - 1) / group};
}

void ExampleStore::with_rows(std::span<const TokenSequence> group, std::int64_t first, const at::Tensor& weights,
                             Activations* kept,
                             const std::function<void(const ExampleRows&, const PackedBatch&)>& visit) const {
  const at::NoGradGuard guard;
  communicator_.recorder().beat();
  const PackedBatch batch = pack(group);
  const TokenBatch tokens{batch.tokens, batch.offsets, batch.positions};
  const at::Tensor rows = at::tensor(batch.loss_rows);
  ExampleRows answer;
  answer.hidden = model_.forward(weights, tokens, &rows, kept);
  answer.logits = answer.hidden.matmul(model_.head(weights).t());
  answer.targets = at::tensor(batch.targets);
  answer.sequence_of = batch.sequence_of;
  answer.first = first;
  answer.logits_under = [&](const at::Tensor& other) {
    const at::NoGradGuard inner;
    return model_.forward(other, tokens, &rows, nullptr).matmul(model_.head(other).t());
  };
  visit(answer, batch);
}

void ExampleStore::gradients(std::span<const TokenSequence> group, std::int64_t first, const at::Tensor& weights,
                             const LogitGradients& of,
                             const std::function<void(const at::Tensor&, std::size_t)>& visit) const {
  std::vector<at::Tensor> pulls;
  at::Tensor hidden;
  std::size_t index = 0;
  // A backward pass uses up what its forward pass kept: one of each for every pull.
  do {
    with_rows(group, first, weights, &activations_, [&](const ExampleRows& rows, const PackedBatch& batch) {
      if (index == 0) pulls = of(rows);
      if (pulls.empty()) return;
      const at::Tensor& d_logits = pulls[index];
      STET_ASSERT(d_logits.sizes() == rows.logits.sizes() && d_logits.scalar_type() == rows.logits.scalar_type());
      at::Tensor gradient = at::zeros_like(weights);
      at::Tensor d_head = model_.head(gradient);
      at::addmm_out(d_head, d_head, d_logits.t(), rows.hidden);
      model_.backward(weights, {batch.tokens, batch.offsets, batch.positions}, activations_,
                      d_logits.matmul(model_.head(weights)), gradient, {});
      visit(gradient, index);
    });
  } while (++index < pulls.size());
}

at::Tensor ExampleStore::sum_gradients(
    const ExampleRange& range, const at::Tensor& weights, const LogitGradients& of,
    const std::function<void(const at::Tensor&, std::size_t, at::Tensor&)>& add) const {
  const at::NoGradGuard guard;
  const Part groups = part(range);
  const std::int64_t local = shards_ / communicator_.size(), first = communicator_.rank() * local;
  TreeSum tree;
  for (std::int64_t shard = first; shard < first + local; ++shard) {
    const BatchRange mine =
        part_of({0, groups.groups}, static_cast<std::uint64_t>(shard), static_cast<std::uint64_t>(shards_));
    at::Tensor sum = at::zeros({weights.numel()}, at::kDouble);
    for (std::uint64_t g = mine.begin; g < mine.end; ++g) {
      gradients(groups.at(g), static_cast<std::int64_t>(g * groups.group), weights, of,
                [&](const at::Tensor& gradient, std::size_t index) { add(gradient, index, sum); });
    }
    tree.add(std::move(sum));
  }
  at::Tensor total = tree.total();
  const std::span<double> values(total.data_ptr<double>(), static_cast<std::size_t>(total.numel()));
  if (std::has_single_bit(static_cast<unsigned>(communicator_.size()))) {
    communicator_.tree_all_reduce_sum(values);
  } else {
    communicator_.all_reduce_sum(values);
  }
  return total;
}

at::Tensor ExampleStore::map_gradients(const ExampleRange& range, const at::Tensor& weights, const LogitGradients& of,
                                       const std::function<std::vector<double>(const at::Tensor&)>& read) const {
  const at::NoGradGuard guard;
  const Part groups = part(range);
  const auto ranks = static_cast<std::uint64_t>(communicator_.size()),
             rank = static_cast<std::uint64_t>(communicator_.rank());
  std::vector<std::vector<double>> mine(groups.groups);
  std::int64_t width = 0;
  for (std::uint64_t g = rank; g < groups.groups; g += ranks) {
    gradients(groups.at(g), static_cast<std::int64_t>(g * groups.group), weights, of,
              [&](const at::Tensor& gradient, std::size_t index) {
                if (index == 0) mine[g] = read(gradient);
              });
    width = static_cast<std::int64_t>(mine[g].size());
  }
  std::vector<double> widest{static_cast<double>(width)};  // a rank without a group does not know
  communicator_.all_reduce_max(std::span<double>(widest));
  width = static_cast<std::int64_t>(widest[0]);
  at::Tensor result = at::zeros({static_cast<std::int64_t>(groups.groups), width}, at::kDouble);
  for (std::uint64_t g = rank; g < groups.groups; g += ranks) {
    STET_ASSERT(static_cast<std::int64_t>(mine[g].size()) == width);
    std::copy(mine[g].begin(), mine[g].end(), result.data_ptr<double>() + g * static_cast<std::uint64_t>(width));
  }
  communicator_.all_reduce_sum(std::span<double>(result.data_ptr<double>(), static_cast<std::size_t>(result.numel())));
  return result;
}

void ExampleStore::for_each(const ExampleRange& range, const at::Tensor& weights,
                            const std::function<void(const ExampleRows&)>& visit) const {
  const Part groups = part(range);
  for (std::uint64_t g = 0; g < groups.groups; ++g) {
    with_rows(groups.at(g), static_cast<std::int64_t>(g * groups.group), weights, nullptr,
              [&](const ExampleRows& rows, const PackedBatch&) { visit(rows); });
  }
}

}  // namespace stet
