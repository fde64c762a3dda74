#include <stet/base/error.hpp>
#include <stet/outcomes/outcomes.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stet::report {

namespace {

[[noreturn]] void inconsistent(std::string_view where, std::string what, std::string expected, std::string received) {
  throw Error(ErrorKind::data, std::move(what))
      .at(std::string(where))
      .expected(std::move(expected))
      .received(std::move(received))
      .hint("the outcomes of this run are damaged or were not written by stet; run it again");
}

}  // namespace

void check(const Trajectory& trajectory, std::string_view where) {
  const std::size_t evaluations = trajectory.evaluations, facts = trajectory.facts;
  if (evaluations == 0 || facts == 0) {
    inconsistent(where, "outcomes without content", "at least one evaluation and one fact",
                 fmt::format("{} evaluations of {} facts", evaluations, facts));
  }
  if (trajectory.correct.size() != evaluations * facts) {
    inconsistent(where, "wrong number of outcomes",
                 fmt::format("{} x {} = {}", evaluations, facts, evaluations * facts),
                 fmt::format("{}", trajectory.correct.size()));
  }
  if (trajectory.fact_ids.size() != facts || trajectory.stratum.size() != facts) {
    inconsistent(where, "wrong number of fact ids or strata", fmt::format("{} of each", facts),
                 fmt::format("{} ids, {} strata", trajectory.fact_ids.size(), trajectory.stratum.size()));
  }
  if (!trajectory.probability.empty() && trajectory.probability.size() != evaluations * facts) {
    inconsistent(where, "wrong number of probabilities", fmt::format("{} or none", evaluations * facts),
                 fmt::format("{}", trajectory.probability.size()));
  }
  for (const auto& [name, values] : trajectory.extra) {
    if (values.size() == facts || values.size() == evaluations * facts) continue;
    inconsistent(where, fmt::format("wrong number of values in '{}'", name),
                 fmt::format("{} or {}", facts, evaluations * facts), fmt::format("{}", values.size()));
  }
  const auto bad = std::find_if(trajectory.correct.begin(), trajectory.correct.end(), [](auto x) { return x > 1; });
  if (bad != trajectory.correct.end()) {
    const auto index = static_cast<std::size_t>(bad - trajectory.correct.begin());
    inconsistent(where, "an outcome is neither right nor wrong", "0 or 1",
                 fmt::format("{} at evaluation {}, fact {}", *bad, index / facts, index % facts));
  }
  if (trajectory.first >= evaluations) {
    inconsistent(where, "the first evaluation that counts does not exist", fmt::format("below {}", evaluations),
                 fmt::format("{}", trajectory.first));
  }
}

}  // namespace stet::report
