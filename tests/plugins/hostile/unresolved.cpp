// A plugin that calls a function which no library has.
#include "trace.hpp"

#include <stet/plugin.hpp>

extern "C" void stet_test_function_that_nobody_has();

STET_PLUGIN("unresolved", "1.0", "stet") {
  (void)registrar;
  stet_test_function_that_nobody_has();
}
