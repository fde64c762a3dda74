#include <stet/cli/batch_options.hpp>

#include <stet/cli/literal_arguments.hpp>

namespace stet {

void add_batch_options(CLI::App& app, Options& o,
                       const std::function<CLI::App*(CLI::App*, Options::Command)>& experiment) {
  const auto most = CLI::Range(std::int64_t{1}, std::int64_t{1} << 20);
  auto* submit = experiment(
      app.add_subcommand("submit",
                         "have Slurm run what is not finished: writes a batch script and submits it. The job stops "
                         "before its time is up, goes on in another life until all is done, and survives preemption "
                         "and lost nodes. Options of sbatch follow behind --: stet submit FILE -- --partition=gpu"),
      Options::Command::submit);
  submit->add_flag("--dry", o.dry, "print the script and the command, and submit nothing");
  submit->add_option("--nodes", o.nodes, "nodes of the job (default: 1)")->check(most);
  submit
      ->add_option("--ranks-per-node", o.ranks_per_node,
                   "MPI ranks a node (default: as many as train a run together, or 1; without --nodes and "
                   "--ranks-per-run no MPI: worker processes, one a core)")
      ->check(most);
  submit->add_option("--ranks-per-run", o.ranks_per_run, "ranks that train one run together (0: all)")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 30));
  submit->add_option("--cores", o.cores, "cores a rank, or without MPI of the job (default: one a task that is left)")
      ->check(most);
  submit
      ->add_option("--time", o.minutes, "minutes of one life (default: what `stet plan` says, and half as much again)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{525600}));
  submit->add_option("--margin", o.margin, "stop so many seconds before the end (default: by step and checkpoint)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{86400}));
  submit
      ->add_option("--array", o.array,
                   "an array of so many tasks (0: one a run that is left) that share the runs, behind a job for the "
                   "base models")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 30));
  submit->add_option("--at-once", o.array_at_once, "tasks of the array that may run at a time")->check(most);
  submit->add_flag_callback(
      "--no-requeue", [&o] { o.requeue = false; }, "leave it to others to submit the job again");
  submit->add_option("--hang-timeout", o.hang_timeout, "as of run")->check(CLI::Range(0.0, 1e9));
  submit->add_flag("--trust-versions", o.trust_versions, "as of run");
  add_literal_list(*submit, "sbatch", o.scheduler_options, "options of sbatch, behind --");
  for (const auto& [name, help, command] :
       {std::tuple{"status", "how far submitted experiments are, and what Slurm says of their jobs",
                   Options::Command::status},
        std::tuple{"cancel", "take an experiment's jobs out of Slurm; what they have done stays",
                   Options::Command::cancel}}) {
    auto* about = app.add_subcommand(name, help);
    about->add_option("folder", o.out, "an experiment's folder of results, or one of several (default: runs)");
    about->callback([&o, value = command] { o.command = value; });
  }
}

}  // namespace stet
