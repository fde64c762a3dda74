#include <stet/comm/communicator.hpp>

#include <stet/base/error.hpp>

#include <array>
#include <optional>
#include <string_view>

namespace stet {

namespace {

/// Whether a place already names a rank, as after an inner collectively().
bool names_rank(std::string_view where) {
  return where.starts_with("rank ") && where.size() > 5 && where[5] >= '0' && where[5] <= '9';
}

/// The Error that was packed, with the rank it came from put before its place.
Error unpack(const std::string& packed, std::size_t rank) {
  Error error = unpack_error(packed);
  if (!names_rank(error.where())) error.within("rank " + std::to_string(rank));
  return error;
}

std::optional<Error> failure_of(const std::function<void()>& work) {
  try {
    work();
  } catch (...) {
    return current_error(ErrorKind::internal);
  }
  return std::nullopt;
}

}  // namespace

void collectively(Communicator& communicator, const std::function<void()>& work) {
  if (communicator.size() == 1) return work();
  const std::optional<Error> failure = failure_of(work);
  // One small reduction decides; texts travel only after a failure.
  std::array<double, 1> failed{failure ? 1.0 : 0.0};
  communicator.all_reduce_max(failed);
  if (failed[0] == 0.0) return;
  const std::vector<std::string> all = communicator.all_gather(failure ? pack_error(*failure) : "");
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (!all[rank].empty()) throw unpack(all[rank], rank);
  }
}

}  // namespace stet
