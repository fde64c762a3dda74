#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/sdk/example_tools.hpp>
#include <stet/sdk/fisher.hpp>

#include <utility>
#include <vector>

namespace stet {

namespace {

/// d log p(tokens) / d logits, row by row: one-hot - softmax.
at::Tensor score(const at::Tensor& probabilities, const at::Tensor& tokens) {
  at::Tensor result = probabilities.neg();
  result.scatter_add_(1, tokens.unsqueeze(1), at::ones({tokens.size(0), 1}, result.options()));
  return result;
}

/// One token a row, drawn from `probabilities` ([P, V] kDouble, contiguous).
at::Tensor draw_tokens(const at::Tensor& probabilities, Random& random) {
  const std::int64_t rows = probabilities.size(0), classes = probabilities.size(1);
  at::Tensor tokens = at::empty({rows}, at::kLong);
  const double* p = probabilities.data_ptr<double>();
  for (std::int64_t row = 0; row < rows; ++row, p += classes) {
    double left = random.uniform();
    std::int64_t token = 0;
    while (token + 1 < classes && left >= p[token]) left -= p[token++];
    tokens.data_ptr<std::int64_t>()[row] = token;
  }
  return tokens;
}

/// Independent draws at the rows of one example: the scores of different positions have mean 0 and so do not correlate,
/// hence the square of their sum is, in the mean, what `every_token` adds up.
std::vector<at::Tensor> drawn_tokens(const ExampleRows& rows, const FisherOptions& options) {
  const at::Tensor probabilities = at::softmax(rows.logits, -1);
  const at::Tensor exact = at::softmax(rows.logits.to(at::kDouble), -1).contiguous();
  std::vector<at::Tensor> pulls;
  for (std::int64_t s = 0; s < options.samples; ++s) {
    Random random(options.seed, "fisher", static_cast<std::uint64_t>(rows.first), static_cast<std::uint32_t>(s));
    pulls.push_back(score(probabilities, draw_tokens(exact, random)));
  }
  return pulls;
}

/// sqrt(p(v)) d log p(v) / d logits at one position, for every position and token: the squares add up to the
/// expectation.
std::vector<at::Tensor> every_token(const ExampleRows& rows) {
  const at::Tensor probabilities = at::softmax(rows.logits, -1), roots = probabilities.sqrt();
  std::vector<at::Tensor> pulls;
  for (std::int64_t row = 0; row < rows.logits.size(0); ++row) {
    for (std::int64_t token = 0; token < rows.logits.size(1); ++token) {
      at::Tensor pull = at::zeros_like(rows.logits);
      at::Tensor at_row = pull[row];
      at_row.sub_(probabilities[row]);
      at_row[token].add_(1);
      at_row.mul_(roots[row][token]);
      pulls.push_back(std::move(pull));
    }
  }
  return pulls;
}

void check_vocabulary(const FisherOptions& options, std::int64_t vocabulary) {
  if (options.fisher == FisherEstimator::exact && vocabulary > options.largest_vocabulary) {
    throw Error(
        ErrorKind::config,
        "the exact Fisher information takes a backward pass for every token of the vocabulary at every answer position")
        .expected(fmt::format("a vocabulary of at most {} (largest_vocabulary)", options.largest_vocabulary))
        .received(fmt::format("{}", vocabulary))
        .hint("fisher = \"sampled\" is an unbiased estimate of it; or raise largest_vocabulary");
  }
}

}  // namespace

void check_fisher(const FisherOptions& options, const CheckContext& context) {
  context.require_examples("set", options.set);
  if (context.vocabulary_known) check_vocabulary(options, context.model.vocabulary);
}

at::Tensor diagonal_fisher(const FisherOptions& options, const Examples& examples, const at::Tensor& weights,
                           std::int64_t vocabulary) {
  check_vocabulary(options, vocabulary);
  const std::int64_t count = example_count(examples, options.set, options.limit);
  ExampleRange range{options.set, options.limit, 1};
  double parts = static_cast<double>(count), factor = 1;
  LogitGradients of;
  switch (options.fisher) {
    case FisherEstimator::exact: of = every_token; break;
    case FisherEstimator::sampled:
      factor = 1.0 / static_cast<double>(options.samples);
      of = [&options](const ExampleRows& rows) { return drawn_tokens(rows, options); };
      break;
    case FisherEstimator::empirical:
      of = [](const ExampleRows& rows) {
        return std::vector<at::Tensor>{score(at::softmax(rows.logits, -1), rows.targets)};
      };
      break;
    case FisherEstimator::batched:
      range.group = options.batch;
      parts = static_cast<double>((count + options.batch - 1) / options.batch);
      of = [](const ExampleRows& rows) {
        const double in_batch = rows.sequence_of.empty() ? 1.0 : static_cast<double>(rows.sequence_of.back()) + 1;
        return std::vector<at::Tensor>{score(at::softmax(rows.logits, -1), rows.targets).mul_(1.0 / in_batch)};
      };
      break;
  }
  at::Tensor sum = examples.sum_gradients(
      range, weights, of,
      [factor](const at::Tensor& gradient, std::size_t, at::Tensor& total) { add_squares(gradient, factor, total); });
  return sum.mul_(1.0 / parts);
}

}  // namespace stet
