#include <stet/model/verify.hpp>

#include <stet/base/error.hpp>
#include <stet/model/foreign_weights.hpp>
#include <stet/model/transformer.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace stet {

namespace {
double relative_deviation(const at::Tensor& ours, const at::Tensor& expected) {
  STET_ASSERT(ours.sizes() == expected.sizes());
  const double scale = std::max(expected.abs().max().item<double>(), 1e-30);
  const double deviation = (ours.to(at::kDouble) - expected).abs().max().item<double>();
  return std::isfinite(deviation) ? deviation / scale : std::numeric_limits<double>::infinity();
}
}  // namespace

Verification verify_model(const std::filesystem::path& folder, at::ScalarType type) {
  const ForeignModel foreign = read_foreign_config(folder);
  const Transformer model(foreign.config);
  at::Tensor weights = load_foreign_weights(folder, foreign, model.table(), type);
  const TensorFile expected = TensorFile::open(folder / "expected.safetensors");
  const at::Tensor ids = read_tensor(expected, expected.require("input_ids"));
  if (ids.dim() != 2) throw Error(ErrorKind::data, "input_ids is not [B, T]").at(expected.path().string());
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
    result.deviations.push_back({name, relative_deviation(ours, read_tensor(expected, expected.require(name)))});
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
