// A plugin for a host of another ABI. Its code must not run: if it does, it leaves a trace.
#include <stet/plugin.hpp>

#include <cstdlib>

#undef STET_PLUGIN_ABI
#define STET_PLUGIN_ABI 4711

namespace {
__attribute__((constructor)) void leave_trace() { ::setenv("STET_FOREIGN_CODE_RAN", "wrong_abi", 1); }
}  // namespace

STET_PLUGIN("wrong_abi", "1.0", "stet") { (void)registrar; }
