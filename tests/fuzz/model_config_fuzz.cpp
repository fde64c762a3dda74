// config.json of Hugging Face's models: what is accepted is a shape that can be built.
#include "fuzz_input.hpp"

#include <stet/hugging_face/hugging_face.hpp>

#include <cmath>

namespace {
constexpr std::int64_t most_layers = 64;  // a table has some entries a layer; larger models differ in nothing else
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const stet::fuzz::MemoryFolder folder;
  folder.write("config.json", stet::fuzz::text_of(data, size));
  stet::fuzz::refuse_or_run([&] {
    const stet::ForeignModel model = stet::read_foreign_config(folder.path());
    const stet::ModelConfig& c = model.config;
    STET_ASSERT(c.width > 0 && c.heads > 0 && c.kv_heads > 0 && c.heads % c.kv_heads == 0 && c.feed_forward > 0);
    STET_ASSERT(c.parameter_count() > 0 && c.forward_flops_per_token() > 0);
    if (c.positions == stet::Positions::rotary) {
      STET_ASSERT(c.rotated_width() >= 2 && c.rotated_width() <= c.head_width && c.rotated_width() % 2 == 0);
      STET_ASSERT(std::isfinite(c.rope_base) && c.rope_base >= 1);
    }
    STET_ASSERT(std::isfinite(c.norm_epsilon) && c.norm_epsilon >= 0);
    if (c.layers > most_layers) return;
    const stet::ParameterTable table(c);
    STET_ASSERT(table.total() == c.parameter_count());
    STET_ASSERT(!stet::foreign_layout(model, table).empty());
  });
  return 0;
}
