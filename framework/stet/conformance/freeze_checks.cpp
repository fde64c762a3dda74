// Checks of a freeze strategy.
#include <stet/base/error.hpp>
#include <stet/base/hash.hpp>
#include <stet/conformance/checks.hpp>

#include <algorithm>
#include <stet/plugin/handover.hpp>
#include <stet/train/low_rank.hpp>

namespace stet::conformance {

namespace {

std::int64_t count_trained(const TrainableSelection& selection, const ParameterTable& table) {
  std::int64_t trains = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (!selection.trains[i]) continue;
    const auto low_rank = selection.low_rank.find(i);
    const auto mask = selection.masks.find(i);
    trains += low_rank != selection.low_rank.end() ? factor_elements(table[i], low_rank->second)
              : mask != selection.masks.end()      ? mask->second.sum().item<std::int64_t>()
                                                   : table[i].count;
  }
  return trains;
}

}  // namespace

std::string selection_digest(const TrainableSelection& selection) {
  Hasher hasher;
  std::string bits;
  for (const bool trains : selection.trains) bits += trains ? '1' : '0';
  hasher.add(bits);
  for (const auto& [index, mask] : selection.masks)
    hasher.add(std::to_string(index)).add(mask.defined() ? hash_tensor(mask.contiguous()) : "undefined");
  for (const auto& [index, low_rank] : selection.low_rank)
    hasher.add(fmt::format("{} {} {:a} {} {}", index, low_rank.rank, low_rank.scale, low_rank.seed, low_rank.decays));
  return hasher.hex();
}

Finding check_selection(const ConformanceBench& bench, const Create<FreezeStrategy>& create) {
  const ParameterTable& table = bench.model().table();
  const std::string hint = std::string("TrainableSelection: ") + expected_of_selection;
  const TrainableSelection selection = create()->select(table);
  if (const std::string wrong = wrong_with_selection(selection, table); !wrong.empty()) return failed(wrong, hint);
  // Another model: more layers, a head of its own, biases. Parameters may not fit it; then that must be said.
  ModelConfig other = bench.model().config();
  other.layers = 3;
  other.tied_head = false;
  other.positions = Positions::learned;
  other.linear_bias = true;
  const Transformer larger(other);
  std::string also = "; also for another model's " + std::to_string(larger.table().size());
  try {
    if (const std::string wrong = wrong_with_selection(create()->select(larger.table()), larger.table());
        !wrong.empty())
      return failed("for another model: " + wrong, hint);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::config) throw;
    also = "; another model is refused with a reason";
  }
  return passed(fmt::format("{} of {} elements in {} parameters train{}", count_trained(selection, table),
                            table.total(), table.size(), also));
}

Finding check_selection_repeatable(const ConformanceBench& bench, const Create<FreezeStrategy>& create) {
  const ParameterTable& table = bench.model().table();
  const std::unique_ptr<FreezeStrategy> strategy = create();
  const std::string first = selection_digest(strategy->select(table)),
                    second = selection_digest(strategy->select(table));
  if (first != second) {
    return failed("the second call selects other parameters than the first",
                  "select() must be a function of the table and the parameters alone; draw from stet::Random with a "
                  "seed that is a parameter");
  }
  if (selection_digest(create()->select(table)) != first) {
    return failed("a new object selects other parameters",
                  "select() must be a function of the table and the parameters alone; draw from stet::Random with a "
                  "seed that is a parameter");
  }
  return passed("two calls and a new object: the same selection");
}

Finding check_selection_trains(const ConformanceBench& bench, Communicator& alone,
                               const Create<FreezeStrategy>& create) {
  const ParameterTable& table = bench.model().table();
  const TrainableSelection selection = create()->select(table);
  if (!wrong_with_selection(selection, table).empty()) return not_applicable("the selection cannot be used");
  BenchRun run(bench, alone, nullptr, selection);
  const at::Tensor start = run.weights().clone();
  run.begin();
  run.train(BenchRun::total_steps);
  run.end();  // throws if a frozen element has changed, as in every run
  const auto frozen = std::count(selection.trains.begin(), selection.trains.end(), false);
  if (run.weights().equal(start))
    return failed("nothing changes in training", "select something that the loss depends on");
  return passed(
      fmt::format("{} parameters frozen: unchanged after {} steps, others trained", frozen, BenchRun::total_steps));
}

}  // namespace stet::conformance
