// Faults made on purpose, to prove that no instant is a bad one to die at, and no system call a bad one to fail. The
// environment variable STET_FAULT names them, separated by commas:
//
//   kill:POINT[=N][:rank=R]     SIGKILL when the point is passed for the N-th time (from 1; without it the first)
//   hang:POINT[=N][:rank=R]     the thread stops there for good, as one does whose node is lost
//   nan:POINT[=N][:rank=R]      a number of the gradient becomes NaN             (POINT: train.reduce)
//   flip:POINT[=N][:rank=R]     a bit of the weights flips, on this rank alone   (POINT: train.update; behind it)
//   io:ERROR:CALL[=N[+]][:rank=R]   the N-th such call (with a plus: and each later one) fails with ERROR:
//                               ENOSPC, EIO, EROFS, ESTALE, EDQUOT; or is `short` (half is written), or `slow` (0.2 s)
//
// `step` is short for run.step, of nan and flip for their points; rank=R may stand anywhere behind KIND. CALL is one of
// file_calls.hpp: open, read, write, sync, rename, resize, make, remove. Without STET_FAULT a point costs one test of a
// pointer. It is for tests: a run with faults says so at its start.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace stet {

/// Every point of fault_point(), in the order in which a run passes them. A campaign takes each once.
inline constexpr std::array<std::string_view, 23> fault_points = {
    "data.shard",           // a shard was written, the index was not
    "schedule.claim",       // a task is this process's
    "base.step",            // a step of a base model
    "base.record",          // a base model is written, and not yet marked as finished
    "label.batch",          // facts are asked for by few-shot answers
    "run.begin",            // a run is set up, nothing is trained
    "run.phase",            // a phase begins
    "train.reduce",         // this rank's gradient is computed, and not yet summed
    "train.update",         // it is summed, the weights are the old ones
    "run.step",             // the weights are the new ones
    "run.evaluate",         // before an evaluation
    "checkpoint.begin",     // the folder is made
    "checkpoint.part",      // this rank's part is written, not durable
    "checkpoint.written",   // and durable
    "checkpoint.manifest",  // every rank's part is
    "checkpoint.rename",    // the manifest is written
    "checkpoint.prune",     // the checkpoint has its name
    "checkpoint.end",       // older ones are removed
    "run.replace",          // a phase's steps are made
    "run.record",           // the run's results are written, and not yet marked as finished
    "run.clear",            // marked, its checkpoints not yet removed
    "schedule.done",        // a task is finished, its claim not yet given back
    "report.table",         // the table's first file is written
};

/// What STET_FAULT says of this point happens. The name must be one of fault_points (assertion).
void fault_point(std::string_view name);

/// Whether a `nan` or a `flip` is due at this point.
[[nodiscard]] bool nan_is_due(std::string_view point);
[[nodiscard]] bool flip_is_due(std::string_view point);

/// What a system call on a file shall do instead of its work.
struct CallFault {
  int error = 0;      ///< errno; 0: none
  bool half = false;  ///< only half of the bytes
  double slow_seconds = 0;
};
[[nodiscard]] CallFault call_fault(std::string_view call);

/// Throws Error (config) if STET_FAULT cannot be read. Its text; empty if it is not set.
std::string check_faults();
/// STET_FAULT is read once. Again: for a test's child process, while nothing else runs in it.
void read_faults_again();
/// This process's rank in its launch, for `rank=R`; 0 until it is said.
void set_fault_rank(int rank) noexcept;

}  // namespace stet
