// The command line as a struct.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stet {

struct Options {
  enum class Command {
    none,
    run,
    plan,
    table,
    plugin_list,
    plugin_info,
    doctor,
    checkpoint_inspect,
    model_verify,
    model_export,
    generate,
    plugin_check,
    data_build,
    data_inspect,
    slick,
    tokenizer_train,
    tokenizer_encode,
    tokenizer_decode,
    tokenizer_verify,
  };
  Command command = Command::none;
  std::filesystem::path file;            ///< experiment, model folder or checkpoint folder
  std::string name;                      ///< plugin
  std::vector<std::string> overrides;    ///< --set a.b=c
  std::filesystem::path out = "runs";
  int jobs = 0;                          ///< worker processes; 0: one a core
  std::optional<std::int64_t> ranks_per_run;  ///< instead of the experiment's
  bool resolved = false;                 ///< plan --resolved
  bool no_estimate = false;              ///< plan --no-estimate
  bool measure = true;                   ///< doctor
  std::string format = "terminal";       ///< table
  std::filesystem::path destination;     ///< export
  std::filesystem::path tokenizer;       ///< export, data build
  std::string prompt;                    ///< generate, as are the following
  std::int64_t max_tokens = 64, top_k = 0, samples = 1;
  double temperature = 0;
  std::uint64_t seed = 1;                ///< also data inspect
  std::string digest;                    ///< internal: the class "KIND/NAME" that `plugin check` has ranks train
  bool worker = false;                   ///< internal: started by `stet run`
  bool verbose = false;
  std::vector<std::filesystem::path> files;   ///< data build: JSON lines
  std::uint64_t context = 1024;               ///< data build: longest sequence
  double shard_megabytes = 64;                ///< data build: of input a shard
  std::uint64_t shown_samples = 0;            ///< data inspect
  bool verify = false;                        ///< data inspect
  std::vector<std::string> inputs;       ///< tokenizer train: files; encode: texts; decode: ids
  std::size_t vocabulary = 0;            ///< tokenizer train
  std::size_t min_frequency = 2;         ///< tokenizer train
  bool special = false;                  ///< tokenizer encode and decode
  bool tokens = false;                   ///< tokenizer encode --tokens
};

/// Parses argv; on --help, --version or an error prints and returns the exit code through `code` with Command::none.
[[nodiscard]] Options parse_options(int argc, char** argv, int& code);

}  // namespace stet
