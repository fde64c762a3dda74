#include <stet/plugin/handover.hpp>

#include <stet/base/error.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

namespace stet {

const ElementMasks& no_masks() noexcept {
  static const ElementMasks none;
  return none;
}

void refuse_if(const std::string& wrong, const std::string& expected) {
  if (wrong.empty()) return;
  throw Error(ErrorKind::plugin, wrong).expected(expected).hint("stet plugin check tries a plugin for this and more");
}

const char* const expected_of_selection =
    "one entry a parameter, something that trains; masks uint8, 0 or 1, contiguous, of the parameter's shape and only "
    "for what trains; "
    "low-rank changes of matrices that train, without a mask, of rank 1 or more and a finite scale";

namespace {

std::string shape_text(at::IntArrayRef shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::string wrong_with_mask(const at::Tensor& mask, const ParameterInfo& parameter) {
  const std::string place = "the mask of " + parameter.name;
  if (!mask.defined()) return place + " is undefined";
  if (mask.scalar_type() != at::kByte)
    return place + fmt::format(" is not uint8 but {}", c10::toString(mask.scalar_type()));
  if (mask.sizes() != at::IntArrayRef(parameter.shape)) {
    return place + " has shape " + shape_text(mask.sizes()) + ", not " + shape_text(parameter.shape);
  }
  if (!mask.device().is_cpu() || mask.layout() != at::kStrided) return place + " is not in the CPU's memory";
  if (!mask.is_contiguous()) return place + " is not contiguous";
  if (mask.numel() > 0 && mask.max().item<std::int64_t>() > 1) return place + " has values above 1";
  return "";
}

}  // namespace

std::string wrong_with_low_rank(const TrainableSelection& selection, const ParameterTable& table) {
  for (const auto& [index, low_rank] : selection.low_rank) {
    if (index >= table.size()) return fmt::format("a low-rank change of parameter {} of {}", index, table.size());
    const ParameterInfo& info = table[index];
    if (index >= selection.trains.size() || !selection.trains[index])
      return "a low-rank change of the frozen " + info.name;
    if (selection.masks.contains(index)) return info.name + " has both a mask and a low-rank change";
    if (info.shape.size() != 2) return info.name + " is no matrix and cannot have a low-rank change";
    if (low_rank.rank < 1) return fmt::format("the rank of {} is {}", info.name, low_rank.rank);
    if (!std::isfinite(low_rank.scale) || low_rank.scale == 0) {
      return fmt::format("the scale of {} is {}", info.name, low_rank.scale);
    }
  }
  return "";
}

std::string wrong_with_selection(const TrainableSelection& selection, const ParameterTable& table) {
  if (selection.trains.size() != table.size())
    return fmt::format("{} entries for {} parameters", selection.trains.size(), table.size());
  for (const auto& [index, mask] : selection.masks) {
    if (index >= table.size()) return fmt::format("a mask for parameter {} of {}", index, table.size());
    if (!selection.trains[index]) return "a mask for the frozen " + table[index].name;
    if (std::string wrong = wrong_with_mask(mask, table[index]); !wrong.empty()) return wrong;
  }
  if (std::string wrong = wrong_with_low_rank(selection, table); !wrong.empty()) return wrong;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (!selection.trains[i]) continue;
    const auto mask = selection.masks.find(i);
    if (mask == selection.masks.end() || mask->second.any().item<bool>()) return "";
  }
  return "nothing is left to train";
}

bool all_finite(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.numel() == 0) return true;
  const at::NoGradGuard guard;
  if (std::isfinite(tensor.sum().item<double>())) return true;
  return at::isfinite(tensor).all().item<bool>();  // finite numbers may have a sum beyond float32
}

namespace {

/// Of the term before its backward pass.
std::string wrong_with_term(const at::Tensor& term) {
  if (!term.defined()) return "the term is an undefined tensor";
  if (term.numel() != 1) return "the term is no scalar but has shape " + shape_text(term.sizes());
  if (term.scalar_type() != at::kFloat && term.scalar_type() != at::kDouble) {
    return fmt::format("the term is of type {}, not float32 or float64", c10::toString(term.scalar_type()));
  }
  if (!term.device().is_cpu() || term.layout() != at::kStrided) return "the term is not in the CPU's memory";
  const double value = term.item<double>();
  if (value != 0 && std::isfinite(value) && !term.requires_grad()) {
    return fmt::format("the term is {:.6g}, but hangs on no graph: it would be logged as loss and train nothing",
                       value);
  }
  return "";
}

/// Of a gradient of the term by one of its inputs; all but whether it is finite.
std::string wrong_with_gradient(const char* name, const at::Tensor& gradient, const at::Tensor& input) {
  if (!gradient.defined() || (gradient.sizes() == input.sizes() && gradient.scalar_type() == input.scalar_type()))
    return "";
  return fmt::format("the term's gradient by the {} is {} {}, not {} {}", name, c10::toString(gradient.scalar_type()),
                     shape_text(gradient.sizes()), c10::toString(input.scalar_type()), shape_text(input.sizes()));
}

constexpr const char* expected_of_term =
    "a float32 or float64 scalar, differentiable by OutputContext::hidden or logits, or a constant 0";

Error not_finite(std::string message, const std::string& received) {
  Error error(ErrorKind::numerical, std::move(message));
  error.received(received).hint(
      "guard logarithms and divisions, and look at the regularizer's strength; or lower train.learning_rate");
  return error;
}

}  // namespace

