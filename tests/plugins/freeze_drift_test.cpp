// freeze: what each selector chooses, and what is refused. drift: against an independent composition.
#include "support.hpp"

#include <algorithm>
#include <set>

namespace stet::testing {
namespace {

using Names = std::set<std::string>;

class Freeze : public PluginTest {
 protected:
  TrainableSelection select(const std::string& text, const ParameterTable& table) {
    return registry_.freeze_strategy("freeze").create(toml(text))->select(table);
  }
  /// Names of what trains, with the block number as *.
  Names trained(const std::string& text) {
    const TrainableSelection selection = select(text, table_);
    EXPECT_EQ(selection.trains.size(), table_.size());
    EXPECT_TRUE(selection.masks.empty());
    Names names;
    for (std::size_t i = 0; i < table_.size(); ++i) {
      if (selection.trains[i]) names.insert(table_[i].name);
    }
    return names;
  }
  static Names in_blocks(const std::vector<std::string>& suffixes, const std::vector<int>& blocks = {0, 1}) {
    Names names;
    for (const int block : blocks) {
      for (const std::string& suffix : suffixes) names.insert("model.layers." + std::to_string(block) + "." + suffix);
    }
    return names;
  }
  Names all() const {
    Names names;
    for (const ParameterInfo& parameter : table_.entries()) names.insert(parameter.name);
    return names;
  }
  Names without(const Names& removed) const {
    Names names = all();
    for (const std::string& name : removed) EXPECT_EQ(names.erase(name), 1U) << name;
    return names;
  }
  Error refused(const std::string& text) {
    Error error = error_of([&] { (void)select(text, table_); });
    EXPECT_EQ(error.kind(), ErrorKind::config);
    return error;
  }

