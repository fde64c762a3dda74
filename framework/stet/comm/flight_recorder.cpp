#include <stet/comm/flight_page.hpp>
#include <stet/comm/flight_recorder.hpp>

#include <stet/base/host/host_identity.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <new>
#include <type_traits>
#include <utility>

namespace stet {

using flight_page::page_mark;
using flight_page::Slot;
using flight_page::slot_count;

namespace {

// What a signal handler may touch.
std::atomic<FlightPage*> noted_page{nullptr};
constexpr std::array<int, 5> fatal_signals = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

void say(const char* text) noexcept {
  const auto ignored = ::write(STDERR_FILENO, text, std::strlen(text));
  static_cast<void>(ignored);
}

void on_fatal_signal(int number) {
  if (FlightPage* const page = noted_page.load()) {
    page->fatal_signal.store(number);
    if (page->place.text[0] != 0) {
      say("stet: the process dies of a signal (");
      say(number == SIGSEGV  ? "SIGSEGV"
          : number == SIGBUS ? "SIGBUS"
          : number == SIGILL ? "SIGILL"
          : number == SIGFPE ? "SIGFPE"
                             : "SIGABRT");
      say(") in ");
      say(page->place.text.data());
      say("\n");
    }
  }
  ::signal(number, SIG_DFL);
  ::raise(number);
}

void introduce(FlightPage& page) {
  page.process = ::getpid();
  const std::string name = host_name();
  std::memcpy(page.host.data(), name.data(), std::min(name.size(), page.host.size() - 1));
}

std::filesystem::path page_file(const std::filesystem::path& folder, int rank) {
  return folder / ("rank-" + std::to_string(rank));
}

/// What is known of a process goes on to its next page.
void carry_over(const FlightPage& from, FlightPage& to) {
  to.alive.store(from.alive.load());
  to.beats.store(from.beats.load());
  to.told_to_stop.store(from.told_to_stop.load());
  for (std::size_t i = 0; i < slot_count; ++i) {
    to.slots[i].count.store(from.slots[i].count.load());
    to.slots[i].inside.store(from.slots[i].inside.load());
    to.slots[i].elements.store(from.slots[i].elements.load());
    to.slots[i].what.set(from.slots[i].what.get());
    to.slots[i].group.store(from.slots[i].group.load());
  }
}

}  // namespace

FlightRecorder::FlightRecorder() : own_(std::make_unique<FlightPage>()) { introduce(*own_); }

FlightRecorder::~FlightRecorder() {
  FlightPage* mine = own_.get();
  noted_page.compare_exchange_strong(mine, nullptr);
  end_task();
}

FlightPage& FlightRecorder::page() const noexcept { return mapped_ != nullptr ? *mapped_ : *own_; }

void FlightRecorder::begin_task(const std::filesystem::path& folder, int rank, int ranks) {
  end_task();
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  const std::filesystem::path file = page_file(folder, rank);
  ::unlink(file.c_str());  // a dead process's page may still be mapped somewhere
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  void* memory = MAP_FAILED;
  if (descriptor >= 0) {
    // posix_fallocate, not ftruncate: on a full disk a hole would be a SIGBUS at the first write.
    if (::posix_fallocate(descriptor, 0, sizeof(FlightPage)) == 0) {
      memory = ::mmap(nullptr, sizeof(FlightPage), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    }
    ::close(descriptor);
    if (memory == MAP_FAILED) ::unlink(file.c_str());
  }
  const std::lock_guard lock(mutex_);
  folder_ = folder;
  rank_ = rank;
  ranks_ = ranks;
  own_->place.set("");
  own_->phase.set("");
  own_->step.store(-1);
  if (memory == MAP_FAILED) return;
  auto* const fresh = new (memory) FlightPage;
  introduce(*fresh);
  carry_over(*own_, *fresh);
  mapped_ = fresh;
  FlightPage* mine = own_.get();
  noted_page.compare_exchange_strong(mine, fresh);
}

void FlightRecorder::end_task() noexcept {
  const std::lock_guard lock(mutex_);
  if (mapped_ != nullptr) {
    carry_over(*mapped_, *own_);
    FlightPage* mine = mapped_;
    noted_page.compare_exchange_strong(mine, own_.get());
    ::munmap(std::exchange(mapped_, nullptr), sizeof(FlightPage));
    std::error_code ignored;
    std::filesystem::remove(page_file(folder_, rank_), ignored);
    std::filesystem::remove(folder_, ignored);  // by the last rank, when it is empty
  }
  folder_.clear();
  own_->place.set("");
}

void FlightRecorder::step(std::string_view phase, std::int64_t step) noexcept {
  FlightPage& now = page();
  if (now.step.load(std::memory_order_relaxed) <= 0 || phase != std::string_view(now.phase.text.data()))
    now.phase.set(phase);
  now.step.store(step);
  beat();
}

void FlightRecorder::beat() noexcept { page().beats.fetch_add(1, std::memory_order_relaxed); }

void FlightRecorder::tick() noexcept {
  const std::lock_guard lock(mutex_);
  page().alive.fetch_add(1, std::memory_order_relaxed);
}

void FlightRecorder::flush() noexcept {
  const std::lock_guard lock(mutex_);
  if (mapped_ != nullptr) ::msync(mapped_, sizeof(FlightPage), MS_SYNC);
}

FlightRecorder::Hook::Hook(FlightRecorder& recorder, std::string_view place) noexcept : recorder_(recorder) {
  recorder_.page().hooks.fetch_add(1, std::memory_order_relaxed);
  recorder_.page().place.set(place);
}

FlightRecorder::Hook::~Hook() {
  recorder_.page().place.set("");
  recorder_.beat();
}

int FlightRecorder::open_group(std::uint64_t group) noexcept {
  FlightPage& now = page();
  for (std::size_t i = 0; i < slot_count; ++i) {
    if (now.slots[i].group.load() != 0) continue;
    now.slots[i].count.store(0);
    now.slots[i].inside.store(0);
    now.slots[i].group.store(group);
    return static_cast<int>(i);
  }
  return -1;
}

void FlightRecorder::close_group(int slot) noexcept {
  if (slot >= 0) page().slots[static_cast<std::size_t>(slot)].group.store(0);
}

FlightRecorder::Inside::Inside(FlightRecorder& recorder, int slot, const char* what, std::size_t elements) noexcept
    : recorder_(recorder), slot_(slot) {
  if (slot_ < 0) return;
  Slot& mine = recorder_.page().slots[static_cast<std::size_t>(slot_)];
  mine.what.set(what);
  mine.elements.store(elements, std::memory_order_relaxed);
  mine.count.fetch_add(1);
  mine.inside.store(1);
}

FlightRecorder::Inside::~Inside() {
  if (slot_ < 0) return;
  recorder_.page().slots[static_cast<std::size_t>(slot_)].inside.store(0);
  recorder_.beat();
}

Flight FlightRecorder::own() const {
  const std::lock_guard lock(mutex_);
  return copy_of(page());
}

std::vector<std::optional<Flight>> FlightRecorder::group() const {
  std::filesystem::path folder;
  int ranks = 0, mine = 0;
  {
    const std::lock_guard lock(mutex_);
    folder = folder_;
    ranks = ranks_;
    mine = rank_;
  }
  std::vector<std::optional<Flight>> all;
  if (folder.empty()) return all;
  for (int rank = 0; rank < ranks; ++rank) all.push_back(rank == mine ? own() : read(page_file(folder, rank)));
  return all;
}

std::optional<std::uint64_t> FlightRecorder::waited_for() const {
  const Flight mine = own();
  const std::vector<std::optional<Flight>> all = group();
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (!all[rank] || static_cast<int>(rank) == this->rank()) continue;
    for (const Flight::Collective& theirs : all[rank]->collectives) {
      const auto same = std::find_if(mine.collectives.begin(), mine.collectives.end(),
                                     [&](const auto& c) { return c.group == theirs.group; });
      // Unknown here: its communicator is gone with what failed.
      if (theirs.inside && (same == mine.collectives.end() || same->count < theirs.count))
        return theirs.group ^ (theirs.count << 8) ^ rank;
    }
  }
  return std::nullopt;
}

int FlightRecorder::rank() const {
  const std::lock_guard lock(mutex_);
  return rank_;
}

std::filesystem::path FlightRecorder::folder() const {
  const std::lock_guard lock(mutex_);
  return folder_;
}

void FlightRecorder::note_fatal_signals() {
  noted_page.store(&page());
  struct sigaction action {};
  action.sa_handler = on_fatal_signal;
  action.sa_flags = SA_RESETHAND | SA_ONSTACK;
  for (const int number : fatal_signals) ::sigaction(number, &action, nullptr);
}

void FlightRecorder::note_stop() noexcept {
  if (FlightPage* const page = noted_page.load()) page->told_to_stop.store(1);
}

}  // namespace stet
