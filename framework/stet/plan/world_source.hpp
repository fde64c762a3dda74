// The world that an experiment's [data] describes, and its tokenizer.
#pragma once

#include <stet/plan/run_config.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/world/world.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace stet {

/// Throws Error (data) for files that cannot be read.
[[nodiscard]] World make_world(const DataConfig& data);
/// With the facts asked as [prompt] says.
[[nodiscard]] World make_world(const RunConfig& config);

/// Where the files of [data.facts] lie. Throws Error (config), placed in `data`, if none is named, or for an experiment
/// that pre-trains its base: questions of one's own are asked of a model that is there already.
[[nodiscard]] std::vector<std::string> find_facts_files(const config::Value& data, bool base_given);

/// The world's own, or data.tokenizer.
[[nodiscard]] Tokenizer make_tokenizer(const DataConfig& data, const World& world);
/// The same, or that of base.folder.
[[nodiscard]] Tokenizer make_tokenizer(const RunConfig& config, const World& world);

/// The worlds of an experiment's tasks, each made once: arms differ in few ways from each other.
class Worlds {
 public:
  /// What is returned stays as long as this object. Throws as make_world().
  [[nodiscard]] const World& of(const RunConfig& config);

 private:
  std::map<std::string, std::unique_ptr<const World>> worlds_;  // by the hash of [data] and [prompt]
};

}  // namespace stet
