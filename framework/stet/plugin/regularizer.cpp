#include <stet/plugin/regularizer.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/plugin/registrar.hpp>

#include <algorithm>

namespace stet {

// A site that was declared but not implemented is refused, not ignored. (check_site finds it when an object is made;
// these are for objects made otherwise, and for a site that changes.)
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

std::string strength_key_of(const Offer<Regularizer>& offer) {
  if (!offer.strength_key.empty()) return offer.strength_key;
  for (const char* key : {"strength", "lambda"}) {
    if (std::any_of(offer.fields.begin(), offer.fields.end(),
                    [key](const config::FieldInfo& field) { return field.key == key; }))
      return key;
  }
  return "";
}

const config::Value* strength_in(const Offer<Regularizer>& offer, const config::Value& resolved) {
  const std::string key = strength_key_of(offer);
  if (key.empty()) return nullptr;
  const config::Value* value = &resolved;
  for (const std::string& part : split(key, '.')) {
    value = value->find(part);
    if (value == nullptr) return nullptr;
  }
  return value;
}

bool is_off(const Offer<Regularizer>& offer, const config::Value& resolved) {
  using Kind = config::Value::Kind;
  const config::Value* const value = strength_in(offer, resolved);
  if (value == nullptr) return false;
  if (value->is(Kind::boolean)) return !value->as_boolean();
  return (value->is(Kind::integer) || value->is(Kind::real)) && value->as_real() == 0;
}

void check_site(const std::string& name, Site site, bool has_output_loss, bool has_add_gradient) {
  if (site == Site::outputs && !has_output_loss)
    throw not_implemented("the regularizer", "outputs", "output_loss").at(name);
  if (site == Site::weights && !has_add_gradient)
    throw not_implemented("the regularizer", "weights", "add_gradient").at(name);
}

}  // namespace stet
