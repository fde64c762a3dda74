// A shared object like any other, but no plugin. If it is loaded all the same, it leaves a trace.
#include <cstdlib>

namespace {
__attribute__((constructor)) void leave_trace() { ::setenv("STET_FOREIGN_CODE_RAN", "no_section", 1); }
}  // namespace

extern "C" int nothing_of_ours() { return 0; }
