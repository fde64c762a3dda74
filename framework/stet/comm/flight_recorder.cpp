#include <stet/comm/flight_recorder.hpp>

#include <stet/base/host_identity.hpp>

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

// Named, since FlightPage is.
namespace flight_page {

constexpr std::uint64_t page_mark = 0x73746574466c7431ULL;  // raised with the layout
constexpr std::size_t slot_count = 24;

/// A text that one thread writes and others, or other processes, read: odd `version` while it changes.
template <std::size_t N>
struct SharedText {
  std::atomic<std::uint32_t> version{0};
  std::array<char, N> text{};

  void set(std::string_view value) noexcept {
    const std::uint32_t before = version.load(std::memory_order_relaxed);
    version.store(before + 1, std::memory_order_release);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const std::size_t size = std::min(value.size(), N - 1);
    std::memcpy(text.data(), value.data(), size);
    text[size] = 0;
    version.store(before + 2, std::memory_order_release);
  }
  [[nodiscard]] std::string get() const {
    std::array<char, N> copy{};
    for (int attempt = 0; attempt < 1000; ++attempt) {
      const std::uint32_t before = version.load(std::memory_order_acquire);
      copy = text;
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (before % 2 == 0 && version.load(std::memory_order_acquire) == before) break;
    }
    copy[N - 1] = 0;  // of a writer that died in the middle: whatever is there
    return copy.data();
  }
};

struct Slot {
  std::atomic<std::uint64_t> group{0};  // 0: free
  std::atomic<std::uint64_t> count{0}, elements{0};
  std::atomic<std::uint32_t> inside{0};
  SharedText<44> what;
};

}  // namespace flight_page

using flight_page::page_mark;
using flight_page::Slot;
using flight_page::slot_count;

struct FlightPage {
  std::uint64_t mark = page_mark;
  std::int64_t process = 0;
  std::array<char, 64> host{};
  std::atomic<std::uint64_t> hooks{0}, beats{0}, alive{0};
  std::atomic<std::int64_t> step{-1};
  std::atomic<std::int32_t> fatal_signal{0}, told_to_stop{0};
  flight_page::SharedText<192> place;
  flight_page::SharedText<64> phase;
  std::array<Slot, slot_count> slots;
};

namespace {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::int32_t>::is_always_lock_free);

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

std::string Flight::step_text() const {
  return phase.empty() ? "" : "phase '" + phase + "', step " + std::to_string(step);
}

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
    int rank = -1;
    if (!name.starts_with("rank-")) continue;
    const auto [end, status] = std::from_chars(name.data() + 5, name.data() + name.size(), rank);
    if (status != std::errc() || end != name.data() + name.size()) continue;
    if (std::optional<Flight> flight = read(entry.path())) found.emplace(rank, std::move(*flight));
  }
  std::vector<Flight> flights;
  for (auto& [rank, flight] : found) flights.push_back(std::move(flight));
  return flights;
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
