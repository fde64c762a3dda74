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
    checkpoint_verify,
    checkpoint_diff,
    model_verify,
    model_export,
    generate,
    plugin_check,
    data_build,
    data_inspect,
    slick,
    submit,
    status,
    cancel,
    tokenizer_train,
    tokenizer_encode,
    tokenizer_decode,
    tokenizer_verify,
  };
  Command command = Command::none;
  bool verbose = false;
  std::filesystem::path file;          ///< experiment, model folder, checkpoint folder or shard folder
  std::filesystem::path out = "runs";  ///< of results; data build, tokenizer train: what is made

  double hang_timeout = 600;  ///< run, slick: seconds; 0: never
  // run, plan, table, slick
  bool trust_versions = false;                ///< run, plan, table: plugins of the same version count as the same
  std::vector<std::string> overrides;         ///< --set a.b=c; also plugin check
  int jobs = 0;                               ///< worker processes; 0: one a core
  std::optional<std::int64_t> ranks_per_run;  ///< instead of the experiment's
  bool worker = false;                        ///< internal: started by `stet run`
  bool resolved = false;                      ///< plan --resolved
  bool no_estimate = false;                   ///< plan --no-estimate
  std::string format = "terminal";            ///< table
  std::filesystem::path results;              ///< run, table: folder for the table with its origin; empty: none

  bool bases_only = false;  ///< run: base models and labels alone
  bool leave = false;       ///< run: do not wait for what others have claimed

  // submit; 0 of a number: chosen by the command
  std::int64_t nodes = 1, ranks_per_node = 0, cores = 0, minutes = 0, margin = 0, array_at_once = 0;
  std::optional<std::int64_t> array;  ///< tasks; 0: one an open run
  bool dry = false, requeue = true;
  std::vector<std::string> scheduler_options;  ///< of sbatch
  std::string command_line;                    ///< as it was typed

  // plugin info, plugin check
  std::string name;
  unsigned check_seconds = 120;   ///< plugin check: for one check
  std::filesystem::path journal;  ///< internal: of the process in which `plugin check` makes its checks
  std::string digest;             ///< internal: the class "KIND/NAME" that `plugin check` has ranks train

  // doctor
  bool measure = true;

  // export and generate
  std::filesystem::path destination, like;
  std::filesystem::path tokenizer;  ///< also data build
  std::string prompt;
  std::string end_token;    ///< also data build; empty: what the tokenizer's folder says
  bool adapter = false;     ///< export: the low-rank changes alone
  bool no_special = false;  ///< no token for the beginning before the prompt
  std::int64_t max_tokens = 64, top_k = 0, samples = 1;
  double temperature = 0;
  std::uint64_t seed = 1;  ///< also data inspect

  // data build and data inspect
  std::vector<std::filesystem::path> files;  ///< JSON lines
  std::uint64_t context = 1024;              ///< longest sequence
  double shard_megabytes = 64;               ///< of input a shard
  std::uint64_t shown_samples = 0;
  bool verify = false;

  // tokenizer train, encode, decode
  std::vector<std::string> inputs;  ///< files; texts; ids
  std::size_t vocabulary = 0, min_frequency = 2;
  bool special = false;  ///< with the post-processor's tokens
  bool tokens = false;   ///< encode --tokens
};

/// Parses argv; on --help, --version or an error prints and returns the exit code through `code` with Command::none.
[[nodiscard]] Options parse_options(int argc, char** argv, int& code);

}  // namespace stet
