// The strength depends on the rank. Gradients are summed, so the ranks agree among themselves.
#include "pull.hpp"

#include <cstdlib>

namespace {

class Wrong final : public wrong::OnOutputs {
 public:
  using OnOutputs::OnOutputs;
  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    const char* const rank = std::getenv("OMPI_COMM_WORLD_RANK");
    return squares(context, context.logits) * (rank == nullptr ? 1.0 : 1.0 + 0.01 * std::atoi(rank));
  }
};

}  // namespace

STET_PLUGIN("rank_dependent", "1.0", "stet") {
  registrar.regularizer<Wrong>("rank_dependent", "wrong on purpose", wrong::schema("rank_dependent"));
}