  const Transformer model_{small_config()};
  const ParameterTable& table_ = model_.table();
  const std::vector<std::string> attention_ = {
      "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.v_proj.weight", "self_attn.q_proj.bias",
      "self_attn.k_proj.bias",   "self_attn.v_proj.bias",   "self_attn.o_proj.weight"};
  const std::vector<std::string> attention_matrices_ = {"self_attn.q_proj.weight", "self_attn.k_proj.weight",
                                                        "self_attn.v_proj.weight", "self_attn.o_proj.weight"};
  const std::vector<std::string> ffn_ = {"mlp.gate_proj.weight", "mlp.up_proj.weight", "mlp.down_proj.weight"};
};

TEST_F(Freeze, Groups) {
  EXPECT_EQ(trained("train = [\"attention\"]"), in_blocks(attention_));
  EXPECT_EQ(trained("train = [\"ffn\"]"), in_blocks(ffn_));
  EXPECT_EQ(trained("freeze = [\"ffn\"]"), without(in_blocks(ffn_)));
  EXPECT_EQ(trained("train = [\"embeddings\"]"), Names{"model.embed_tokens.weight"});
  Names norms = in_blocks({"input_layernorm.weight", "post_attention_layernorm.weight"});
  norms.insert("model.norm.weight");
  EXPECT_EQ(trained("train = [\"norms\"]"), norms);
  EXPECT_EQ(trained("freeze = []"), all());
}

TEST_F(Freeze, BiasesFollowOrStay) {
  EXPECT_EQ(trained("train = [\"attention\"]\nbiases = false"), in_blocks(attention_matrices_));
  EXPECT_EQ(trained("freeze = [\"ffn\"]\nbiases = false"), without([&] {
              Names removed = in_blocks(ffn_);
              removed.merge(in_blocks({"self_attn.q_proj.bias", "self_attn.k_proj.bias", "self_attn.v_proj.bias"}));
              return removed;
            }()));
}

TEST_F(Freeze, RolesLayersAndPatterns) {
  EXPECT_EQ(trained("train = [\"attention.q\"]"), in_blocks({"self_attn.q_proj.weight", "self_attn.q_proj.bias"}));
  EXPECT_EQ(trained("train = [\"ffn.down\", \"attention.o\"]"),
            in_blocks({"self_attn.o_proj.weight", "mlp.down_proj.weight"}));
  std::vector<std::string> block = attention_;
  block.insert(block.end(), ffn_.begin(), ffn_.end());
  block.insert(block.end(), {"input_layernorm.weight", "post_attention_layernorm.weight"});
  EXPECT_EQ(trained("train = [\"layers:1\"]"), in_blocks(block, {1}));
  EXPECT_EQ(trained("train = [\"layers:0-1\"]"), in_blocks(block));
  EXPECT_EQ(trained("freeze = [\"layers:0-0\"]"), without(in_blocks(block, {0})));
  EXPECT_EQ(trained("train = [\"name:model.layers.[1].mlp.*_proj.weight\"]"), in_blocks(ffn_, {1}));
}

TEST_F(Freeze, HeadAndPositionsWhereTheyExist) {
  ModelConfig config = small_config();
  config.tied_head = false;
  config.positions = Positions::learned;
  const Transformer other(config);
  const auto count = [&](const std::string& text) {
    const std::vector<bool> trains = select(text, other.table()).trains;
    return std::count(trains.begin(), trains.end(), true);
  };
  EXPECT_EQ(count("train = [\"head\"]"), 1);
  EXPECT_TRUE(select("train = [\"head\"]", other.table()).trains[other.head_index()]);
  EXPECT_EQ(count("train = [\"embeddings\"]"), 2);
  EXPECT_EQ(count("train = [\"position\"]"), 1);
  const Error tied = refused("train = [\"head\"]");
  EXPECT_TRUE(has(tied, "matches no parameter"));
  EXPECT_TRUE(has(tied, "tied_head"));
}

TEST_F(Freeze, Refuses) {
  EXPECT_TRUE(has(refused("train = [\"atention\"]"), "did you mean 'attention'?"));
  EXPECT_TRUE(has(refused("train = [\"ffn.dwon\"]"), "did you mean 'ffn.down'?"));
  EXPECT_TRUE(has(refused(""), "neither"));
  EXPECT_TRUE(has(refused("train = [\"ffn\"]\nfreeze = [\"attention\"]"), "both"));
  EXPECT_TRUE(has(refused("train = []"), "nothing is left to train"));
  EXPECT_TRUE(has(refused("freeze = [\"name:*\"]"), "nothing is left to train"));
  EXPECT_TRUE(has(refused("train = [\"name:model.layer.*\"]"), "matches no parameter"));
  EXPECT_TRUE(has(refused("train = [\"name:*.bias\"]\nbiases = false"), "matches no parameter"));
  EXPECT_TRUE(has(refused("train = [\"position\"]"), "matches no parameter"));
  EXPECT_TRUE(has(refused("train = [\"layers:1-2\"]"), "no layer 2"));
  for (const char* bad : {"layers:", "layers:x", "layers:1-0", "layers:-1", "layers:0-", "layers:0-1x", "name:", ""}) {
    EXPECT_TRUE(has(refused(std::string("train = [\"") + bad + "\"]"), "unknown selector")) << bad;
  }
  EXPECT_TRUE(has(refused("tran = [\"ffn\"]"), "did you mean 'train'?"));
}

class Drift : public PluginTest {
 protected:
  /// The last hidden states of fixed "facts", by the model itself.
  std::vector<at::Tensor> states(const std::string& set, const at::Tensor& weights, ProbePosition position,
                                 std::size_t limit) {
    ++calls_;
    last_ = {set, position, limit};
    const std::vector<std::int32_t> tokens = {1, 2, 3, 4, 5, 6, 7, 8, 9}, offsets = {0, 3, 6, 9},
                                    positions = {0, 1, 2, 0, 1, 2, 0, 1, 2};
    const at::Tensor rows = at::tensor(std::vector<std::int64_t>{2, 5, 8});
    std::vector<at::Tensor> layers;
    (void)model_.forward(weights, {tokens, offsets, positions}, &rows, nullptr, &layers);
    return layers;
  }
  ProbeContext context(const at::Tensor& weights) {
    return {model_,
            weights,
            snapshots_,
            {"known", "held"},
            [this](const std::string& set, const at::Tensor& w, ProbePosition position, std::size_t limit) {
              return states(set, w, position, limit);
            },
            examples_};
  }
  std::unique_ptr<Probe> make(const std::string& text) { return registry_.probe("drift").create(toml(text)); }

