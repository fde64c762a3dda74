// Synaptic intelligence (Zenke et al. 2017): importance is what a weight's way has contributed to the fall of the loss.
// Formula and parameters: README.md.
#include <common/quadratic.hpp>

namespace {

struct Parameters {
  double strength = 1.0;
  double xi = 0.1;
  bool nonnegative = false;
};

class SynapticIntelligence final : public stet::Regularizer {
 public:
  explicit SynapticIntelligence(const Parameters& parameters) : parameters_(parameters) {}

  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }

  void begin_phase(const stet::PhaseContext& context, bool resumed) override {
    if (off()) return;
    if (!resumed) {
      start_ = context.weights.clone();
      path_ = at::zeros_like(context.weights);
    }
    if (!start_.defined() || !path_.defined() || start_.sizes() != context.weights.sizes() ||
        path_.sizes() != context.weights.sizes()) {
      throw stet::Error(stet::ErrorKind::checkpoint, "the plugin's state does not fit the model")
          .at("regularizer.synaptic_intelligence");
    }
    penalty_.check(context.weights, "regularizer.synaptic_intelligence");
    before_ = gradient_ = at::Tensor();
  }

  /// The gradient at hand is that of the task, of regularizers on outputs and of those on weights listed before; ours
  /// is not part of the path.
  [[nodiscard]] double add_gradient(const stet::WeightContext& context) override {
    if (off()) return 0;  // not a bit of the gradient may change
    keep(before_, context.values);
    keep(gradient_, context.gradients);
    return penalty_.add_gradient(context, 2 * parameters_.strength, false);  // the penalty has no 1/2
  }

  void after_step(const stet::WeightContext& context) override {
    if (off()) return;
    STET_ASSERT(before_.defined());
    stet::by_scalar_type(context.values.scalar_type(), [&]<class T>(T) {
      for (std::size_t i = 0; i < context.table.size(); ++i) {
        if (!context.trains[i]) continue;
        const std::int64_t offset = context.table[i].offset, count = context.table[i].count;
        const T* const now = context.values.data_ptr<T>() + offset;
        const T* const then = before_.data_ptr<T>() + offset;
        const T* const gradient = gradient_.data_ptr<T>() + offset;
        T* const path = path_.data_ptr<T>() + offset;
#pragma omp simd
        for (std::int64_t k = 0; k < count; ++k) path[k] -= gradient[k] * (now[k] - then[k]);
      }
      return 0;
    });
  }

  void end_phase(const stet::PhaseContext& context) override {
    if (off()) return;
    at::Tensor gained = path_ / (context.weights - start_).square().add_(parameters_.xi);
    if (parameters_.nonnegative) gained.clamp_min_(0);
    penalty_.importance = penalty_.importance.defined() ? penalty_.importance + gained : gained;
    penalty_.anchor = context.weights.clone();
    penalty_.changed();
    before_ = gradient_ = path_ = start_ = at::Tensor();
  }

  [[nodiscard]] stet::PluginState save() const override {
    stet::PluginState state;
    const auto put = [&state](const char* name, const at::Tensor& tensor) {
      if (tensor.defined()) state[name] = tensor;
    };
    put("importance", penalty_.importance);
    put("anchor", penalty_.anchor);
    put("path", path_);
    put("start", start_);
    return state;
  }
  void load(const stet::PluginState& state) override {
    const auto take = [&state](const char* name) {
      const auto found = state.find(name);
      return found == state.end() ? at::Tensor() : found->second;
    };
    penalty_.importance = take("importance");
    penalty_.anchor = take("anchor");
    path_ = take("path");
    start_ = take("start");
  }

 private:
  [[nodiscard]] bool off() const { return parameters_.strength == 0; }

  static void keep(at::Tensor& copy, const at::Tensor& original) {
    if (copy.defined()) {
      copy.copy_(original);
    } else {
      copy = original.clone();
    }
  }

  Parameters parameters_;
  stet::plugins::AnchoredPenalty penalty_;  // of earlier phases
  at::Tensor path_, start_;                 // of this phase: W, and the weights at its start
  at::Tensor before_, gradient_;            // of this step
};

}  // namespace

STET_PLUGIN("synaptic_intelligence", "1.0", "stet") {
  using stet::config::Limits;
  registrar.regularizer<SynapticIntelligence>(
      "synaptic_intelligence", "pulls weights back by what their way contributed in earlier phases (Zenke et al. 2017)",
      stet::config::Schema<Parameters>("regularizer.synaptic_intelligence")
          .field("strength", &Parameters::strength, "c: the penalty is c times the weighted squared distance",
                 Limits{.min = 0})
          .field("xi", &Parameters::xi, "keeps the importance of weights that hardly moved finite",
                 Limits{.min = 0, .open_min = true})
          .field("nonnegative", &Parameters::nonnegative, "negative contributions of a phase count as none"));
}
