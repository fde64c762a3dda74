#include <stet/comm/communicator.hpp>

#include <stet/base/error.hpp>

#include <array>
#include <cstring>
#include <optional>
#include <string_view>

namespace stet {

namespace {

/// The part of an Error's whole text that begins with "\n  label: ", cut off its end.
std::string cut_part(std::string& text, std::string_view label) {
  const std::string start = "\n  " + std::string(label) + ": ";
  const std::size_t at = text.find(start);
  if (at == std::string::npos) return "";
  std::string part = text.substr(at + start.size());
  text.resize(at);
  return part;
}

/// An Error as text between ranks: kind, lengths of message and place, message, place, whole text.
std::string pack(const Error& error) {
  const std::array<std::uint64_t, 3> numbers{static_cast<std::uint64_t>(error.kind()), error.message().size(),
                                             error.where().size()};
  std::string packed(sizeof numbers, '\0');
  std::memcpy(packed.data(), numbers.data(), sizeof numbers);
  return packed + error.message() + error.where() + error.what();
}

/// Whether a place already names a rank, as after an inner collectively().
bool names_rank(std::string_view where) {
  return where.starts_with("rank ") && where.size() > 5 && where[5] >= '0' && where[5] <= '9';
}

/// The Error that pack() was given, with the rank it came from put before its place.
Error unpack(const std::string& packed, std::size_t rank) {
  std::array<std::uint64_t, 3> numbers{};
  STET_ASSERT(packed.size() >= sizeof numbers);
  std::memcpy(numbers.data(), packed.data(), sizeof numbers);
  const std::string_view rest = std::string_view(packed).substr(sizeof numbers);
  const std::string message(rest.substr(0, numbers[1]));
  std::string where(rest.substr(numbers[1], numbers[2]));
  // Error shows its other parts only in its whole text; message and place, which come first, are skipped by length.
  std::string parts(rest.substr(numbers[1] + numbers[2] + message.size()));
  if (!where.empty()) parts.erase(0, std::string_view("\n  where: ").size() + where.size());
  const std::string hint = cut_part(parts, "hint");
  const std::string received = cut_part(parts, "received");
  const std::string expected = cut_part(parts, "expected");
  if (!names_rank(where)) where = "rank " + std::to_string(rank) + (where.empty() ? "" : ": " + where);
  Error error(static_cast<ErrorKind>(numbers[0]), message);
  error.at(std::move(where)).expected(expected).received(received).hint(hint);
  return error;
}

std::optional<Error> failure_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error;
  } catch (const std::exception& error) {
    return Error(ErrorKind::communication, error.what());
  } catch (...) {
    return Error(ErrorKind::communication, "an exception of unknown type");
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
  const std::vector<std::string> all = communicator.all_gather(failure ? pack(*failure) : "");
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (!all[rank].empty()) throw unpack(all[rank], rank);
  }
}

}  // namespace stet
