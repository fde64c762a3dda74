#include <stet/cli/options.hpp>

#include <stet/base/strings.hpp>
#include <stet/cli/batch_options.hpp>
#include <stet/cli/literal_arguments.hpp>
#include <stet/cli/tokenizer_options.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>

namespace stet {

Options parse_options(int argc, char** argv, int& code) {
  Options o;
  CLI::App app{"stet: fine-tune language models on new facts, and let the old ones stand"};
  app.set_version_flag("--version", STET_VERSION);
  app.require_subcommand(1);
  app.add_flag("-v,--verbose", o.verbose, "more log lines");
  const auto experiment = [&o](CLI::App* command, Options::Command value) {
    command->add_option("experiment", o.file, "experiment file (TOML)")->required();
    add_literal_list(*command, "--set", o.overrides,
                     "override a value: --set train.learning_rate=1e-4. Wins over the file and over an arm's own key "
                     "(--set arm.NAME.key=... sets it in one "
                     "arm); a plugin's key reaches the arms that have the plugin")
        ->take_all();
    command->add_option("--out", o.out, "folder of results (default: runs)")->check([](const std::string& text) {
      return text.empty() ? "no folder is named" : std::string();
    });
    command->callback([&o, value] { o.command = value; });
    return command;
  };
  auto* run =
      experiment(app.add_subcommand("run",
                                    "run what is not finished, then print the table.\n"
                                    "SIGTERM, SIGINT, SIGHUP or SIGUSR2 at any moment: checkpoint at the end of the "
                                    "step, exit code 75; the same command goes on. SIGUSR1: checkpoint, and go on. "
                                    "Under mpirun send SIGUSR2 to mpirun, which passes it to every rank unharmed (kill "
                                    "-USR2 PID); at SIGTERM it kills the ranks "
                                    "after a few seconds, and what is newer than the last checkpoint is done again. "
                                    "STET_STOP_AT=SECONDS (since 1970): stop then, as at SIGTERM. STET_LOCKS=files: "
                                    "lock files with a heartbeat, for file systems without flock"),
                 Options::Command::run);
  run->add_option("-j,--jobs", o.jobs,
                  "worker processes when not started by mpirun (default: one a core, within a container's quota)")
      ->check(CLI::Range(0, 4096));
  run->add_option("--ranks-per-run", o.ranks_per_run,
                  "under mpirun: ranks that train one run together; groups share the runs (0: all ranks)")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 30));
  run->add_flag("--worker", o.worker)->group("");
  run->add_flag("--bases-only", o.bases_only, "train base models and label facts; leave the runs to others");
  run->add_flag("--leave", o.leave,
                "end when all that is left is in other processes' hands, instead of waiting for it");
  auto* plan =
      experiment(app.add_subcommand("plan", "what would run, how long, how much memory"), Options::Command::plan);
  plan->add_option("-j,--jobs", o.jobs, "worker processes that the time is estimated for (default: as run)")
      ->check(CLI::Range(0, 4096));
  plan->add_flag("--resolved", o.resolved, "print the merged configuration instead");
  plan->add_flag("--no-estimate", o.no_estimate, "do not time a few steps for an estimate");
  auto* slick =
      experiment(app.add_subcommand("slick", "label what the base models know by few-shot answers; print the shares"),
                 Options::Command::slick);
  for (auto* command : {run, slick}) {
    command
        ->add_option("--hang-timeout", o.hang_timeout,
                     "end a task whose rank or plugin shows no sign of life for so many seconds while others wait for "
                     "it (default: 600; 0: wait for ever)")
        ->check(CLI::Range(0.0, 1e9))
        ->check([](const std::string& text) {  // the range lets nan through
          return text.find("nan") == std::string::npos ? std::string() : "not a number: " + text;
        });
  }
  auto* table =
      experiment(app.add_subcommand("table", "compute the table again from finished runs"), Options::Command::table);
  for (auto* command : {run, plan, table}) {
    command->add_flag("--trust-versions", o.trust_versions,
                      "take results that other bytes of a plugin of the same version made (of plugins from elsewhere "
                      "than the installation)");
  }
  table->add_option("--format", o.format, "terminal, markdown, latex or csv")
      ->check(CLI::IsMember({"terminal", "markdown", "latex", "csv"}));
  for (auto* command : {run, table}) {
    command->add_option("--results", o.results,
                        "also write FOLDER/NAME.md and NAME.csv, with commit, machine and cost");
  }

  auto* plugin = app.add_subcommand("plugin", "plugins");
  plugin->require_subcommand(1);
  plugin->add_subcommand("list", "every plugin found")->callback([&o] { o.command = Options::Command::plugin_list; });
  auto* info = plugin->add_subcommand("info", "what a plugin offers, and its parameters");
  info->add_option("name", o.name, "its name")->required();
  info->callback([&o] { o.command = Options::Command::plugin_info; });

  auto* check = plugin->add_subcommand(
      "check", "try everything that a plugin registers on a tiny model: gradients, resuming, ranks, ...");
  check->add_option("plugin", o.name, "its name, or its file")->required();
  add_literal_list(*check, "--set", o.overrides,
                   "a parameter: --set strength=0.5, or NAME.strength=0.5 for the class NAME")
      ->take_all();
  check
      ->add_option("--time-limit", o.check_seconds, "end a check that takes longer than so many seconds (default: 120)")
      ->check(CLI::Range(1U, 86400U));
  check->add_option("--digest", o.digest)->group("");
  check->add_option("--journal", o.journal)->group("");
  check->callback([&o] { o.command = Options::Command::plugin_check; });

  auto* doctor = app.add_subcommand("doctor", "what this machine and installation offer, and what is wrong with it");
  doctor->add_flag("!--no-measure", o.measure, "do not time matrix products");
  doctor->callback([&o] { o.command = Options::Command::doctor; });

  auto* checkpoint = app.add_subcommand("checkpoint", "checkpoints");
  checkpoint->require_subcommand(1);
  auto* inspect = checkpoint->add_subcommand("inspect", "verify a checkpoint and show what is in it");
  inspect->add_option("folder", o.file, "a step-N folder, or the folder above it")->required();
  inspect->callback([&o] { o.command = Options::Command::checkpoint_inspect; });
  auto* whole = checkpoint->add_subcommand("verify", "read every checkpoint below a folder and check every checksum");
  whole->add_option("folder", o.file, "a step-N folder, or any folder above some")->required();
  whole->callback([&o] { o.command = Options::Command::checkpoint_verify; });
  auto* diff = checkpoint->add_subcommand("diff", "where two checkpoints differ; exit code 1 if they do");
  diff->add_option("first", o.file, "as for inspect")->required();
  diff->add_option("second", o.destination, "as for inspect")->required();
  diff->callback([&o] { o.command = Options::Command::checkpoint_diff; });

  auto* model = app.add_subcommand("model", "models");
  model->require_subcommand(1);
  auto* verify = model->add_subcommand("verify", "compare a folder's expected logits, loss and gradients with ours");
  verify->add_option("folder", o.file, "config.json, model.safetensors, expected.safetensors")->required();
  verify->callback([&o] { o.command = Options::Command::model_verify; });
  auto* exporting =
      app.add_subcommand("export", "write a model as a folder in Hugging Face's layout, or a run's LoRA as an adapter");
  exporting
      ->add_option("source", o.file, "Hugging Face folder, base model, run that kept its weights, or step-N checkpoint")
      ->required();
  exporting->add_option("destination", o.destination, "new folder")->required();
  exporting->add_option("--tokenizer", o.tokenizer, "tokenizer.json to go with it (default: the source's)");
  exporting->add_option("--like", o.like,
                        "of a run that began as somebody else's model: that model's folder (default: where it lay), in "
                        "whose form the run's is written");
  exporting->add_flag("--adapter", o.adapter,
                      "of a finished run with LoRA: the change alone, as an adapter that the library PEFT loads");
  exporting->callback([&o] { o.command = Options::Command::model_export; });
  auto* generate = app.add_subcommand("generate", "continue a prompt");
  generate->add_option("folder", o.file, "a folder as for export")->required();
  generate->add_option("--prompt", o.prompt, "text, or token ids if the folder has no tokenizer.json")->required();
  generate->add_flag(
      "--no-special", o.no_special,
      "do not put the token for a text's beginning, which the tokenizer's template declares, before the prompt");
  generate->add_option("--end-token", o.end_token, "the token that ends a text (default: what the folder says)");
  generate->add_option("--max-tokens", o.max_tokens, "new tokens at most (default: 64)")->check(CLI::Range(1, 1 << 28));
  generate->add_option("--temperature", o.temperature, "0 (default): greedy")->check(CLI::Range(0.0, 1000.0));
  generate->add_option("--top-k", o.top_k, "draw from so many tokens; 0 (default): all")->check(CLI::Range(0, 1 << 28));
  generate->add_option("--seed", o.seed, "of the samples (default: 1)");
  generate->add_option("--samples", o.samples, "continuations drawn (default: 1)")->check(CLI::Range(1, 1 << 20));
  generate->callback([&o] { o.command = Options::Command::generate; });
  auto* data = app.add_subcommand("data", "token shards for training");
  data->require_subcommand(1);
  auto* build = data->add_subcommand(
      "build", "tokenize JSON lines into shards (under mpirun: by all ranks); continues a build that was killed");
  add_literal_list(*build, "inputs", o.files, "files of JSON lines: {prompt, completion}, {messages} or {text}")
      ->required();
  build->add_option("--tokenizer", o.tokenizer, "tokenizer.json")->required();
  build->add_option("--out", o.out, "folder of the shards")->required();
  build->add_option(
      "--end-token", o.end_token,
      "the token that ends a text, as the tokenizer spells it (default: what its folder says, or its name)");
  build
      ->add_option("--context", o.context,
                   "longest sequence in tokens (default: 1024): longer texts are cut, the others left out")
      ->check(CLI::Range(2, 1 << 30));
  build->add_option("--shard-megabytes", o.shard_megabytes, "input a shard (default: 64)")
      ->check(CLI::Range(1e-6, 1e6));
  build->callback([&o] { o.command = Options::Command::data_build; });
  auto* look = data->add_subcommand("inspect", "what a folder of shards holds");
  look->add_option("folder", o.file, "folder of the shards")->required();
  look->add_option("--samples", o.shown_samples, "print so many sequences, with what has loss marked");
  look->add_option("--seed", o.seed, "of the choice of samples (default: 1)");
  look->add_flag("--verify", o.verify, "read everything and check every checksum");
  look->callback([&o] { o.command = Options::Command::data_inspect; });
  add_tokenizer_options(app, o);
  add_batch_options(app, o, experiment);
  app.add_subcommand("test", "build everything and run all tests (by the wrapper ./stet)")->callback([] {
    throw CLI::RuntimeError("`stet test` is run by the wrapper ./stet in the source folder", 2);
  });
  try {
    const LiteralArguments arguments(argc, argv);
    app.parse(arguments.count(), arguments.values());
    for (std::filesystem::path* path : {&o.file, &o.out, &o.results, &o.destination, &o.tokenizer, &o.like})
      *path = LiteralArguments::original(path->native());
    for (std::string* text : {&o.name, &o.prompt, &o.end_token}) *text = LiteralArguments::original(*text);
    for (int i = 0; i < argc; ++i)
      o.command_line += std::string(i == 0 ? "" : " ") + (i == 0 ? "stet" : shell_word(argv[i]));
    code = 0;
  } catch (const CLI::ParseError& error) {
    if (argc > 1 && argv[1][0] != '-') {  // CLI11 only says that it misses a command
      std::vector<std::string> commands;
      for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
        commands.push_back(command->get_name());
      if (std::find(commands.begin(), commands.end(), argv[1]) == commands.end()) {
        fmt::print(stderr, "unknown command '{}': {}\n", argv[1], suggestion(argv[1], commands));
        code = 2;
        o.command = Options::Command::none;
        return o;
      }
    }
    const int status = app.exit(error);
    code = status == 0 ? 0 : 2;
    o.command = Options::Command::none;
  }
  return o;
}

}  // namespace stet
