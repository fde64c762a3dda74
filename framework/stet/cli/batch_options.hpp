// The options of `stet submit`, `stet status` and `stet cancel`.
#pragma once

#include <stet/cli/options.hpp>

#include <CLI/CLI.hpp>

#include <functional>

namespace stet {

/// `experiment`: makes a command one that reads an experiment file.
void add_batch_options(CLI::App& app, Options& options,
                       const std::function<CLI::App*(CLI::App*, Options::Command)>& experiment);

}  // namespace stet
