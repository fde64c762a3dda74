// The layout of a flight recorder's page, shared by processes: those of one version of stet alone.
#pragma once

#include <stet/comm/flight_recorder.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace stet {

// Named, since FlightPage is.
namespace flight_page {

inline constexpr std::uint64_t page_mark = 0x73746574466c7431ULL;  // raised with the layout
inline constexpr std::size_t slot_count = 24;

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

struct FlightPage {
  std::uint64_t mark = flight_page::page_mark;
  std::int64_t process = 0;
  std::array<char, 64> host{};
  std::atomic<std::uint64_t> hooks{0}, beats{0}, alive{0};
  std::atomic<std::int64_t> step{-1};
  std::atomic<std::int32_t> fatal_signal{0}, told_to_stop{0};
  flight_page::SharedText<192> place;
  flight_page::SharedText<64> phase;
  std::array<flight_page::Slot, flight_page::slot_count> slots;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::int32_t>::is_always_lock_free);

/// As it is at this moment.
[[nodiscard]] Flight copy_of(const FlightPage& page);

}  // namespace stet
