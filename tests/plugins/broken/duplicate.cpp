// A plugin that registers one name twice, and a name that plugins/l2_sp has.
#include <stet/plugin.hpp>

namespace {
struct Parameters {};
class Nothing final : public stet::Regularizer {
 public:
  explicit Nothing(const Parameters&) {}
  [[nodiscard]] stet::Site site() const override { return stet::Site::weights; }
};
}  // namespace

STET_PLUGIN("duplicate", "1.0", "stet") {
  registrar.regularizer<Nothing>("l2_sp", "once", stet::config::Schema<Parameters>("regularizer.l2_sp"));
  registrar.regularizer<Nothing>("l2_sp", "twice", stet::config::Schema<Parameters>("regularizer.l2_sp"));
}
