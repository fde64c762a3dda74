// Replay: a part of every step is training on other texts, real ones or ones that the base wrote itself. Formula and
// parameters: README.md.
#include <stet/plugin.hpp>
#include <stet/sdk/row_losses.hpp>

namespace {

struct Parameters {
  double weight = 1.0;
  std::string source = "pretraining";
  std::int64_t per_step = 16;
};

class Replay final : public stet::Regularizer {
 public:
  explicit Replay(const Parameters& parameters) : parameters_(parameters) {
    if (parameters.source == "held" || parameters.source == "validation") {
      throw stet::Error(stet::ErrorKind::config, "the facts that measure a run cannot be replayed in it")
          .at("regularizer.replay.source")
          .expected("\"pretraining\", \"pretraining_not_held\", \"self_generated\", \"neutral\", \"known\"")
          .received("\"" + parameters.source + "\"")
          .hint("\"pretraining\" holds texts about all base facts, the held ones among them");
    }
  }

  void check(const stet::CheckContext& context) const override {
    if (parameters_.weight != 0) context.require_examples("source", parameters_.source);
  }

  [[nodiscard]] stet::Site site() const override { return stet::Site::outputs; }

  [[nodiscard]] std::optional<stet::Rehearsal> rehearsal() const override {
    if (parameters_.weight == 0) return std::nullopt;
    return stet::Rehearsal{parameters_.source, parameters_.per_step};
  }

  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    if (parameters_.weight == 0) return stet::no_term();
    return stet::cross_entropy_loss(context.logits, context.targets, context.row_weights * parameters_.weight);
  }

 private:
  Parameters parameters_;
};

}  // namespace

STET_PLUGIN("replay", "1.0", "stet") {
  using stet::config::Limits;
  registrar
      .regularizer<Replay>(
          "replay", "trains on other texts beside the batch: real ones, or what the base wrote itself",
          stet::config::Schema<Parameters>("regularizer.replay")
              .field("weight", &Parameters::weight, "of the replayed texts' mean loss", Limits{.min = 0})
              .field("source", &Parameters::source,
                     "set of examples: \"pretraining\", \"pretraining_not_held\", \"self_generated\", \"neutral\", "
                     "\"known\"")
              .field("per_step", &Parameters::per_step, "sequences a step, over all ranks", Limits{.min = 1}))
      .strength("weight");
}
