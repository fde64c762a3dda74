// The options of `stet tokenizer ...`.
#pragma once

#include <stet/cli/options.hpp>

namespace CLI {
class App;
}

namespace stet {

/// Adds the command `tokenizer` with its subcommands to `app`; they fill `options`, which must outlive it.
void add_tokenizer_options(CLI::App& app, Options& options);

}  // namespace stet
