// A plugin that fails while it registers.
#include <stet/plugin.hpp>

STET_PLUGIN("throws", "1.0", "stet") {
  (void)registrar;
  throw std::runtime_error("the plugin's own trouble");
}
