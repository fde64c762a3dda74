#include <stet/cli/options.hpp>

#include <stet/base/strings.hpp>
#include <stet/cli/tokenizer_options.hpp>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

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
    command->add_option("--set", o.overrides, "override a value: --set train.learning_rate=1e-4")->take_all();
    command->add_option("--out", o.out, "folder of results (default: runs)");
    command->callback([&o, value] { o.command = value; });
    return command;
  };
  auto* run = experiment(app.add_subcommand("run", "run what is not finished, then print the table"), Options::Command::run);
  run->add_option("-j,--jobs", o.jobs, "worker processes when not started by mpirun (default: one a core)")->check(CLI::Range(0, 4096));
  run->add_flag("--worker", o.worker)->group("");
  auto* plan = experiment(app.add_subcommand("plan", "what would run, how long, how much memory"), Options::Command::plan);
  plan->add_flag("--resolved", o.resolved, "print the merged configuration instead");
  plan->add_flag("--no-estimate", o.no_estimate, "do not time a few steps for an estimate");
  auto* table = experiment(app.add_subcommand("table", "compute the table again from finished runs"), Options::Command::table);
  table->add_option("--format", o.format, "terminal, markdown, latex or csv")->check(CLI::IsMember({"terminal", "markdown", "latex", "csv"}));

  auto* plugin = app.add_subcommand("plugin", "plugins");
  plugin->require_subcommand(1);
  plugin->add_subcommand("list", "every plugin found")->callback([&o] { o.command = Options::Command::plugin_list; });
  auto* info = plugin->add_subcommand("info", "what a plugin offers, and its parameters");
  info->add_option("name", o.name, "its name")->required();
  info->callback([&o] { o.command = Options::Command::plugin_info; });

  auto* doctor = app.add_subcommand("doctor", "what this machine and installation offer, and what is wrong with it");
  doctor->add_flag("!--no-measure", o.measure, "do not time matrix products");
  doctor->callback([&o] { o.command = Options::Command::doctor; });

  auto* checkpoint = app.add_subcommand("checkpoint", "checkpoints");
  checkpoint->require_subcommand(1);
  auto* inspect = checkpoint->add_subcommand("inspect", "verify a checkpoint and show what is in it");
  inspect->add_option("folder", o.file, "a step-N folder, or the folder above it")->required();
  inspect->callback([&o] { o.command = Options::Command::checkpoint_inspect; });

  auto* model = app.add_subcommand("model", "models");
  model->require_subcommand(1);
  auto* verify = model->add_subcommand("verify", "compare a folder's expected logits, loss and gradients with ours");
  verify->add_option("folder", o.file, "config.json, model.safetensors, expected.safetensors")->required();
  verify->callback([&o] { o.command = Options::Command::model_verify; });
  add_tokenizer_options(app, o);
  app.add_subcommand("test", "build everything and run all tests (by the wrapper ./stet)")->callback([] {
    throw CLI::RuntimeError("`stet test` is run by the wrapper ./stet in the source folder", 2);
  });
  try {
    app.parse(argc, argv);
    code = 0;
  } catch (const CLI::ParseError& error) {
    if (argc > 1 && argv[1][0] != '-') {  // CLI11 only says that it misses a command
      std::vector<std::string> commands;
      for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) commands.push_back(command->get_name());
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
