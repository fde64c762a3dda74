// A flat hash table from 64-bit keys to 64-bit values: what unordered_map does, without a node an entry. Merge rules
// and tries are looked up several times for every word, so this is where encoding spends its time.
#pragma once

#include <stet/base/error.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace stet {

/// Filled once, then read. Every key but `no_key` may be used.
class PairTable {
 public:
  static constexpr std::uint64_t no_key = ~std::uint64_t{0};

  /// `expected`: number of entries that it will hold; more are allowed and make it grow.
  explicit PairTable(std::size_t expected = 0) { resize(std::bit_ceil(expected * 2 + 8)); }

  /// The value of `key`, or nothing (null).
  [[nodiscard]] const std::uint64_t* find(std::uint64_t key) const {
    for (std::size_t at = home(key);; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.key == key) return &slot.value;
      if (slot.key == no_key) return nullptr;
    }
  }

  /// False if the key was there; the old value is kept.
  bool insert(std::uint64_t key, std::uint64_t value) {
    STET_ASSERT(key != no_key);
    if ((size_ + 1) * 2 > slots_.size()) grow();
    std::size_t at = home(key);
    for (; slots_[at].key != no_key; at = (at + 1) & mask_) {
      if (slots_[at].key == key) return false;
    }
    slots_[at] = {key, value};
    ++size_;
    return true;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Slot {
    std::uint64_t key = no_key, value = 0;
  };

  [[nodiscard]] std::size_t home(std::uint64_t key) const {  // Fibonacci hashing: the high bits of the product
    return static_cast<std::size_t>((key ^ key >> 31) * 0x9E3779B97F4A7C15U >> shift_);
  }
  void resize(std::size_t slots) {
    slots_.assign(slots, Slot{});
    mask_ = slots - 1;
    shift_ = 64 - std::countr_zero(slots);
  }
  void grow() {
    const std::vector<Slot> old = std::move(slots_);
    resize(old.size() * 2);
    size_ = 0;
    for (const Slot& slot : old) {
      if (slot.key != no_key) insert(slot.key, slot.value);
    }
  }

  std::vector<Slot> slots_;
  std::size_t mask_ = 0, size_ = 0;
  int shift_ = 0;
};

}  // namespace stet
