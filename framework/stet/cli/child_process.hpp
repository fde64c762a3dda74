// Work that may take its process with it, in a process of its own.
#pragma once

#include <stet/comm/communicator.hpp>

#include <functional>

namespace stet {

/// Runs `work` in a copy of this process, whose output goes where this one's goes, and waits for it. What it throws is
/// thrown here. Where the copy ends in another way (a plugin's _exit, SIGSEGV, want of memory), throws Error (plugin)
/// that names the hook in which it did; hooks must be called with `communicator`'s recorder. For one process without
/// MPI: the copy has the calling thread alone.
void run_in_child(Communicator& communicator, const std::function<void()>& work);

}  // namespace stet
