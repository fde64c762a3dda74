#include <stet/comm/watchdog.hpp>

#include <stet/base/repeat.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace stet {

Watchdog::Watchdog(FlightRecorder& recorder, double timeout, std::function<void(const Error&)> on_hang)
    : recorder_(recorder), timeout_(timeout), on_hang_(std::move(on_hang)) {
  if (timeout_ <= 0) return;
  const double pause = std::clamp(timeout_ / 20, 0.02, 0.5);
  thread_ = repeat_every(pause, [this, pause] { return watch(pause); });
}

bool Watchdog::watch(double pause) {
  const auto now = std::chrono::steady_clock::now();
  // A pause much longer than asked for: this process, or the machine, did not run.
  const double passed = std::min(std::chrono::duration<double>(now - before_).count(), 4 * pause);
  before_ = now;
  recorder_.tick();
  const std::optional<Error> hang = look(passed);
  if (hang && may_speak()) on_hang_(*hang);
  return !hang;
}

std::optional<Error> Watchdog::look(double seconds) {
  const Flight own = recorder_.own();
  const std::vector<std::optional<Flight>> group = recorder_.group();
  if (group.empty()) {  // no task: ranks may wait for each other as long as they like
    waits_.clear();
    hook_ = {};
    return std::nullopt;
  }
  bool several_hosts = false;
  for (std::size_t rank = 0; rank < group.size(); ++rank) {
    if (!group[rank]) continue;
    several_hosts = several_hosts || group[rank]->host != own.host;
    Spell& alive = alive_[static_cast<int>(rank)];
    alive.seconds = alive.count == group[rank]->alive ? alive.seconds + seconds : 0;
    alive.count = group[rank]->alive;
  }
  if (several_hosts) recorder_.flush();

  const auto grown = [seconds](Spell& spell, std::uint64_t count) {
    spell.seconds = spell.count == count ? spell.seconds + seconds : 0;
    spell.count = count;
    return spell.seconds;
  };
  for (const Flight::Collective& in : own.collectives) {
    if (!in.inside) {
      waits_.erase(in.group);
    } else if (grown(waits_[in.group], in.count) > timeout_) {
      return waits_too_long(own, in);
    }
  }
  const bool waiting =
      std::any_of(own.collectives.begin(), own.collectives.end(), [](const auto& c) { return c.inside; });
  if (own.place.empty() || waiting) {
    hook_ = {};
  } else if (grown(hook_, own.hooks + own.beats) > timeout_) {
    return Error(ErrorKind::plugin,
                 fmt::format("a plugin's hook does not come to an end: no sign of progress for {:.0f} s", timeout_))
        .at((group.size() > 1 ? fmt::format("rank {}, ", recorder_.rank()) : "") + own.step_text() +
            (own.phase.empty() ? "" : ": ") + own.place)
        .hint(
            "an endless loop, or work that calls nothing of the engine; --hang-timeout SECONDS waits longer, 0 for "
            "ever");
  }
  return std::nullopt;
}

Error Watchdog::waits_too_long(const Flight& own, const Flight::Collective& in) const {
  std::vector<std::string> waiting, away;
  bool in_hook = false;
  // Its watchdog's thread is silent. A rank may be stopped inside the very collective.
  const auto runs = [&](int rank) {
    const auto alive = alive_.find(rank);
    return rank == recorder_.rank() || alive == alive_.end() || alive->second.seconds <= std::min(timeout_ / 2, 60.0);
  };
  const auto describe_away = [&](int rank, const std::optional<Flight>& flight) {
    if (!flight) return fmt::format("rank {} (its process ended, or its page cannot be read)", rank);
    std::string text = fmt::format("rank {} ({}, process {}): ", rank, flight->host, flight->process);
    if (const std::string step = flight->step_text(); !step.empty()) text += step + ", ";
    const auto elsewhere =
        std::find_if(flight->collectives.begin(), flight->collectives.end(), [](const auto& c) { return c.inside; });
    if (!flight->place.empty()) {
      in_hook = true;
      text += flight->place;
    } else if (elsewhere != flight->collectives.end()) {
      text += (elsewhere->group == in.group && elsewhere->count == in.count && elsewhere->what == in.what
                   ? "in "
                   : "in another collective: ") +
              elsewhere->what;
    } else {
      text += "computing";
    }
    if (!runs(rank)) text += "; the process does not run (stopped, or its machine is gone)";
    return text;
  };
  const std::vector<std::optional<Flight>> group = recorder_.group();
  for (std::size_t rank = 0; rank < group.size(); ++rank) {
    const Flight::Collective* there = nullptr;
    if (group[rank]) {
      for (const auto& c : group[rank]->collectives) there = c.group == in.group ? &c : there;
    }
    if (runs(static_cast<int>(rank)) && there != nullptr && there->count >= in.count &&
        (!there->inside || there->what == in.what)) {
      waiting.push_back(fmt::format("{}", rank));
    } else {
      away.push_back(describe_away(static_cast<int>(rank), group[rank]));
    }
  }
  const std::string where =
      fmt::format("rank {}, {}in {}", recorder_.rank(), own.phase.empty() ? "" : own.step_text() + ", ", in.what);
  return Error(in_hook ? ErrorKind::plugin : ErrorKind::communication,
               fmt::format("the ranks hang: for {:.0f} s, rank{} {} waited in {} for {}", timeout_,
                           waiting.size() == 1 ? "" : "s", fmt::join(waiting, ", "), in.what,
                           away.empty() ? "each other" : fmt::format("{}", fmt::join(away, "; "))))
      .at(where)
      .hint("the same command goes on from the last checkpoint; --hang-timeout SECONDS waits longer, 0 for ever");
}

/// One rank says it, the first that notices.
bool Watchdog::may_speak() const {
  const std::filesystem::path folder = recorder_.folder();
  if (folder.empty()) return false;  // the task came to an end meanwhile
  const int descriptor = ::open((folder / "verdict").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) return errno != EEXIST;
  ::close(descriptor);
  return true;
}

}  // namespace stet
