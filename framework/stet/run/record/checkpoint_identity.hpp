// What a checkpoint is of: written into it, and compared before anything of it is used.
#pragma once

#include <stet/checkpoint/checkpoint_folder.hpp>
#include <stet/config/value.hpp>

#include <filesystem>

namespace stet {

/// `identity`: all that the task's outcome depends on, plugins' versions among it (PlannedRun::resolved,
/// base_identity_of, labels_identity_of).
void write_identity(Checkpoint& checkpoint, const config::Value& identity);

/// Throws Error (checkpoint) if the checkpoint in `folder` is another task's, naming the first key that differs with
/// both values. A checkpoint of an older stet, which does not say, passes.
void refuse_other_identity(const Checkpoint& checkpoint, const config::Value& identity,
                           const std::filesystem::path& folder);

}  // namespace stet
