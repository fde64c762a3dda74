// A plugin that fails while it registers; WHAT says with what.
#include <stet/plugin.hpp>

STET_PLUGIN("throws", "1.0", "stet") {
  (void)registrar;
  throw WHAT;
}
