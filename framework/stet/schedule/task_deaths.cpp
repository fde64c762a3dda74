#include <stet/schedule/task_deaths.hpp>

#include <stet/base/file/file_calls.hpp>
#include <stet/base/files.hpp>
#include <stet/base/log.hpp>
#include <stet/comm/flight_recorder.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <csignal>
#include <vector>

namespace stet {

namespace {

std::filesystem::path deaths_file(const std::filesystem::path& task) { return task / "deaths.json"; }

struct Deaths {
  std::string session, place;
  int count = 0;
};

Deaths read_deaths(const std::filesystem::path& task) {
  try {
    if (!std::filesystem::exists(deaths_file(task))) return {};
    const auto json = nlohmann::json::parse(read_file(deaths_file(task)));
    return {json.at("session").get<std::string>(), json.at("place").get<std::string>(), json.at("count").get<int>()};
  } catch (const std::exception&) {
    return {};  // damaged: as if there had been none
  }
}

/// Of several ranks' pages the one that died first: a launcher ends the others, after asking them to stop.
std::size_t first_to_die(const std::vector<Flight>& flights) {
  const auto rank = [](const Flight& flight) {
    return flight.fatal_signal != 0 ? 3 : flight.told_to_stop ? 0 : flight.place.empty() ? 1 : 2;
  };
  std::size_t first = 0;
  for (std::size_t i = 1; i < flights.size(); ++i) {
    if (rank(flights[i]) > rank(flights[first])) first = i;
  }
  return first;
}

std::string cause_of(const Flight& flight) {
  switch (flight.fatal_signal) {
    case 0: return "without a word: by _exit, SIGKILL, or for want of memory";
    case SIGSEGV: return "of SIGSEGV";
    case SIGBUS: return "of SIGBUS";
    case SIGILL: return "of SIGILL";
    case SIGFPE: return "of SIGFPE";
    case SIGABRT: return "of SIGABRT";
    default: return fmt::format("of signal {}", flight.fatal_signal);
  }
}

}  // namespace

std::filesystem::path flight_folder(const std::filesystem::path& task) { return task / "flight"; }

std::optional<Error> judge_last_death(const std::filesystem::path& task, const std::string& session) {
  const std::filesystem::path folder = flight_folder(task);
  if (!std::filesystem::exists(folder)) return std::nullopt;
  const std::vector<Flight> flights = FlightRecorder::left_in(folder);
  file_calls::remove_all(folder);
  if (flights.empty()) return std::nullopt;
  const std::size_t rank = first_to_die(flights);
  const Flight& flight = flights[rank];
  std::string place = flight.step_text();
  if (!flight.place.empty()) place += (place.empty() ? "" : ": ") + flight.place;
  if (flights.size() > 1 && !place.empty()) place = fmt::format("rank {}, {}", rank, place);

  const Deaths before = read_deaths(task);
  // What kills a process in the engine without a signal of its own may be anybody's SIGKILL.
  const bool own_fault = !flight.place.empty() || flight.fatal_signal != 0;
  const bool again =
      before.count > 0 && (before.session == session || (own_fault && !place.empty() && before.place == place));
  const int count = again ? before.count + 1 : 1;
  if (count < 2) {
    const nlohmann::json json{{"session", session}, {"place", place}, {"count", count}};
    write_file_atomically(deaths_file(task), json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    log::warning("{}: process {} died {}{}; it is tried once more", task.filename().string(), flight.process,
                 cause_of(flight), place.empty() ? "" : ", " + place);
    return std::nullopt;
  }
  forget_deaths(task);
  Error error(flight.place.empty() ? ErrorKind::communication : ErrorKind::plugin,
              fmt::format("two processes died in this task, the last one {}", cause_of(flight)));
  error.at(place).hint(flight.place.empty()
                           ? "look for the kernel's out-of-memory messages (dmesg); the same command tries again"
                           : "a crash in the plugin's own code: `stet plugin check` tries it in processes of their "
                             "own; the same command tries again");
  return error;
}

void forget_deaths(const std::filesystem::path& task) noexcept {
  std::error_code ignored;
  std::filesystem::remove(deaths_file(task), ignored);
}

bool is_suspect(const std::filesystem::path& task) {
  std::error_code ignored;
  for (const char* trace : {"failed.json", "deaths.json", "flight"}) {
    if (std::filesystem::exists(task / trace, ignored)) return true;
  }
  return false;
}

}  // namespace stet
