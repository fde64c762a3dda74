#include <stet/report/matched_table.hpp>
#include <stet/report/runs.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stet::report {

namespace {

std::vector<std::uint64_t> chosen(const std::vector<std::uint64_t>& seeds, const std::vector<std::size_t>& which) {
  std::vector<std::uint64_t> result;
  for (const std::size_t i : which) result.push_back(seeds[i]);
  return result;
}

/// `undefined` of the seeds have no value though they reach it.
void note_unreached(Runs& runs, const std::string& label, const std::string& where, std::size_t reached,
                    std::size_t pairs, std::size_t undefined = 0) {
  if (undefined > 0) {
    runs.note(
        fmt::format("'{}': at {} of {} seeds nothing of the set was ever right in some arm, so that there is no "
                    "forgetting (0/0); they are left out.",
                    label, undefined, pairs));
  }
  pairs -= undefined;
  if (pairs == 0 && undefined > 0) return;
  if (pairs == 0) {
    runs.note(fmt::format("'{}': no seed has all of its arms.", label));
  } else if (reached < pairs) {
    runs.note(fmt::format("'{}': {} of {} seeds reach {}; the others are left out, so it speaks about these alone.",
                          label, reached, pairs, where));
  }
}

}  // namespace

std::string condition(const std::string& at, std::optional<double> accuracy) {
  if (at.empty()) return "end of runs";
  return accuracy ? fmt::format("{} at {:.1f} %", at, 100 * *accuracy) : fmt::format("{} as the baseline ends", at);
}

Matched compute_matched(const MatchedSpec& spec, Runs& runs, const BootstrapOptions& options) {
  std::vector<std::string> arms{spec.baseline, spec.arm};
  for (const std::string& arm : spec.family) {
    if (std::find(arms.begin() + 1, arms.end(), arm) == arms.end()) arms.push_back(arm);
  }
  const JointSample sample = runs.joint_sample(arms, spec.at, spec.set);
  MatchedResult computed = matched_difference(sample.runs, spec.measure, spec.accuracy, options);
  Matched result;
  result.spec = spec;
  result.pairs = sample.seeds.size();
  result.seed_list = chosen(sample.seeds, computed.reached);
  const std::size_t undefined = computed.undefined.size();
  result.difference = std::move(computed.estimate);
  result.test = sign_flip_test(result.difference.per_seed);
  result.d_z = effect_size(result.difference.per_seed, options.confidence);
  note_unreached(runs, spec.label, condition(spec.at, spec.accuracy), result.seed_list.size(), result.pairs, undefined);
  return result;
}

Front compute_front(const FrontSpec& spec, Runs& runs, const BootstrapOptions& options) {
  const JointSample sample = runs.joint_sample(spec.arms, spec.at, spec.set);
  note_unreached(runs, spec.label, "", sample.seeds.size(), sample.seeds.size());
  return {spec, front_estimate(sample.runs, spec.whole, options), sample.seeds};
}

Share compute_share(const ShareSpec& spec, Runs& runs, const BootstrapOptions& options) {
  const std::vector<std::string> arms{spec.baseline, spec.reference, spec.arm};
  const bool matched = !spec.at.empty();
  const JointSample sample = runs.joint_sample(arms, matched ? spec.at : spec.set, spec.set);
  Share result{
      spec, share_of_gain(sample.runs, spec.measure, matched, spec.accuracy, options), sample.seeds.size(), {}};
  result.seed_list = chosen(sample.seeds, result.result.reached);
  note_unreached(runs, spec.label, condition(spec.at, spec.accuracy), result.seed_list.size(), result.pairs,
                 result.result.undefined.size());
  if (result.result.gain.low <= 0 && result.result.gain.high >= 0) {
    runs.note(
        fmt::format("'{}': the interval of the reference's own gain, [{:.3f}, {:.3f}], holds 0: the share has no "
                    "bounded interval, and the one shown must not be relied on.",
                    spec.label, result.result.gain.low, result.result.gain.high));
  }
  return result;
}

}  // namespace stet::report
