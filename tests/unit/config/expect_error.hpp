// What the tests of this room share: errors as values, what they say, a folder for files.
#pragma once

#include <error_of.hpp>
#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <string>

namespace stet::config::testing {

using stet::testing::error_of;
using stet::testing::Folder;

inline ::testing::AssertionResult has(const Error& error, const std::string& part) {
  if (std::string(error.what()).find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << part << "' is not in:\n" << error.what();
}

}  // namespace stet::config::testing
