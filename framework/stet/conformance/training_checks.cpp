// Checks of a regularizer in real training: repeatable, strength 0, instances, resume, frozen.
#include <stet/base/file/temporary_folder.hpp>
#include <stet/base/philox.hpp>
#include <stet/conformance/checks.hpp>

#include <algorithm>

namespace stet::conformance {

namespace {

constexpr int steps = BenchRun::total_steps;

std::string where_different(const ConformanceBench& bench, const BenchRun& a, const BenchRun& b) {
  const std::string name = first_difference(bench.model().table(), a.weights(), b.weights());
  if (name.empty()) return "the weights are equal, the losses are not";
  const double largest = (a.weights() - b.weights()).abs().max().item<double>();
  return fmt::format("first in {}; largest difference of a weight {:.3g}", name, largest);
}

}  // namespace

BenchRun& whole(BenchRun& run) {
  run.begin();
  run.train(steps);
  run.end();
  return run;
}

Finding check_repeatable(const RegularizerTrial& trial) {
  BenchRun first(trial.bench, trial.alone, trial.create()), second(trial.bench, trial.alone, trial.create());
  if (whole(first).digest() == whole(second).digest())
    return passed(fmt::format("{} steps twice: the same bits", steps));
  return failed("the same training twice differs: " + where_different(trial.bench, first, second),
                "no clocks, addresses, rand() or static counters; draw from stet::Random (stet/base/philox.hpp)");
}

Finding check_strength_zero(const RegularizerTrial& trial) {
  if (trial.no_off) return *trial.no_off;
  BenchRun plain(trial.bench, trial.alone, nullptr), off(trial.bench, trial.alone, trial.create_off());
  if (whole(plain).digest() == whole(off).digest())
    return passed(fmt::format("{} steps: the bits of plain fine-tuning", steps));
  return failed("with strength 0 the training is not plain fine-tuning: " + where_different(trial.bench, plain, off),
                "at strength 0 return a constant 0 before anything is computed, and declare no wider scope");
}

Finding check_instances(const RegularizerTrial& trial) {
  const Create<Regularizer>& other = trial.create_other ? trial.create_other : trial.create;
  // By themselves, one after the other...
  std::string first_alone, second_alone;
  {
    BenchRun run(trial.bench, trial.alone, trial.create());
    first_alone = whole(run).digest();
  }
  {
    BenchRun run(trial.bench, trial.alone, other(), {}, 2);
    second_alone = whole(run).digest();
  }
  // ... and step by step in turn.
  BenchRun first(trial.bench, trial.alone, trial.create()), second(trial.bench, trial.alone, other(), {}, 2);
  first.begin();
  second.begin();
  for (int step = 0; step < steps; ++step) {
    first.train(1);
    second.train(1);
  }
  first.end();
  second.end();
  if (first.digest() == first_alone && second.digest() == second_alone) {
    return passed(fmt::format("two at once{}, {} steps in turn: as each by itself",
                              trial.create_other ? " with different parameters" : "", steps));
  }
  return failed("two instances at once do not train as each by itself",
                "keep state in members, not in static or global variables");
}

namespace {

constexpr int later_steps = 4;

/// Two phases, or what is left of them.
void to_the_end(BenchRun& run, int first, int second) {
  if (first > 0) {
    run.train(first);
    run.end();
    run.begin(ConformanceBench::second_phase);
  }
  run.train(second);
  run.end();
}

/// Where a run that went on differs from the straight one: in a step's term or loss, or in the weights.
std::string where_it_differs(const ConformanceBench& bench, const BenchRun& straight, const BenchRun& resumed,
                             int before) {
  if (!first_difference(bench.model().table(), straight.weights(), resumed.weights()).empty())
    return where_different(bench, straight, resumed);
  for (std::size_t i = 0; i < resumed.reports().size(); ++i) {
    const std::size_t step = static_cast<std::size_t>(before) + i;
    const StepReport &then = straight.reports()[step], &now = resumed.reports()[i];
    if (then.penalties != now.penalties) {
      return fmt::format("the weights are equal, but the term of step {} is {:.9g}, not {:.9g}", step + 1,
                         now.penalties[0], then.penalties[0]);
    }
    if (then.loss != now.loss)
      return fmt::format("the weights are equal, but the loss of step {} is {:.9g}, not {:.9g}", step + 1, now.loss,
                         then.loss);
  }
  return "";
}

}  // namespace

Finding check_acts(const RegularizerTrial& trial) {
  if (trial.is_off) return not_applicable("its strength is 0 with these parameters");
  BenchRun run(trial.bench, trial.alone, trial.create());
  run.begin();
  to_the_end(run, steps, later_steps);
  const auto acted = std::count_if(run.reports().begin(), run.reports().end(),
                                   [](const StepReport& report) { return report.penalties[0] != 0; });
  if (acted > 0)
    return passed(fmt::format("the term is other than 0 in {} of {} steps of two phases", acted, run.reports().size()));
  if (run.replaced()) return passed("it replaces the weights at the end of a phase");
  return warning(
      fmt::format("the term is 0 in all {} steps of two phases, and no weights are replaced", run.reports().size()),
      "batches hold examples of the sets \"known\" and \"unknown\": with other sets alone in its parameters it never "
      "acts");
}

Finding check_resume(const RegularizerTrial& trial) {
  struct Stop {
    int phase, after, of;
  };
  BenchRun straight(trial.bench, trial.alone, trial.create());
  straight.begin();
  to_the_end(straight, steps, later_steps);
  std::size_t tensors = 0;
  for (const Stop& stop : {Stop{1, 3, steps}, Stop{2, 2, later_steps}}) {
    const TemporaryFolder folder;
    {
      BenchRun run(trial.bench, trial.alone, trial.create());
      run.begin();
      if (stop.phase == 2) {
        run.train(steps);
        run.end();
        run.begin(ConformanceBench::second_phase);
      }
      run.train(stop.after);
      run.save(folder.path());
      tensors = run.saved_tensors();
    }
    BenchRun resumed(trial.bench, trial.alone, trial.create());
    resumed.resume(folder.path());
    if (stop.phase == 1) {
      to_the_end(resumed, steps - stop.after, later_steps);
    } else {
      to_the_end(resumed, 0, later_steps - stop.after);
    }
    const int before = (stop.phase == 2 ? steps : 0) + stop.after;
    if (const std::string difference = where_it_differs(trial.bench, straight, resumed, before); !difference.empty()) {
      return failed(fmt::format("saved after {} of {} steps{} ({} tensors of its own), continued: {}", stop.after,
                                stop.of, stop.phase == 2 ? " of a second phase" : "", tensors, difference),
                    "save() must return all that later steps and phases depend on, load() take it back, and "
                    "begin_phase(resumed = true) leave it");
    }
  }
  return passed(
      fmt::format("two phases, saved in the first and in the second ({} tensors of its own), continued: weights and "
                  "every step's term as in the straight run",
                  tensors));
}

namespace {

/// One direct call of add_gradient, in float64: nothing may be written but the gradient of what trains.
std::string misplaced_write(const RegularizerTrial& trial, Regularizer& regularizer,
                            const TrainableSelection& selection) {
  const ParameterTable& table = trial.bench.model().table();
  const SnapshotStore snapshots = trial.bench.snapshots(at::kDouble);
  const at::Tensor values = trial.bench.weights(7, at::kDouble), start = values.clone();
  at::Tensor gradients = at::empty_like(values);
  Random random(4, "gradient");
  for (std::int64_t i = 0; i < gradients.numel(); ++i) gradients.data_ptr<double>()[i] = random.normal();
  const at::Tensor given = gradients.clone();
  ExampleStore examples(trial.bench.model(), trial.alone, 1);
  trial.bench.fill(examples);
  regularizer.begin_phase({ConformanceBench::phase, trial.bench.model(), values, snapshots, examples}, false);
  static_cast<void>(
      regularizer.add_gradient({table, values, gradients, selection.trains, snapshots, examples, 0, selection.masks}));
  if (const std::string name = first_difference(table, start, values); !name.empty())
    return "add_gradient writes the weights of " + name;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (!selection.trains[i] && !table.view(gradients, i).equal(table.view(given, i)))
      return "add_gradient writes the gradient of the frozen " + table[i].name;
  }
  return "";
}

}  // namespace

