// An error as a value, so that a test can pin every part of it.
#pragma once

#include <stet/base/error.hpp>

#include <gtest/gtest.h>

#include <optional>

namespace stet::testing {

/// The error that `work` throws; fails the test if there is none.
template <class Work>
Error error_of(Work&& work) {
  std::optional<Error> caught;
  try {
    work();
  } catch (const Error& error) {
    caught = error;
  }
  EXPECT_TRUE(caught.has_value()) << "no error was thrown";
  return caught.value_or(Error(ErrorKind::numerical, "no error was thrown"));
}

}  // namespace stet::testing
