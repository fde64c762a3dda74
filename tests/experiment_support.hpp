// What the tests of this room share: errors as values, experiment files in a folder of their own.
#pragma once

#include <error_of.hpp>
#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <string>

namespace stet::testing {

inline ::testing::AssertionResult has(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << part << "' is not in:\n" << text;
}

}  // namespace stet::testing
