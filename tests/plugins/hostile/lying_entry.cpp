// Facts that fit, and an entry function that answers LYING_ABI, LYING_SIZE and LYING_ALIGNMENT. Its enroll function
// must not be called.
#include <stet/plugin.hpp>

#include <cstdlib>

static void enroll(stet::Registrar&) { std::abort(); }

extern "C" {
__attribute__((section(".stet.plugin"), used)) static constexpr auto stet_plugin_facts =
    ::stet::plugin_facts(STET_ABI_FACTS "name=lying\nversion=1.0\nauthor=stet\n");
stet::PluginEntry stet_plugin_entry();
stet::PluginEntry stet_plugin_entry() { return {LYING_ABI, LYING_SIZE, LYING_ALIGNMENT, &enroll}; }
}
