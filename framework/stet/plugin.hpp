// Everything that the author of a plugin needs. A plugin is one shared object, loaded at run time, that registers
// regularizers, freeze strategies and interference probes:
//
//   #include <stet/plugin.hpp>
//   struct Parameters { double strength = 1.0; };
//   class Mine : public stet::Regularizer { ... };
//   STET_PLUGIN("mine", "1.0", "A. Author") {
//     registrar.regularizer<Mine>("mine", "what it does", stet::config::Schema<Parameters>("mine").field(...));
//   }
//
// Mine's constructor takes `const Parameters&`. See plugins/confidence_penalty for the smallest complete one.
//
// What several plugins need is in <stet/sdk/...>, a header each, which this one does not bring:
// recording_probe, probe_tools, similarity (probes); row_losses, teacher, term_rows (terms on outputs);
// anchored_penalty, fisher, state (penalties on weights); example_tools, weight_walk, parameter_selection,
// random_choice.
#pragma once

#include <stet/base/error.hpp>
#include <stet/plugin/freeze_strategy.hpp>
#include <stet/plugin/probe.hpp>
#include <stet/plugin/registrar.hpp>
#include <stet/plugin/regularizer.hpp>
