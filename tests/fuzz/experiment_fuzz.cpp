// Experiment files: parsed, written again, expanded to arms, read as runs, planned and checked. An override follows
// each NUL byte, which TOML cannot hold. Left out: what opens files elsewhere (a base, plugins, data), which the input
// must not choose.
#include "fuzz_input.hpp"

#include <stet/base/utf8.hpp>
#include <stet/comm/communicator.hpp>
#include <stet/config/document.hpp>
#include <stet/plan/arms.hpp>
#include <stet/plan/check/plan_check.hpp>
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

/// A base that need not lie in the folder of the experiment.
bool has_far_base(const Value& document) {
  const Value* base = document.find("inherit");
  return base != nullptr && base->is(Value::Kind::string) && base->as_string().find('/') != std::string::npos;
}

bool opens_files(const stet::RunConfig& config) {
  return config.data.world != stet::WorldKind::synthetic || !config.data.tokenizer.empty() ||
         !config.pretrain.shards.empty() || !config.regularizers.empty() || !config.freezes.empty() ||
         !config.probes.empty();
}

/// Whether the world that a check makes takes milliseconds.
bool has_small_world(const stet::RunConfig& config) {
  const stet::SyntheticWorldOptions& world = config.data.synthetic;
  constexpr std::size_t most = 64;
  return world.entities <= most && world.new_entities <= most && world.records <= most && world.answers_max <= most &&
         world.countries <= most && world.first_names <= most && world.last_names <= most;
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
  static const stet::fuzz::MemoryFolder folder;
  folder.write("experiment.toml", text);
  const std::filesystem::path path = folder.path() / "experiment.toml";
  stet::fuzz::refuse_or_run([&] {
    const Value plain = stet::config::parse(text, "experiment.toml");
    check_writing(plain);
    if (has_far_base(plain)) return;
    stet::fuzz::refuse_or_run([&] { static_cast<void>(stet::config::load(path, overrides)); });
    Value document = plain;
    for (const std::string& assignment : overrides) stet::config::apply_override(document, assignment);
    // Else what to_toml() throws is what it says that it throws.
    const bool is_text = !stet::find_invalid_utf8(all.substr(text.size()));
    if (is_text) check_writing(document);
    const std::vector<stet::Arm> arms = stet::expand_arms(plain, document, overrides);
    bool small = true, files = false;
    for (std::size_t i = 0; i < std::min(arms.size(), most_arms); ++i) {
      const stet::RunConfig config = stet::read_run_config(arms[i].table);
      if (is_text) check_writing(stet::resolve(config));
      files = files || opens_files(config);
      small = small && has_small_world(config);
    }
    if (files || arms.size() > most_arms || seeds_of(document) > most_seeds) return;
    const std::unique_ptr<stet::Communicator> alone = stet::make_single_process();
    stet::PluginRegistry registry(*alone, {});
    const stet::Plan plan = stet::make_plan(path, overrides, registry);
    STET_ASSERT(plan.runs.size() == arms.size() * static_cast<std::size_t>(seeds_of(document)));
    if (!small) return;
    for (const int ranks : {1, 2})
      stet::fuzz::refuse_or_run([&] { static_cast<void>(stet::check_plan(plan, registry, ranks)); });
  });
  return 0;
}
