// Every hostile fixture leaves a trace when its code runs: a file at the path that STET_TEST_TRACE names. A test that
// finds no such file after a refusal has seen that none of the plugin's code ran.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace {
__attribute__((constructor)) void leave_trace() {
  const char* const path = std::getenv("STET_TEST_TRACE");
  if (path == nullptr) return;
  if (std::FILE* const file = std::fopen(path, "w")) std::fclose(file);
}
}  // namespace
