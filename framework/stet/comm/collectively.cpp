#include <stet/comm/communicator.hpp>

#include <stet/base/error.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stet {

namespace {

/// Whether a place already names a rank, as after an inner collectively().
bool names_rank(std::string_view where) {
  return where.starts_with("rank ") && where.size() > 5 && where[5] >= '0' && where[5] <= '9';
}

/// The Error that was packed, with the rank it came from put before its place.
Error unpack(const std::string& packed, std::size_t rank) {
  Error error = unpack_error(packed);
  if (error.where().empty() || !names_rank(error.where())) error.within("rank " + std::to_string(rank));
  return error;
}

std::optional<Error> failure_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.is_known_to_all()) throw;  // the ranks have settled this one
    return error;
  } catch (...) {
    return current_error(ErrorKind::internal);
  }
  return std::nullopt;
}

}  // namespace

void collectively(Communicator& communicator, const std::function<void()>& work) {
  if (communicator.size() == 1) return work();
  const std::optional<Error> failure = failure_of(work);
  if (failure && communicator.broken()) throw *failure;
  const std::string packed = failure ? pack_error(*failure) : "";
  const std::optional<std::vector<std::string>> all = communicator.settle(failure ? &packed : nullptr);
  if (!all) throw *failure;
  for (std::size_t rank = 0; rank < all->size(); ++rank) {
    if ((*all)[rank].empty()) continue;
    Error error = unpack((*all)[rank], rank);
    throw error.known_to_all();
  }
}

}  // namespace stet
