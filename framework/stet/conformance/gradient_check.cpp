// The gradient of a regularizer against central finite differences in float64. Every value comes from a new object, so
// that state cannot blur the differences.
#include <stet/base/philox.hpp>
#include <stet/conformance/checks.hpp>
#include <stet/plugin/handover.hpp>

#include <algorithm>
#include <cmath>

namespace stet::conformance {

namespace {

constexpr double half_step = 1e-5, tolerance = 1e-5;

/// Standard normal numbers in float64, a function of the purpose and the shape.
at::Tensor normal(at::IntArrayRef shape, std::string_view purpose, double scale = 1.0) {
  at::Tensor tensor = at::empty(shape, at::kDouble);
  Random random(11, purpose);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data_ptr<double>()[i] = scale * random.normal();
  return tensor;
}

/// Pairs of derivatives, and the worst of them.
class Comparison {
 public:
  void add(const std::string& what, double gradient, double difference) {
    ++count_;
    scale_ = std::max({scale_, std::abs(gradient), std::abs(difference)});
    const double deviation = std::abs(gradient - difference);
    if (deviation > worst_ || !std::isfinite(deviation)) {
      worst_ = std::isfinite(deviation) ? deviation : INFINITY;
      worst_text_ =
          fmt::format("at {} the gradient is {:.6g}, finite differences give {:.6g}", what, gradient, difference);
      if (difference != 0 && std::isfinite(gradient / difference))
        worst_text_ += fmt::format(" (ratio {:.4g})", gradient / difference);
    }
  }
  [[nodiscard]] Finding finding(const char* hint) const {
    if (scale_ < 1e-12) return not_applicable("the term is constant with these parameters (strength 0?)");
    const std::string numbers =
        fmt::format("{} derivatives in float64: largest deviation {:.1e} of the largest derivative (allowed {:.0e})",
                    count_, worst_ / scale_, tolerance);
    return worst_ <= tolerance * scale_ ? passed(numbers) : failed(numbers + "; " + worst_text_, hint);
  }

 private:
  std::size_t count_ = 0;
  double scale_ = 0, worst_ = 0;
  std::string worst_text_;
};

/// Seven rows of three sequences; row 2 has no weight, as if outside the declared scope.
class OutputPoint {
 public:
  explicit OutputPoint(const RegularizerTrial& trial)
      : trial_(trial),
        snapshots_(trial.bench.snapshots(at::kDouble)),
        weights_(trial.bench.weights(7, at::kDouble)),
        hidden_(normal({rows, trial.bench.model().config().width}, "hidden")),
        logits_(normal({rows, trial.bench.model().config().vocabulary}, "logits", 1.5)),
        teacher_(normal({rows, trial.bench.model().config().vocabulary}, "teacher", 1.5)),
        examples_at_hand_(trial.bench.model(), trial.alone, 1) {
    trial.bench.fill(examples_at_hand_);
  }

  void compare(Comparison& comparison) {
    const OutputContext here = context(hidden_, logits_);
    const std::unique_ptr<Regularizer> regularizer = begun();
    {
      const at::AutoGradMode enable(true);
      static_cast<void>(take_term(regularizer->output_loss(here), here));
    }
    compare(comparison, "hidden state", hidden_, here.hidden.grad(),
            [this](const at::Tensor& x) { return value(x, logits_); });
    compare(comparison, "logit", logits_, here.logits.grad(),
            [this](const at::Tensor& x) { return value(hidden_, x); });
  }

 private:
  static constexpr std::int64_t rows = 7;

  [[nodiscard]] std::unique_ptr<Regularizer> begun() const {
    std::unique_ptr<Regularizer> regularizer = trial_.create();
    regularizer->begin_phase({ConformanceBench::phase, trial_.bench.model(), weights_, snapshots_, examples_at_hand_},
                             false);
    return regularizer;
  }

  [[nodiscard]] OutputContext context(const at::Tensor& hidden, const at::Tensor& logits) const {
    OutputContext result;
    result.hidden = hidden.detach().clone().requires_grad_(true);
    result.logits = logits.detach().clone().requires_grad_(true);
    result.targets = at::arange(rows, at::kLong) * 3;
    result.row_weights = at::tensor(std::vector<double>{0.2, 0.2, 0.0, 0.1, 0.15, 0.15, 0.2});
    result.task_weights = at::tensor(std::vector<double>{0.2, 0.2, 0.0, 0.15, 0.15, 0.15, 0.15});
    result.sequence_of = sequence_of_;
    result.examples = examples_;
    result.snapshot_logits = [this](const std::string& name) {
      static_cast<void>(snapshots_.get(name));  // an unknown name is an error here too
      return teacher_;
    };
    result.logits_under = [this](const at::Tensor& /*weights*/) { return teacher_; };
    result.set_of = set_of_;
    result.sets = examples_at_hand_.names();
    return result;
  }

