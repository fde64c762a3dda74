// The outcomes of one run as a safetensors file: what was right at every evaluation, with probabilities and first
// tokens, so that tables and later analyses need nothing else from the run.
//
// With E evaluations and N facts of a set: "SET.correct" [E, N] U8, "SET.probability" [E, N] F32, "SET.first_token"
// [E, N] I32, "SET.fact_id" [N] U64, "SET.relation" [N] U32, "SET.extra.NAME" [E, N] or [N] F32; "evaluation.step" [E]
// I64, "evaluation.epoch" [E] F32, "evaluation.phase" [E] I32. Metadata: "arm", "seed" (decimal), "phases" and "sets"
// (JSON lists of names), "format" ("stet.outcomes.1").
#pragma once

#include <stet/outcomes/outcomes.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace stet::report {

/// Outcomes on one fact set. probability, first_token and every extra array may be empty: not recorded.
struct SetOutcomes {
  std::vector<std::uint64_t> fact_ids;              ///< [N]
  std::vector<std::uint32_t> relation;              ///< [N]
  std::vector<std::uint8_t> correct;                ///< [E, N], 0 or 1
  std::vector<float> probability;                   ///< [E, N] or empty
  std::vector<std::int32_t> first_token;            ///< [E, N] or empty
  std::map<std::string, std::vector<float>> extra;  ///< by name; [E, N] or [N]; a probe's: "PROBE.name"
};

struct OutcomeRecord {
  std::uint64_t seed = 0;
  std::string arm;
  std::vector<std::int64_t> step;   ///< [E]
  std::vector<float> epoch;         ///< [E]
  std::vector<std::int32_t> phase;  ///< [E] index into phase_names
  std::vector<std::string> phase_names;
  std::map<std::string, SetOutcomes> sets;
};

/// Writes atomically. Throws Error (data) if sizes do not agree, an outcome is not 0 or 1, or a phase has no name; such
/// a file is never written.
void save_outcomes(const std::filesystem::path& path, const OutcomeRecord& outcomes);

/// Throws Error (data), naming the file, on anything missing, surplus or inconsistent.
[[nodiscard]] OutcomeRecord load_outcomes(const std::filesystem::path& path);

/// The outcomes as the statistics take them. Trajectory::first is the first evaluation whose phase is at least
/// `first_phase`; Error (data) if there is none. Sets of no facts are left out.
[[nodiscard]] RunOutcome to_run_outcome(const OutcomeRecord& outcomes, std::int32_t first_phase);

}  // namespace stet::report
