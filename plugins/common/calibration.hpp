// Which examples a plugin measures on.
#pragma once

#include <stet/base/error.hpp>
#include <stet/plugin/examples.hpp>

#include <algorithm>
#include <cstdint>
#include <string>

namespace stet::plugins {

/// Throws Error (config) if `set` is "held": what is measured on the facts that a run is judged by would leak the
/// evaluation into its training. `who`: "regularizer.ewc".
inline void refuse_held(const std::string& set, const std::string& who) {
  if (set != "held") return;
  throw Error(ErrorKind::config, who + ": 'held' facts judge a run, so nothing of them may enter its training")
      .at(who + ".set")
      .expected("another set: \"known\", \"unknown\", \"validation\", \"pretraining\", ...")
      .received("\"held\"");
}

/// The number of examples that `set` and `limit` (0: all) amount to. Throws Error (config) if there is no such set.
[[nodiscard]] inline std::int64_t example_count(const Examples& examples, const std::string& set, std::int64_t limit) {
  const std::int64_t size = examples.size(set);
  return limit == 0 ? size : std::min(limit, size);
}

}  // namespace stet::plugins
