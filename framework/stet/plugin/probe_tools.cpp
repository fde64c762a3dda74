#include <stet/plugin/probe_tools.hpp>

#include <stet/base/error.hpp>
#include <stet/base/log.hpp>
#include <stet/base/strings.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace stet {

bool is_due(ProbeTime when, const ProbeContext& context) noexcept {
  switch (when) {
    case ProbeTime::always: return true;
    case ProbeTime::phases: return context.first || context.phase_end;
    case ProbeTime::ends: return context.first || context.last;
    case ProbeTime::start: return context.first;
  }
  return true;
}

std::vector<std::pair<std::string, ProbeTime>> probe_times() {
  return {{"always", ProbeTime::always},
          {"phases", ProbeTime::phases},
          {"ends", ProbeTime::ends},
          {"start", ProbeTime::start}};
}

std::vector<std::pair<std::string, ProbePosition>> probe_positions() {
  return {{"subject_end", ProbePosition::subject_end}, {"prompt_end", ProbePosition::prompt_end}};
}

void require_set(const ProbeContext& context, const std::string& probe, const std::string& set) {
  if (std::find(context.sets.begin(), context.sets.end(), set) != context.sets.end()) return;
  throw Error(ErrorKind::config, probe + ": there is no fact set '" + set + "'")
      .expected("one of: " + join(context.sets, ", "))
      .received(set)
      .hint(suggestion(set, context.sets));
}

void require_examples(const ProbeContext& context, const std::string& probe, const std::string& set) {
  const std::vector<std::string> sets = context.examples.sets();
  if (std::find(sets.begin(), sets.end(), set) != sets.end()) return;
  throw Error(ErrorKind::config, probe + ": there is no set of examples '" + set + "'")
      .expected("one of: " + join(sets, ", "))
      .received(set)
      .hint(suggestion(set, sets));
}

std::vector<ProbeFact> facts_of(const ProbeContext& context, const std::string& probe, const std::string& set) {
  require_set(context, probe, set);
  std::vector<ProbeFact> facts = context.facts(set);
  if (facts.empty()) throw Error(ErrorKind::config, probe + ": the fact set '" + set + "' is empty");
  return facts;
}

const at::Tensor* ReferenceWeights::find(const Snapshots& snapshots) {
  try {
    return &snapshots.get(name_);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::config) throw;
    if (!warned_) log::warning("{} measures nothing before its reference exists: {}", probe_, error.what());
    warned_ = true;
    return nullptr;
  }
}

std::size_t fact_limit(std::int64_t limit) noexcept {
  return limit > 0 ? static_cast<std::size_t>(limit) : std::numeric_limits<std::size_t>::max();
}

int chosen_layer(const ProbeContext& context, const std::string& probe, std::int64_t layer) {
  const std::int64_t layers = context.model.config().layers;
  if (layer > layers) {
    throw Error(ErrorKind::config, probe + ": the model has no layer " + std::to_string(layer))
        .expected("0 (embedding) to " + std::to_string(layers) + ", or -1: the middle one")
        .received(std::to_string(layer));
  }
  return static_cast<int>(layer >= 0 ? layer : (layers + 1) / 2);
}

Nearest nearest_by_cosine(const at::Tensor& a, const at::Tensor& b) {
  const auto unit = [](const at::Tensor& rows) {
    const at::Tensor x = rows.to(at::kDouble), length = x.square().sum(1, true).sqrt();
    return at::where(length > 0, x / length, at::zeros_like(x));
  };
  const at::Tensor left = unit(a), right = unit(b).t().contiguous();
  Nearest nearest;
  constexpr std::int64_t rows = 256;  // bounds memory: 256 x m cosines at a time
  for (std::int64_t begin = 0; begin < left.size(0); begin += rows) {
    const at::Tensor cosines = left.narrow(0, begin, std::min(rows, left.size(0) - begin)).matmul(right).contiguous();
    for (std::int64_t i = 0; i < cosines.size(0); ++i) {
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

double cosine(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
  const double lengths = std::sqrt(x.dot(x).item<double>()) * std::sqrt(y.dot(y).item<double>());
  return lengths > 0 ? x.dot(y).item<double>() / lengths : 0.0;
}

double mean_of(const std::vector<double>& values) {
  return values.empty() ? 0.0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::vector<float> to_floats(const std::vector<double>& values) { return {values.begin(), values.end()}; }

}  // namespace stet