  [[nodiscard]] double value(const at::Tensor& hidden, const at::Tensor& logits) const {
    const std::unique_ptr<Regularizer> regularizer = begun();
    const at::AutoGradMode enable(true);
    return regularizer->output_loss(context(hidden, logits)).item<double>();
  }

  template <class Value>
  static void compare(Comparison& comparison, const char* what, const at::Tensor& at_point, const at::Tensor& gradient,
                      const Value& value) {
    for (std::int64_t i = 0; i < at_point.numel(); ++i) {
      at::Tensor up = at_point.clone(), down = at_point.clone();
      up.data_ptr<double>()[i] += half_step;
      down.data_ptr<double>()[i] -= half_step;
      const double ours = gradient.defined() ? gradient.contiguous().to(at::kDouble).data_ptr<double>()[i] : 0.0;
      comparison.add(fmt::format("{} {} of row {}", what, i % at_point.size(1), i / at_point.size(1)), ours,
                     (value(up) - value(down)) / (2 * half_step));
    }
  }

  const RegularizerTrial& trial_;
  SnapshotStore snapshots_;
  at::Tensor weights_, hidden_, logits_, teacher_;
  const std::vector<std::int32_t> sequence_of_ = {0, 0, 0, 1, 1, 1, 2};
  const std::vector<std::uint64_t> examples_ = {4, 9, 2};
  const std::vector<std::int32_t> set_of_ = {0, 1, 1};  // known, unknown, unknown
  ExampleStore examples_at_hand_;
};

/// Weights some way from the base, part of them frozen.
class WeightPoint {
 public:
  explicit WeightPoint(const RegularizerTrial& trial)
      : trial_(trial),
        table_(trial.bench.model().table()),
        selection_(trial.bench.partly_frozen()),
        snapshots_(trial.bench.snapshots(at::kDouble)),
        start_(trial.bench.weights(1, at::kDouble)),
        values_(start_ + normal({table_.total()}, "values", 0.1)),
        examples_(trial.bench.model(), trial.alone, 1) {
    trial.bench.fill(examples_);
  }

  void compare(Comparison& comparison) {
    const at::Tensor given = normal({table_.total()}, "given");  // it must be added to
    const at::Tensor gradients = given.clone();
    static_cast<void>(call(values_, gradients));
    const at::Tensor added = gradients - given;
    Random random(12, "elements");
    for (std::size_t i = 0; i < table_.size(); ++i) {
      if (!selection_.trains[i]) continue;
      for (int k = 0; k < 4; ++k) {
        const std::int64_t element =
            table_[i].offset + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(table_[i].count)));
        at::Tensor direction = at::zeros_like(values_);
        direction.data_ptr<double>()[element] = 1;
        compare_along(comparison, fmt::format("element {} of {}", element - table_[i].offset, table_[i].name),
                      direction, added);
      }
    }
    for (int k = 0; k < 8; ++k) {
      at::Tensor direction = normal({table_.total()}, fmt::format("direction {}", k));
      for (std::size_t i = 0; i < table_.size(); ++i) {
        if (!selection_.trains[i]) table_.view(direction, i).zero_();
      }
      compare_along(comparison, fmt::format("random direction {}", k), direction / direction.norm(), added);
    }
  }

 private:
  double call(const at::Tensor& values, const at::Tensor& gradients) const {
    const std::unique_ptr<Regularizer> regularizer = trial_.create();
    regularizer->begin_phase({ConformanceBench::phase, trial_.bench.model(), start_, snapshots_, examples_}, false);
    return regularizer->add_gradient({table_, values, gradients, selection_.trains, snapshots_, examples_});
  }
  [[nodiscard]] double value(const at::Tensor& values) const { return call(values, at::zeros_like(values)); }
  void compare_along(Comparison& comparison, const std::string& what, const at::Tensor& direction,
                     const at::Tensor& gradient) const {
    const double difference =
        (value(values_ + half_step * direction) - value(values_ - half_step * direction)) / (2 * half_step);
    comparison.add(what, (gradient * direction).sum().item<double>(), difference);
  }

  const RegularizerTrial& trial_;
  const ParameterTable& table_;
  const TrainableSelection selection_;
  const SnapshotStore snapshots_;
  const at::Tensor start_, values_;
  ExampleStore examples_;
};

}  // namespace

Finding check_gradient(const RegularizerTrial& trial) {
  Comparison comparison;
  if (trial.create()->site() == Site::outputs) {
    OutputPoint(trial).compare(comparison);
    return comparison.finding(
        "what output_loss returns must be differentiable throughout (no .item(), no .data), in the type of what it was "
        "given");
  }
  const at::NoGradGuard guard;
  WeightPoint(trial).compare(comparison);
  return comparison.finding(
      "add_gradient must add the gradient of the value that it returns, in the type of the weights");
}

}  // namespace stet::conformance
