// Processes that died in a task: what they did last, and whether the task is tried once more. A process that ends a
// task in any other way, with an error too, leaves nothing to judge.
#pragma once

#include <stet/base/error.hpp>

#include <filesystem>
#include <optional>
#include <string>

namespace stet {

/// Where the ranks of a task keep their flight recorders while it is under way.
[[nodiscard]] std::filesystem::path flight_folder(const std::filesystem::path& task);

/// Looks for what a dead process left in the task's folder, counts its death, and removes what it left. Returns the
/// error with which the task fails, without another try in this session, if it was the second death: of this session,
/// or at the same step in the same hook or of a fatal signal (kills from outside, in several sessions, say nothing of
/// the task). The error names plugin, hook and step, as the dead process published them. A later session tries again.
/// The task's lock must be held. Not collective.
[[nodiscard]] std::optional<Error> judge_last_death(const std::filesystem::path& task, const std::string& session);

/// The task came to an end of its own: earlier deaths count no more. Never throws.
void forget_deaths(const std::filesystem::path& task) noexcept;

/// Whether an earlier attempt at the task ended badly, in this session or before: a process died in it, or it failed.
/// Others go first.
[[nodiscard]] bool is_suspect(const std::filesystem::path& task);

}  // namespace stet
