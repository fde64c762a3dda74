#include <stet/sdk/similarity.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <numeric>

namespace stet {

double cosine(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
  const double lengths = std::sqrt(x.dot(x).item<double>()) * std::sqrt(y.dot(y).item<double>());
  return lengths > 0 ? x.dot(y).item<double>() / lengths : 0.0;
}

at::Tensor row_cosines(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
  const at::Tensor lengths = ((x * x).sum(1) * (y * y).sum(1)).sqrt();
  return at::where(lengths > 0, (x * y).sum(1) / lengths, at::zeros_like(lengths));
}

at::Tensor row_divergences(const at::Tensor& p, const at::Tensor& q) {
  const at::Tensor log_p = p.to(at::kDouble).log_softmax(1), log_q = q.to(at::kDouble).log_softmax(1);
  return (log_p.exp() * (log_p - log_q)).sum(1).clamp_min(0).contiguous();
}

namespace {

constexpr std::int64_t rows_at_a_time = 256;  // bounds memory: 256 x m similarities

}  // namespace

Nearest nearest_by_cosine(const at::Tensor& a, const at::Tensor& b) {
  const auto unit = [](const at::Tensor& rows) {
    const at::Tensor x = rows.to(at::kDouble), length = x.square().sum(1, true).sqrt();
    return at::where(length > 0, x / length, at::zeros_like(x));
  };
  const at::Tensor left = unit(a), right = unit(b).t().contiguous();
  Nearest nearest;
  for (std::int64_t begin = 0; begin < left.size(0); begin += rows_at_a_time) {
    const std::int64_t rows = std::min(rows_at_a_time, left.size(0) - begin);
    const at::Tensor cosines = left.narrow(0, begin, rows).matmul(right).contiguous();
    for (std::int64_t i = 0; i < rows; ++i) {
      const double* const first = cosines.data_ptr<double>() + i * cosines.size(1);
      const double* const last = first + cosines.size(1);
      const double* const best = std::max_element(first, last);
      nearest.largest.push_back(*best);
      nearest.where.push_back(best - first);
      nearest.mean.push_back(std::accumulate(first, last, 0.0) / static_cast<double>(last - first));
    }
  }
  return nearest;
}

Nearest nearest_by_jaccard(const std::vector<Tokens>& a, const std::vector<Tokens>& b) {
  std::map<std::int32_t, std::vector<std::size_t>> holders;  // members of b that have a token
  for (std::size_t j = 0; j < b.size(); ++j) {
    for (const std::int32_t token : b[j]) holders[token].push_back(j);
  }
  Nearest nearest;
  for (const Tokens& one : a) {
    std::map<std::size_t, std::size_t> common;  // what is in neither is not looked at
    for (const std::int32_t token : one) {
      const auto having = holders.find(token);
      if (having == holders.end()) continue;
      for (const std::size_t j : having->second) ++common[j];
    }
    double largest = 0, sum = 0;
    std::size_t where = 0;
    for (const auto& [j, count] : common) {
      const double jaccard = static_cast<double>(count) / static_cast<double>(one.size() + b[j].size() - count);
      if (jaccard > largest) where = j;
      largest = std::max(largest, jaccard);
      sum += jaccard;
    }
    nearest.largest.push_back(largest);
    nearest.where.push_back(static_cast<std::int64_t>(where));
    nearest.mean.push_back(sum / static_cast<double>(b.size()));
  }
  return nearest;
}

Nearest nearest_by_jaccard(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor right = b.t().contiguous(), sizes = b.sum(1).unsqueeze(0);
  Nearest nearest;
  for (std::int64_t begin = 0; begin < a.size(0); begin += rows_at_a_time) {
    const at::Tensor left = a.narrow(0, begin, std::min(rows_at_a_time, a.size(0) - begin));
    const at::Tensor common = left.matmul(right), jaccard = common / (left.sum(1, true) + sizes - common);
    const at::Tensor largest = jaccard.amax(1).contiguous(), mean = jaccard.mean(1).contiguous();
    for (std::int64_t i = 0; i < largest.size(0); ++i) {
      nearest.largest.push_back(largest.data_ptr<double>()[i]);
      nearest.mean.push_back(mean.data_ptr<double>()[i]);
    }
  }
  return nearest;
}

double sum_of(const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); }

double mean_of(const std::vector<double>& values) {
  return values.empty() ? 0.0 : sum_of(values) / static_cast<double>(values.size());
}

std::vector<float> to_floats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

std::vector<float> to_floats(const at::Tensor& values) {
  const at::Tensor floats = values.to(at::kFloat).contiguous();
  return {floats.data_ptr<float>(), floats.data_ptr<float>() + floats.numel()};
}

}  // namespace stet
