#include <stet/comm/flight_page.hpp>

#include <stet/base/strings.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <utility>

namespace stet {

using flight_page::page_mark;
using flight_page::Slot;

Flight copy_of(const FlightPage& page) {
  Flight flight;
  flight.process = static_cast<int>(page.process);
  flight.host = std::string(page.host.data(), ::strnlen(page.host.data(), page.host.size()));
  flight.place = page.place.get();
  flight.hooks = page.hooks.load();
  flight.beats = page.beats.load();
  flight.alive = page.alive.load();
  flight.phase = page.phase.get();
  flight.step = page.step.load();
  flight.fatal_signal = page.fatal_signal.load();
  flight.told_to_stop = page.told_to_stop.load() != 0;
  for (const Slot& slot : page.slots) {
    const std::uint64_t group = slot.group.load();
    if (group == 0) continue;
    const std::uint64_t elements = slot.elements.load();
    flight.collectives.push_back({group, slot.count.load(), slot.inside.load() != 0,
                                  slot.what.get() + (elements > 0 ? " of " + std::to_string(elements) : "")});
  }
  return flight;
}

std::string Flight::step_text() const {
  return phase.empty() ? "" : "phase '" + phase + "', step " + std::to_string(step);
}

std::optional<Flight> FlightRecorder::read(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  std::optional<Flight> flight;
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && status.st_size == static_cast<off_t>(sizeof(FlightPage))) {
    if (void* const memory = ::mmap(nullptr, sizeof(FlightPage), PROT_READ, MAP_SHARED, descriptor, 0);
        memory != MAP_FAILED) {
      const auto* const page = static_cast<const FlightPage*>(memory);
      if (page->mark == page_mark) flight = copy_of(*page);
      ::munmap(memory, sizeof(FlightPage));
    }
  }
  ::close(descriptor);
  return flight;
}

std::vector<Flight> FlightRecorder::left_in(const std::filesystem::path& folder) {
  std::map<int, Flight> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    const auto rank = name.starts_with("rank-") ? whole_number<int>(name.substr(5)) : std::nullopt;
    if (!rank) continue;
    if (std::optional<Flight> flight = read(entry.path())) found.emplace(*rank, std::move(*flight));
  }
  std::vector<Flight> flights;
  for (auto& [rank, flight] : found) flights.push_back(std::move(flight));
  return flights;
}

}  // namespace stet