Finding check_frozen(const RegularizerTrial& trial) {
  const char* const hint = "write nothing but gradients, and those only where WeightContext::trains is true";
  const ParameterTable& table = trial.bench.model().table();
  const TrainableSelection selection = trial.bench.partly_frozen(true);
  const std::unique_ptr<Regularizer> regularizer = trial.create();
  if (regularizer->site() == Site::weights) {
    if (const std::string wrong = misplaced_write(trial, *regularizer, selection); !wrong.empty())
      return failed(wrong, hint);
  }
  BenchRun run(trial.bench, trial.alone, trial.create(), selection);
  const at::Tensor start = run.weights().clone();
  whole(run);  // throws if a frozen element has changed, as in every run
  const auto frozen = std::count(selection.trains.begin(), selection.trains.end(), false);
  if (run.weights().equal(start)) return failed("with some parameters frozen nothing trains any more", hint);
  const SnapshotStore fresh = trial.bench.snapshots(at::kFloat);
  for (const auto& [name, weights] : fresh.all()) {
    if (hash_tensor(run.snapshots().get(name)) != hash_tensor(weights))
      return failed("the snapshot '" + name + "' has changed", "snapshots are shared: copy before writing");
  }
  return passed(fmt::format("{} of {} parameters frozen, one masked: unchanged after {} steps; snapshots too", frozen,
                            table.size(), steps));
}

}  // namespace stet::conformance
