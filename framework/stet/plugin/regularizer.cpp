#include <stet/plugin/regularizer.hpp>

#include <stet/base/error.hpp>

namespace stet {

// A site that was declared but not implemented is refused, not ignored.
at::Tensor Regularizer::output_loss(const OutputContext& /*context*/) {
  throw Error(ErrorKind::plugin, "a regularizer declares the site 'outputs' but does not implement output_loss");
}

double Regularizer::add_gradient(const WeightContext& /*context*/) {
  throw Error(ErrorKind::plugin, "a regularizer declares the site 'weights' but does not implement add_gradient");
}

}  // namespace stet