  struct Asked {
    std::string set;
    ProbePosition position;
    std::size_t limit;
  };
  const Transformer model_{small_config()};
  NoExamples examples_;
  MapSnapshots snapshots_;
  int calls_ = 0;
  Asked last_{};
};

TEST_F(Drift, ZeroForEqualWeights) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const at::Tensor weights = initial_values(model_.table(), model_.config(), 3, type);
    snapshots_.weights["base"] = weights.clone();
    const std::vector<Measurement> measured = make("")->measure(context(weights));
    ASSERT_EQ(measured.size(), 3U);  // after the embedding and after each of two blocks
    for (const Measurement& one : measured) EXPECT_EQ(one.value, 0.0) << one.layer;
  }
}

TEST_F(Drift, AgreesWithAnIndependentComposition) {
  snapshots_.weights["format"] = initial_values(model_.table(), model_.config(), 3, at::kDouble);
  const at::Tensor weights = initial_values(model_.table(), model_.config(), 4, at::kDouble);
  const auto probe = make("reference = \"format\"\nset = \"known\"\nposition = \"prompt_end\"\nlimit = 3");
  const std::vector<Measurement> measured = probe->measure(context(weights));
  EXPECT_EQ(last_.set, "known");
  EXPECT_EQ(last_.position, ProbePosition::prompt_end);
  EXPECT_EQ(last_.limit, 3U);
  const auto now = states("", weights, ProbePosition::prompt_end, 3);
  const auto then = states("", snapshots_.weights["format"], ProbePosition::prompt_end, 3);
  ASSERT_EQ(measured.size(), now.size());
  for (std::size_t l = 0; l < now.size(); ++l) {
    EXPECT_EQ(measured[l].name, "drift");
    EXPECT_EQ(measured[l].set, "known");
    EXPECT_EQ(measured[l].layer, static_cast<int>(l));
    const double expected = 1 - at::cosine_similarity(now[l], then[l], 1).mean().item<double>();
    EXPECT_NEAR(measured[l].value, expected, 1e-12);
    EXPECT_GT(measured[l].value, 0.1);
  }
}

TEST_F(Drift, ReferenceIsComputedOnce) {
  const at::Tensor weights = initial_values(model_.table(), model_.config(), 3, at::kFloat);
  snapshots_.weights["base"] = weights.clone();
  const auto probe = make("");
  (void)probe->measure(context(weights));
  EXPECT_EQ(calls_, 2);
  (void)probe->measure(context(weights));
  EXPECT_EQ(calls_, 3);
}

TEST_F(Drift, NothingBeforeTheReferenceExists) {
  const at::Tensor weights = initial_values(model_.table(), model_.config(), 3, at::kFloat);
  const auto probe = make("reference = \"format\"");
  EXPECT_TRUE(probe->measure(context(weights)).empty());
  EXPECT_EQ(calls_, 0);
  snapshots_.weights["format"] = weights.clone();
  EXPECT_EQ(probe->measure(context(weights)).size(), 3U);
}

TEST_F(Drift, Refuses) {
  const at::Tensor weights = initial_values(model_.table(), model_.config(), 3, at::kFloat);
  snapshots_.weights["base"] = weights;
  const Error error = error_of([&] { (void)make("set = \"hold\"")->measure(context(weights)); });
  EXPECT_EQ(error.kind(), ErrorKind::config);
  EXPECT_TRUE(has(error, "did you mean 'held'?"));
  EXPECT_TRUE(has(error_of([&] { (void)make("limits = 3"); }), "did you mean 'limit'?"));
  EXPECT_TRUE(has(error_of([&] { (void)make("limit = 0"); }), "limit"));
  EXPECT_TRUE(has(error_of([&] { (void)make("position = \"middle\""); }), "subject_end"));
  ProbeContext empty = context(weights);
  empty.hidden_states = [](const auto&, const auto&, auto, auto) {
    return std::vector<at::Tensor>(3, at::zeros({0, 8}));
  };
  EXPECT_TRUE(has(error_of([&] { (void)make("")->measure(empty); }), "is empty"));
}

}  // namespace
}  // namespace stet::testing
