// Experiment files: parsed, written again, expanded to arms, read as runs, planned. An override follows each NUL byte, which TOML cannot hold.
// Left out: what opens other files (a base, plugins, data), which the input must not choose.
#include "fuzz_input.hpp"

#include <stet/comm/communicator.hpp>
#include <stet/config/document.hpp>
#include <stet/plan/arms.hpp>
#include <stet/plan/plan.hpp>

#include <algorithm>
#include <limits>
#include <vector>

namespace {

using stet::config::Value;

/// More runs than these cost time alone.
constexpr std::size_t most_arms = 24;
constexpr std::int64_t most_seeds = 8;

/// What is written is read as an equal document: with no Error.
void check_writing(const Value& document) {
  bool equal = false;
  try {
    const Value again = stet::config::parse(stet::config::to_toml(document), "written.toml");
    equal = again == document && stet::config::canonical(again) == stet::config::canonical(document);
  } catch (const stet::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  STET_ASSERT(equal);
}

bool opens_files(const stet::RunConfig& config) {
  return config.data.world != stet::WorldKind::synthetic || !config.data.tokenizer.empty() ||
         !config.pretrain.shards.empty() || !config.regularizers.empty() || !config.freezes.empty() ||
         !config.probes.empty();
}

std::int64_t seeds_of(const Value& document) {
  const Value* experiment = document.find("experiment");
  const Value* seeds = experiment == nullptr ? nullptr : experiment->find("seeds");
  return seeds == nullptr || !seeds->is(Value::Kind::integer) ? std::numeric_limits<std::int64_t>::max()
                                                              : seeds->as_integer();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all = stet::fuzz::text_of(data, size), text = all.substr(0, all.find('\0'));
  std::vector<std::string> overrides;
  for (std::size_t at = text.size(); at < all.size();) {
    const std::size_t end = std::min(all.find('\0', at + 1), all.size());
    overrides.emplace_back(all.substr(at + 1, end - at - 1));
    at = end;
  }
  stet::fuzz::refuse_or_run([&] {
    const Value plain = stet::config::parse(text, "experiment.toml");
    check_writing(plain);
    Value document = plain;
    for (const std::string& assignment : overrides) stet::config::apply_override(document, assignment);
    check_writing(document);
    const std::vector<stet::Arm> arms = stet::expand_arms(plain, document, overrides);
    bool files = plain.find("base") != nullptr;
    for (std::size_t i = 0; i < std::min(arms.size(), most_arms); ++i) {
      const stet::RunConfig config = stet::read_run_config(arms[i].table);
      check_writing(stet::resolve(config));
      files = files || opens_files(config);
    }
    if (files || arms.size() > most_arms || seeds_of(document) > most_seeds) return;
    const stet::fuzz::MemoryFile file(data, text.size());
    const std::unique_ptr<stet::Communicator> alone = stet::make_single_process();
    stet::PluginRegistry registry(*alone, {});
    const stet::Plan plan = stet::make_plan(file.path(), overrides, registry);
    STET_ASSERT(plan.runs.size() == arms.size() * static_cast<std::size_t>(seeds_of(document)));
  });
  return 0;
}