double take_term(const at::Tensor& term, const OutputContext& context) {
  refuse_if(wrong_with_term(term), expected_of_term);
  const double value = term.item<double>();
  if (!std::isfinite(value)) {
    if (!all_finite(context.hidden) || !all_finite(context.logits)) return value;
    throw not_finite("the term is not finite, though the hidden states and logits that it was given are",
                     fmt::format("{}", value));
  }
  if (!term.requires_grad()) return value;
  term.backward();
  const at::Tensor &by_hidden = context.hidden.grad(), &by_logits = context.logits.grad();
  refuse_if(wrong_with_gradient("hidden states", by_hidden, context.hidden), expected_of_term);
  refuse_if(wrong_with_gradient("logits", by_logits, context.logits), expected_of_term);
  if (value != 0 && !by_hidden.defined() && !by_logits.defined()) {
    refuse_if(
        fmt::format("the term is {:.6g}, but its graph leads neither to hidden states nor to logits: it trains nothing",
                    value),
        expected_of_term);
  }
  if (!all_finite(by_hidden) || !all_finite(by_logits)) {
    throw not_finite("the term's gradient is not finite",
                     fmt::format("the term {:.6g}, and a gradient with inf or nan", value));
  }
  return value;
}

void check_penalty(double value) {
  if (!std::isfinite(value)) throw not_finite("the value of the term is not finite", fmt::format("{}", value));
}

std::string wrong_with_replacement(const at::Tensor& replacement, const at::Tensor& weights) {
  if (!replacement.defined()) return "replace_weights returned an undefined tensor";
  if (replacement.sizes() != weights.sizes() || replacement.scalar_type() != weights.scalar_type()) {
    return fmt::format("replace_weights returned {} {}, the weights are {} {}",
                       c10::toString(replacement.scalar_type()), shape_text(replacement.sizes()),
                       c10::toString(weights.scalar_type()), shape_text(weights.sizes()));
  }
  return all_finite(replacement) ? "" : "replace_weights returned weights that are not finite";
}

std::string wrong_with_state(const PluginState& state) {
  for (const auto& [name, tensor] : state) {
    const std::string place = "save() returned the tensor '" + name + "'";
    if (name.empty() || std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20; })) {
      return place + ", whose name is empty or has control characters";
    }
    if (!tensor.defined()) return place + ", which is undefined";
    if (!tensor.device().is_cpu() || tensor.layout() != at::kStrided)
      return place + ", which is not in the CPU's memory";
  }
  return "";
}

bool is_measurement_name(std::string_view name) {
  return !name.empty() &&
         std::none_of(name.begin(), name.end(), [](unsigned char c) { return c == ',' || c == '"' || c < 0x20; });
}

std::string wrong_with_measurements(std::span<const Measurement> measured, std::span<const std::string> fact_sets,
                                    std::span<const std::string> example_sets, std::int64_t layers) {
  std::set<std::tuple<std::string_view, std::string_view, int>> seen;
  for (const Measurement& m : measured) {
    const std::string place = fmt::format("measurement '{}', set '{}', layer {}", m.name, m.set, m.layer);
    if (!is_measurement_name(m.name)) return place + ": the name is empty, or has a comma, quote or line break";
    if (!m.set.empty() && std::find(fact_sets.begin(), fact_sets.end(), m.set) == fact_sets.end() &&
        std::find(example_sets.begin(), example_sets.end(), m.set) == example_sets.end()) {
      return place + ": there is no such set";
    }
    if (m.layer < -1 || m.layer > layers)
      return place + fmt::format(": layers go from 0 to {}, and -1 is none", layers);
    if (!std::isfinite(m.value)) return place + fmt::format(": the value is {}", m.value);
    if (!seen.emplace(m.name, m.set, m.layer).second) return place + " is there twice";
  }
  return "";
}

std::string wrong_with_fact_measurements(
    std::span<const FactMeasurement> measured,
    const std::function<std::optional<std::size_t>(const std::string& set)>& facts_in) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const FactMeasurement& m : measured) {
    const std::string place = fmt::format("per-fact measurement '{}', set '{}'", m.name, m.set);
    if (!is_measurement_name(m.name) || m.name.find('/') != std::string::npos ||
        fmt::format(".{}.", m.name).find(".extra.") != std::string::npos) {
      return place + ": the name is empty, has a comma, slash, quote or line break, or a part 'extra'";
    }
    const std::optional<std::size_t> facts = facts_in(m.set);
    if (!facts) return place + ": there is no such fact set";
    if (m.values.size() != *facts) {
      return place + fmt::format(": {} values for {} facts; a probe that looks at some facts alone must record none",
                                 m.values.size(), *facts);
    }
    const auto wrong =
        std::find_if(m.values.begin(), m.values.end(), [](float value) { return !std::isfinite(value); });
    if (wrong != m.values.end()) return place + fmt::format(": a value is {}", *wrong);
    if (!seen.emplace(m.name, m.set).second) return place + " is there twice";
  }
  return "";
}

Lent::Lent(const at::Tensor& tensor, bool by_content)
    : tensor_(tensor),
      version_(static_cast<std::uint64_t>(tensor._version())),
      hash_(by_content ? hash_tensor(tensor) : "") {}

void Lent::refuse_write(std::string_view what) const {
  if (!written()) return;
  refuse_if(fmt::format("the hook has written {}, which it was only to read", what),
            "clone() before anything is written in place");
}

bool Lent::written() const {
  return static_cast<std::uint64_t>(tensor_._version()) != version_ ||
         (!hash_.empty() && hash_tensor(tensor_) != hash_);
}

}  // namespace stet
