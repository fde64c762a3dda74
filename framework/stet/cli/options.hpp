// The command line as a struct.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace stet {

struct Options {
  enum class Command { none, run, plan, table, plugin_list, plugin_info, doctor, checkpoint_inspect, model_verify,
                       tokenizer_train, tokenizer_encode, tokenizer_decode, tokenizer_verify };
  Command command = Command::none;
  std::filesystem::path file;            ///< experiment, model folder or checkpoint folder
  std::string name;                      ///< plugin
  std::vector<std::string> overrides;    ///< --set a.b=c
  std::filesystem::path out = "runs";
  int jobs = 0;                          ///< worker processes; 0: one a core
  bool resolved = false;                 ///< plan --resolved
  bool no_estimate = false;              ///< plan --no-estimate
  bool measure = true;                   ///< doctor
  std::string format = "terminal";       ///< table
  bool worker = false;                   ///< internal: started by `stet run`
  bool verbose = false;
  std::vector<std::string> inputs;       ///< tokenizer train: files; encode: texts; decode: ids
  std::size_t vocabulary = 0;            ///< tokenizer train
  std::size_t min_frequency = 2;         ///< tokenizer train
  bool special = false;                  ///< tokenizer encode and decode
  bool tokens = false;                   ///< tokenizer encode --tokens
};

/// Parses argv; on --help, --version or an error prints and returns the exit code through `code` with Command::none.
[[nodiscard]] Options parse_options(int argc, char** argv, int& code);

}  // namespace stet
