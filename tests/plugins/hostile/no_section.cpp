// A shared object like any other, but no plugin: it has no facts.
#include "trace.hpp"

extern "C" int nothing_of_ours() { return 0; }
