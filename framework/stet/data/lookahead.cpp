#include <stet/data/lookahead.hpp>

#include <algorithm>

namespace stet {

std::size_t Lookahead::chunk_for(std::uint64_t mean_bytes, std::uint64_t readers) {
  constexpr std::uint64_t megabyte = 1 << 20;
  return static_cast<std::size_t>(
      std::clamp<std::uint64_t>(megabyte / std::max<std::uint64_t>(1, mean_bytes) / readers, 4, 1024));
}

void Lookahead::before_one() {
  while (asked_ < read_ + contents_ahead * chunk_ && !(walked_ && located_.empty())) ask();
  ++read_;
}

void Lookahead::ask() {
  std::vector<std::uint64_t> indices;
  while (!walked_ && indices.size() < chunk_) {
    const std::optional<std::uint64_t> index = walk_();
    walked_ = !index;
    if (index) indices.push_back(*index);
  }
  if (!indices.empty()) {
    std::sort(indices.begin(), indices.end());
    fetch_(indices, Need::tables);
    located_.push_back(std::move(indices));
  }
  if (located_.empty() || (!walked_ && located_.size() <= tables_ahead)) return;
  fetch_(located_.front(), Need::contents);
  asked_ += located_.front().size();
  located_.pop_front();
}

}  // namespace stet
