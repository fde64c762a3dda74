// Every call of a plugin's hook goes through here: whatever it throws becomes an Error that names plugin and hook, and
// the process's flight recorder knows which hook runs.
#pragma once

#include <stet/base/error.hpp>
#include <stet/comm/flight_recorder.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace stet {

/// The exception that is being handled (call it in a catch block), as what the caller of a hook sees. An Error of the
/// plugin's own keeps its kind, any other exception is of kind plugin; `place` ("regularizer 'ewc', begin_phase") is
/// put before its place. Of a long message the first lines are kept, the rest is in detail(). An Error of kind config
/// that names its file, and one that all ranks know already, stay as they are.
[[nodiscard]] Error hook_error(std::string_view place);

/// "regularizer 'ewc', begin_phase". `kind`: regularizer, freeze strategy or probe; `key`: of its table.
[[nodiscard]] std::string hook_place(std::string_view kind, std::string_view key, std::string_view hook);

/// Calls `hook` and returns what it returns. Throws Error. Not nested; on the main thread.
template <class Call>
decltype(auto) guarded(FlightRecorder& recorder, std::string_view place, Call&& hook) {
  const FlightRecorder::Hook scope(recorder, place);
  try {
    return std::forward<Call>(hook)();
  } catch (...) {
    throw hook_error(place);
  }
}

template <class Call>
decltype(auto) guarded(FlightRecorder& recorder, std::string_view kind, std::string_view key, std::string_view hook,
                       Call&& call) {
  return guarded(recorder, hook_place(kind, key, hook), std::forward<Call>(call));
}

}  // namespace stet
