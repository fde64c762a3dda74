#include <stet/run/training/phase_data.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>

#include <algorithm>
#include <vector>

namespace stet {

namespace {
std::vector<const TokenizedSet*> parts_of(const PhaseConfig& phase, std::span<const TokenizedSet> sets) {
  std::vector<const TokenizedSet*> parts;
  for (const TokenizedSet& set : sets) {
    if (std::find(phase.sets.begin(), phase.sets.end(), set.name) != phase.sets.end()) parts.push_back(&set);
  }
  return parts;
}
}  // namespace

std::uint64_t phase_size(const PhaseConfig& phase, std::span<const TokenizedSet> sets) {
  std::uint64_t size = 0;
  for (const TokenizedSet* part : parts_of(phase, sets)) size += part->sequences.size();
  return size;
}

TrainingData phase_data(const PhaseConfig& phase, std::span<const TokenizedSet> sets) {
  const std::uint64_t size = phase_size(phase, sets);
  if (size == 0)
    throw Error(ErrorKind::config, "phase '" + phase.name + "' has no facts to train on").hint("see [sets]");
  const auto at = [parts = parts_of(phase, sets)](std::uint64_t index) -> const TokenSequence& {
    for (const TokenizedSet* part : parts) {
      if (index < part->sequences.size()) return part->sequences[index];
      index -= part->sequences.size();
    }
    STET_ASSERT(false);
    return parts.front()->sequences.front();
  };
  return {join(phase.sets, " + "), size, [at](std::uint64_t /*epoch*/, std::uint64_t index) { return at(index); },
          [at](std::uint64_t /*epoch*/, std::uint64_t index) {
            return SequenceSize{at(index).ids.size(), at(index).loss_tokens()};
          }};
}

}  // namespace stet
