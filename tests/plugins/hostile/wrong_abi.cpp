// A plugin whose headers had the ABI number WRONG_ABI, built from source and not edited.
#include "trace.hpp"

#include <stet/plugin.hpp>

#undef STET_PLUGIN_ABI
#define STET_PLUGIN_ABI WRONG_ABI

STET_PLUGIN("wrong_abi", "1.0", "stet") { (void)registrar; }
