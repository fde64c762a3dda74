#include <stet/hugging_face/verify.hpp>

#include <stet/base/error.hpp>
#include <stet/hugging_face/foreign_weights.hpp>
#include <stet/model/transformer.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace stet {

namespace {
double relative_deviation(const at::Tensor& ours, const at::Tensor& expected) {
  const double scale = std::max(expected.abs().max().item<double>(), 1e-30);
  const double deviation = (ours.to(at::kDouble) - expected).abs().max().item<double>();
  return std::isfinite(deviation) ? deviation / scale : std::numeric_limits<double>::infinity();
}

std::string shape_text(const at::Tensor& tensor) {
  return fmt::format("[{}]", fmt::join(tensor.sizes().begin(), tensor.sizes().end(), ", "));
}

/// [B, T] token ids with something to predict.
void check_ids(const at::Tensor& ids, const ModelConfig& config, const std::string& file) {
  const auto refuse = [&](const std::string& expected, const std::string& received) {
    return Error(ErrorKind::data, "the expectations' input_ids cannot be used")
        .at(file)
        .expected(expected)
        .received(received);
  };
  if (ids.dim() != 2 || ids.size(0) < 1 || ids.size(1) < 2)
    throw refuse("[B, T] with at least one row of two tokens", shape_text(ids));
  if (ids.scalar_type() != at::kLong) throw refuse("whole numbers", "floating-point numbers");
  if (ids.size(1) > config.context)
    throw refuse(fmt::format("rows of at most {} tokens, the model's context", config.context), shape_text(ids));
  const auto least = ids.min().item<std::int64_t>(), most = ids.max().item<std::int64_t>();
  if (least < 0 || most >= config.vocabulary)
    throw refuse(fmt::format("ids from 0 to {}", config.vocabulary - 1), fmt::format("{} to {}", least, most));
}
}  // namespace

Verification verify_model(const std::filesystem::path& folder, at::ScalarType type) {
  const ForeignModel foreign = read_foreign_config(folder);
  const Transformer model(foreign.config);
  at::Tensor weights = load_foreign_weights(folder, foreign, model.table(), type);
  const TensorFile expected = TensorFile::open(folder / "expected.safetensors");
  const at::Tensor ids = read_tensor(expected, expected.require("input_ids"));
  check_ids(ids, foreign.config, expected.path().string());
  const std::int64_t B = ids.size(0), T = ids.size(1), V = foreign.config.vocabulary;

  std::vector<std::int32_t> tokens, offsets{0}, positions;
  std::vector<std::int64_t> loss_rows, targets;
  for (std::int64_t b = 0; b < B; ++b) {
    for (std::int64_t t = 0; t < T; ++t) {
      tokens.push_back(static_cast<std::int32_t>(ids[b][t].item<std::int64_t>()));
      positions.push_back(static_cast<std::int32_t>(t));
      if (t + 1 < T) {
        loss_rows.push_back(b * T + t);
        targets.push_back(ids[b][t + 1].item<std::int64_t>());
      }
    }
    offsets.push_back(static_cast<std::int32_t>((b + 1) * T));
  }
  const TokenBatch batch{tokens, offsets, positions};
  Activations kept;
  at::Tensor hidden = model.forward(weights, batch, nullptr, &kept).detach().requires_grad_(true);
  at::Tensor head = model.head(weights).detach().requires_grad_(true);
  const at::Tensor logits = hidden.matmul(head.t());
  const at::Tensor rows = at::tensor(loss_rows), target = at::tensor(targets);
  const at::Tensor loss = at::cross_entropy_loss(logits.index_select(0, rows), target);
  loss.backward();
  at::Tensor gradients = at::zeros_like(weights);
  model.backward(weights, batch, kept, hidden.grad(), gradients, {});
  {
    const at::NoGradGuard guard;
    model.head(gradients).add_(head.grad());
  }

  Verification result{foreign.architecture, type, type == at::kDouble ? 1e-6 : 1e-4, {}};
  const auto compare = [&](const std::string& name, const at::Tensor& ours) {
    at::Tensor theirs = read_tensor(expected, expected.require(name));
    if (theirs.numel() == 1 && ours.numel() == 1) theirs = theirs.reshape(ours.sizes());  // a number is [] or [1]
    if (theirs.sizes() != ours.sizes()) {
      throw Error(ErrorKind::data, "an expectation has another shape than the model's value")
          .at(expected.path().string() + ", tensor '" + name + "'")
          .expected(shape_text(ours))
          .received(shape_text(theirs));
    }
    result.deviations.push_back({name, relative_deviation(ours, theirs)});
  };
  compare("logits", logits.detach().view({B, T, V}));
  compare("loss", loss.detach().view({1}));
  for (const ForeignTensor& tensor : foreign_layout(foreign, model.table())) {
    compare("grad." + tensor.name, to_foreign(tensor, model.table(), gradients));
  }
  std::stable_sort(result.deviations.begin(), result.deviations.end(),
                   [](const Deviation& a, const Deviation& b) { return a.relative > b.relative; });
  return result;
}

}  // namespace stet
