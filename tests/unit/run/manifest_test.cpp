#include <stet/run/record/manifest.hpp>

#include <experiment_support.hpp>
#include <stet/model/transformer.hpp>

namespace stet {
namespace {

using testing::has;

ParameterTable small_table() {
  ModelConfig config;
  config.vocabulary = 10;
  config.width = 8;
  config.layers = 1;
  config.heads = 2;
  config.feed_forward = 16;
  config.complete();
  return ParameterTable(config);
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

std::string selection_hash(const std::string& text) {
  const std::size_t at = text.find("selection ");
  return text.substr(at, text.find('\n', at) - at);
}

TEST(ManifestTest, ListsWhatTrainsByRoleAndByName) {
  const ParameterTable table = small_table();
  TrainableSelection selection;
  std::int64_t trained = 0;
  for (const ParameterInfo& info : table.entries()) {
    selection.trains.push_back(info.role == Role::ffn_gate || info.role == Role::ffn_down);
    if (selection.trains.back()) trained += info.count;
  }
  EXPECT_EQ(trained, 2 * 8 * 16);
  const std::string text = freeze_manifest("facts", "ffn_only", table, selection);
  EXPECT_TRUE(has(
      text, "phase facts: freeze strategy ffn_only, 256 of " + std::to_string(table.total()) + " parameters train"));
  EXPECT_TRUE(has(text, "  ffn.gate: 128\n"));
  EXPECT_TRUE(has(text, "  ffn.down: 128\n"));
  EXPECT_FALSE(has(text, "  ffn.up:"));
  EXPECT_TRUE(has(text, "  trains model.layers.0.mlp.gate_proj.weight (128 of 128)\n"));
  EXPECT_TRUE(has(text, "  frozen model.layers.0.mlp.up_proj.weight (0 of 128)\n"));
  EXPECT_EQ(count_of(text, "  trains ") + count_of(text, "  frozen "), table.size());
}

TEST(ManifestTest, CountsMaskedElementsAndHashesTheSelection) {
  const ParameterTable table = small_table();
  TrainableSelection selection{std::vector<bool>(table.size(), true), {}};
  const std::string all = freeze_manifest("facts", "none", table, selection);
  EXPECT_TRUE(has(all, "(100.0 %)"));
  const auto gate = static_cast<std::size_t>(table.index_of("model.layers.0.mlp.gate_proj.weight"));
  at::Tensor mask = at::zeros({16, 8}, at::kByte);
  mask[3].fill_(1);
  selection.masks[gate] = mask;
  const std::string masked = freeze_manifest("facts", "rows", table, selection);
  EXPECT_TRUE(has(masked, "  trains model.layers.0.mlp.gate_proj.weight (8 of 128)\n"));
  EXPECT_TRUE(
      has(masked, std::to_string(table.total() - 120) + " of " + std::to_string(table.total()) + " parameters train"));
  EXPECT_NE(selection_hash(masked), selection_hash(all));
  EXPECT_EQ(selection_hash(freeze_manifest("other", "other", table, selection)), selection_hash(masked));
}

TEST(ManifestTest, CountsTheFactorsOfLowRankParameters) {
  const ParameterTable table = small_table();
  TrainableSelection selection{std::vector<bool>(table.size(), false), {}};
  const auto gate = static_cast<std::size_t>(table.index_of("model.layers.0.mlp.gate_proj.weight"));
  selection.trains[gate] = true;
  selection.low_rank[gate] = {3, 0.5, 7};
  const std::string text = freeze_manifest("facts", "lora", table, selection);
  EXPECT_TRUE(has(text, "72 of " + std::to_string(table.total()) + " parameters train"));  // 3 * (16 + 8)
  EXPECT_TRUE(has(text, "  ffn.gate: 72\n"));
  EXPECT_TRUE(has(text, "  trains model.layers.0.mlp.gate_proj.weight (72 of 128; rank 3, scale 0.5, seed 7)\n"));
  EXPECT_EQ(count_of(text, "  trains "), 1U);
  for (const LowRank& other : {LowRank{3, 0.25, 7}, LowRank{3, 0.5, 8}, LowRank{3, 0.5, 7, true}, LowRank{2, 0.5, 7}}) {
    selection.low_rank[gate] = other;
    EXPECT_NE(selection_hash(freeze_manifest("facts", "lora", table, selection)), selection_hash(text));
  }
}

}  // namespace
}  // namespace stet
