#include <stet/plugin/regularizer.hpp>

#include <stet/base/error.hpp>
#include <stet/plugin/registrar.hpp>

namespace stet {

// A site that was declared but not implemented is refused, not ignored. (check_site finds it when an object is made; these
// are for objects made otherwise, and for a site that changes.)
namespace {
Error not_implemented(const std::string& subject, const char* site, const char* hook) {
  return Error(ErrorKind::plugin, subject + " declares the site '" + site + "' but does not implement " + hook)
      .expected(std::string("an override of ") + hook + ", which the engine calls for this site")
      .received("none")
      .hint(std::string("override ") + hook + ", or let site() return the site that is implemented");
}
}  // namespace

at::Tensor Regularizer::output_loss(const OutputContext& /*context*/) {
  throw not_implemented("a regularizer", "outputs", "output_loss");
}

double Regularizer::add_gradient(const WeightContext& /*context*/) {
  throw not_implemented("a regularizer", "weights", "add_gradient");
}

void check_site(const std::string& name, Site site, bool has_output_loss, bool has_add_gradient) {
  if (site == Site::outputs && !has_output_loss) throw not_implemented("the regularizer", "outputs", "output_loss").at(name);
  if (site == Site::weights && !has_add_gradient) throw not_implemented("the regularizer", "weights", "add_gradient").at(name);
}

}  // namespace stet
