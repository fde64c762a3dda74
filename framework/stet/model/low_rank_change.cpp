#include <stet/model/low_rank_change.hpp>

#include <map>

namespace stet {

void merge_change(const LowRankChange& change, const at::Tensor& start, const at::Tensor& merged) {
  at::Tensor to = merged;
  at::addmm_out(to, start, change.b, change.a, 1, change.scale);
}

void add_changes(const ParameterTable& table, std::span<const LowRankChange> changes, const at::Tensor& flat) {
  const at::NoGradGuard guard;
  for (const LowRankChange& change : changes) {
    const at::Tensor weights = table.view(flat, change.parameter);
    merge_change(change, weights.clone(), weights);
  }
}

std::vector<LowRankChange> stacked(std::span<const LowRankChange> changes) {
  std::map<std::size_t, std::vector<const LowRankChange*>> by_parameter;
  for (const LowRankChange& change : changes) by_parameter[change.parameter].push_back(&change);
  std::vector<LowRankChange> result;
  for (const auto& [parameter, parts] : by_parameter) {
    const double scale = parts.front()->scale;
    std::vector<at::Tensor> a, b;
    for (const LowRankChange* part : parts) {
      a.push_back(part->a);
      b.push_back(part->scale == scale ? part->b : part->b * (part->scale / scale));
    }
    result.push_back({parameter, scale, at::cat(a, 0), at::cat(b, 1)});
  }
  return result;
}

std::string beyond_low_rank(const ParameterTable& table, std::span<const LowRankChange> changes, const at::Tensor& base,
                            const at::Tensor& weights) {
  const std::vector<LowRankChange> stack = stacked(changes);
  auto change = stack.begin();
  for (std::size_t i = 0; i < table.size(); ++i) {
    const at::Tensor now = table.view(weights, i);
    at::Tensor expected = table.view(base, i);
    if (change != stack.end() && change->parameter == i) {
      expected = expected.clone();
      merge_change(*change, table.view(base, i), expected);
      ++change;
      const double size = expected.abs().max().item<double>();
      if (!(now - expected).abs().le(1e-5 * size).all().item<bool>()) return table[i].name;
    } else if (!now.equal(expected)) {
      return table[i].name;
    }
  }
  return "";
}

}  // namespace stet
