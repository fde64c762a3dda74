#include <stet/base/error.hpp>

#include <cstdio>
#include <cstdlib>
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

void Error::compose() {
  text_ = message_;
  const auto add = [this](const char* label, const std::string& part) {
    if (!part.empty()) text_ += std::string("\n  ") + label + ": " + part;
  };
  add("where", where_);
  add("expected", expected_);
  add("received", received_);
  add("hint", hint_);
}

std::string describe(const std::exception& error) { return error.what(); }

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "stet: internal error: '%s' does not hold (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace stet
