#include <stet/base/error.hpp>

#include <stet/base/shown.hpp>

#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <utility>

namespace stet {

Error::Error(ErrorKind kind, std::string message)
    : std::runtime_error(message), kind_(kind), message_(std::move(message)) {
  compose();
}

Error& Error::at(std::string where) {
  where_ = std::move(where);
  compose();
  return *this;
}

Error& Error::at(const std::string& file, std::size_t line, std::size_t column) {
  std::string where = file;
  if (line > 0) where += ":" + std::to_string(line);
  if (line > 0 && column > 0) where += ":" + std::to_string(column);
  return at(std::move(where));
}

Error& Error::expected(std::string text) {
  expected_ = std::move(text);
  compose();
  return *this;
}

Error& Error::received(std::string text) {
  received_ = std::move(text);
  compose();
  return *this;
}

Error& Error::hint(std::string text) {
  hint_ = std::move(text);
  compose();
  return *this;
}

Error& Error::detail(std::string text) {
  detail_ = std::move(text);
  return *this;
}

Error& Error::within(const std::string& outer) { return at(where_.empty() ? outer : outer + ": " + where_); }

void Error::compose() {
  text_ = message_;
  const auto add = [this](const char* label, const std::string& part) {
    if (!part.empty()) text_ += std::string("\n  ") + label + ": " + part;
  };
  add("where", where_);
  add("expected", expected_);
  add("received", received_);
  add("hint", hint_);
  text_ = terminal_text(text_);  // names and texts of files are part of it
}

namespace {

constexpr std::size_t packed_parts = 6;

/// Demangled, as it stands in source: "c10::Error".
std::string type_of_current() {
  const std::type_info* const type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "an unknown type";
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(abi::__cxa_demangle(type->name(), nullptr, nullptr, &status),
                                                    std::free);
  return status == 0 ? name.get() : type->name();
}

/// Of `text` the first two lines, and none of the stack that libtorch's messages go on with.
Error foreign(ErrorKind kind, const std::string& text) {
  constexpr std::size_t longest = 500;
  std::string head = text.substr(0, text.find("\nException raised from"));
  if (const std::size_t first = head.find('\n'); first != std::string::npos)
    head.resize(std::min(head.size(), head.find('\n', first + 1)));
  if (head.size() > longest) head = head.substr(0, longest) + " ...";
  Error error(kind, type_of_current() + (head.empty() ? "" : ": " + head));
  if (head.size() != text.size()) error.detail(text);
  return error;
}

}  // namespace

std::string pack_error(const Error& error) {
  const std::array<const std::string*, packed_parts> parts{&error.message(),  &error.where(), &error.expected(),
                                                           &error.received(), &error.hint(),  &error.detail()};
  std::array<std::uint64_t, packed_parts + 1> numbers{static_cast<std::uint64_t>(error.kind())};
  for (std::size_t i = 0; i < packed_parts; ++i) numbers[i + 1] = parts[i]->size();
  std::string packed(sizeof numbers, '\0');
  std::memcpy(packed.data(), numbers.data(), sizeof numbers);
  for (const std::string* part : parts) packed += *part;
  return packed;
}

Error unpack_error(std::string_view packed) {
  std::array<std::uint64_t, packed_parts + 1> numbers{};
  std::array<std::string, packed_parts> parts;
  bool whole = packed.size() >= sizeof numbers;
  if (whole) std::memcpy(numbers.data(), packed.data(), sizeof numbers);
  std::size_t at = sizeof numbers;
  for (std::size_t i = 0; i < packed_parts && whole; ++i) {
    whole = numbers[i + 1] <= packed.size() - at;
    if (whole) parts[i] = packed.substr(at, numbers[i + 1]);
    at += numbers[i + 1];
  }
  const bool known = numbers[0] >= static_cast<std::uint64_t>(ErrorKind::internal) &&
                     numbers[0] <= static_cast<std::uint64_t>(ErrorKind::communication);
  if (!whole || at != packed.size() || !known)
    throw Error(ErrorKind::internal, "an error's text was damaged on its way between processes");
  Error error(static_cast<ErrorKind>(numbers[0]), parts[0]);
  error.at(parts[1]).expected(parts[2]).received(parts[3]).hint(parts[4]).detail(parts[5]);
  return error;
}

Error current_error(ErrorKind kind) {
  try {
    throw;
  } catch (const Error& error) {
    return error;
  } catch (const std::filesystem::filesystem_error& error) {
    Error named(ErrorKind::data, "the file system refuses: " + error.code().message());
    return named.at(error.path1().string());
  } catch (const std::bad_alloc&) {
    return Error(kind, "out of memory (" + type_of_current() + ")");
  } catch (const std::exception& error) {
    return foreign(kind, error.what());
  } catch (...) {
    return foreign(kind, "");
  }
}

std::string describe(const std::exception& error) { return error.what(); }

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "stet: internal error: '%s' does not hold (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace stet
