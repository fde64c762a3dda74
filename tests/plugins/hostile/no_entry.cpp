// Facts, but no entry function.
#include "trace.hpp"

#include <stet/plugin.hpp>

extern "C" {
__attribute__((section(".stet.plugin"), used)) static constexpr auto stet_plugin_facts =
    ::stet::plugin_facts(STET_ABI_FACTS "name=no_entry\nversion=1.0\nauthor=stet\n");
}
