// A thread that does something every so often: heartbeats, and eyes on the heartbeats of others.
#pragma once

#include <functional>
#include <thread>

namespace stet {

/// Calls `work` on a thread of its own: first after `seconds`, then again so long after each time, until it returns
/// false. Destroying the thread (or request_stop and join) does not wait for the pause to end, only for `work`. Signals
/// go to other threads, those that work. What `work` throws ends the program.
[[nodiscard]] std::jthread repeat_every(double seconds, std::function<bool()> work);

}  // namespace stet
