// Two classes in one file, in order; one is not valid with its defaults and has no example.
#include <stet/plugin.hpp>

#include <optional>

namespace {

struct Parameters {
  double beta = 0.5;
};
struct Required {
  std::optional<std::int64_t> rank;
};

class Shrink final : public stet::Regularizer {
 public:
  explicit Shrink(const Parameters& parameters) : beta_(parameters.beta) {}
  [[nodiscard]] stet::Site site() const override { return stet::Site::outputs; }
  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    if (beta_ == 0) return at::zeros({}, at::kDouble);
    return beta_ * (context.row_weights * context.hidden.pow(2).sum(1)).sum();
  }

 private:
  double beta_;
};

class Needy final : public stet::Probe {
 public:
  explicit Needy(const Required& parameters) {
    if (!parameters.rank) throw stet::Error(stet::ErrorKind::config, "probe.needy: 'rank' must be given");
  }
  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext&) override {
    return {{"one", "", -1, 1.0}};
  }
};

}  // namespace

STET_PLUGIN("several", "1.0", "stet") {
  registrar
      .regularizer<Shrink>(
          "shrink", "shrinks hidden states",
          stet::config::Schema<Parameters>("regularizer.shrink").field("beta", &Parameters::beta, "its weight"))
      .strength("beta");
  registrar.probe<Needy>("needy", "needs a parameter",
                         stet::config::Schema<Required>("probe.needy").field("rank", &Required::rank, "what it needs"));
}
