// The hand-written backward pass against central differences, and what the two passes promise about rows, layers,
// frozen parameters and completion.
#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/model/transformer.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace stet {
namespace {

ModelConfig llama_like() {  // rotary, RMS, SwiGLU, grouped queries, untied
  ModelConfig config;
  config.vocabulary = 10;
  config.width = 8;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_width = 4;  // not width / heads
  config.feed_forward = 6;
  config.context = 8;
  config.qkv_bias = true;
  config.tied_head = false;
  config.init_scale = 0.4;
  return config;
}

ModelConfig gpt_like() {  // learned positions, layer norms, GELU, biases, tied
  ModelConfig config;
  config.vocabulary = 10;
  config.width = 8;
  config.layers = 2;
  config.heads = 2;
  config.context = 8;
  config.positions = Positions::learned;
  config.norm = Norm::layer;
  config.activation = Activation::gelu;
  config.qkv_bias = config.linear_bias = true;
  config.init_scale = 0.4;
  return config;
}

ModelConfig gated_with_biases() {  // neighbouring gate and up biases
  ModelConfig config = llama_like();
  config.linear_bias = true;
  config.layers = 1;
  return config;
}

ModelConfig neox_like() {  // partial rotary, parallel residual, exact GELU, layer norms, untied
  ModelConfig config = gpt_like();
  config.positions = Positions::rotary;
  config.activation = Activation::gelu_erf;
  config.rope_share = 0.5;
  config.parallel_residual = true;
  config.tied_head = false;
  return config;
}

ModelConfig qwen3_like() {  // norms of queries and keys, head by head
  ModelConfig config = llama_like();
  config.qkv_bias = false;
  config.query_key_norm = QueryKeyNorm::head;
  return config;
}

ModelConfig olmo2_like() {  // norms behind the halves of a block, and over all heads together
  ModelConfig config = llama_like();
  config.query_key_norm = QueryKeyNorm::whole;
  config.norm_after = true;
  config.linear_bias = true;
  return config;
}

ModelConfig smollm3_like() {  // the second block does not rotate
  ModelConfig config = llama_like();
  config.unrotated_every = 2;
  return config;
}

ModelConfig layer_norms_behind() {
  ModelConfig config = gpt_like();
  config.norm_after = true;
  return config;
}

at::Tensor normal(at::IntArrayRef shape, std::string_view purpose, double scale = 1.0) {
  at::Tensor tensor = at::empty(shape, at::kDouble);
  Random random(5, purpose);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data_ptr<double>()[i] = scale * random.normal();
  return tensor;
}

class TransformerTest : public ::testing::TestWithParam<ModelConfig (*)()> {
 protected:
  at::Tensor forward(const at::Tensor& weights, const at::Tensor* rows = nullptr, Activations* kept = nullptr,
                     std::vector<at::Tensor>* layers = nullptr) const {
    return model_.forward(weights, batch_, rows, kept, layers);
  }
  /// Gradient of sum(hidden * d_hidden) at `rows`.
  at::Tensor gradient(const at::Tensor* rows, const at::Tensor& d_hidden, const std::vector<bool>& trains = {}) const {
    Activations kept;
    (void)forward(weights_, rows, &kept);
    at::Tensor gradients = at::zeros_like(weights_);
    model_.backward(weights_, batch_, kept, d_hidden, gradients, trains);
    return gradients;
  }

  const Transformer model_{GetParam()()};
  const ParameterTable& table_ = model_.table();
  // Away from the initial values, where biases are 0 and norm weights 1.
  const at::Tensor weights_ =
      initial_values(table_, model_.config(), 1, at::kDouble) + normal({table_.total()}, "shift", 0.1);
  const std::vector<std::int32_t> tokens_ = {3, 1, 4, 1, 5, 9, 2, 6}, offsets_ = {0, 3, 4, 8},
                                  positions_ = {0, 1, 2, 0, 0, 1, 2, 3};
  const TokenBatch batch_{tokens_, offsets_, positions_};
  const at::Tensor some_rows_ = at::tensor(std::vector<std::int64_t>{1, 2, 5, 7});
};

TEST_P(TransformerTest, GradientsByCentralDifferences) {
  const at::Tensor d_hidden = normal({8, 8}, "d_hidden");
  const at::Tensor ours = gradient(nullptr, d_hidden);
  const double scale = ours.abs().max().item<double>();
  constexpr double step = 1e-5;
  for (std::size_t i = 0; i < table_.size(); ++i) {
    // All of a small parameter, some of a large one.
    const std::int64_t stride = std::max<std::int64_t>(1, table_[i].count / 16);
    for (std::int64_t k = table_[i].offset; k < table_[i].offset + table_[i].count; k += stride) {
      at::Tensor up = weights_.clone(), down = weights_.clone();
      up.data_ptr<double>()[k] += step;
      down.data_ptr<double>()[k] -= step;
      const double expected = ((forward(up) - forward(down)) * d_hidden).sum().item<double>() / (2 * step);
      EXPECT_NEAR(ours.data_ptr<double>()[k], expected, 1e-7 * scale)
          << table_[i].name << " element " << k - table_[i].offset;
    }
    const at::Tensor whole = table_.view(ours, i);
    const bool is_head = table_[i].role == Role::head;  // the head is the caller's
    // A key's bias shifts all scores of a softmax alike, unless it is rotated.
    const bool no_effect =
        table_[i].bias && table_[i].role == Role::attention_k && !model_.config().rotates(table_[i].layer);
    if (is_head || no_effect) {
      EXPECT_LT(whole.abs().max().item<double>(), 1e-10 * scale) << table_[i].name;
    } else {
      EXPECT_GT(whole.abs().max().item<double>(), 1e-4 * scale) << table_[i].name;
    }
  }
}

TEST_P(TransformerTest, ChosenRowsEqualTheFullPass) {
  const at::Tensor all = forward(weights_), some = forward(weights_, &some_rows_);
  EXPECT_LT((some - all.index_select(0, some_rows_)).abs().max().item<double>(), 1e-13);
  const at::Tensor d_some = normal({4, 8}, "d_some");
  const at::Tensor d_all = at::zeros({8, 8}, at::kDouble).index_copy(0, some_rows_, d_some);
  const at::Tensor from_all = gradient(nullptr, d_all), from_some = gradient(&some_rows_, d_some);
  EXPECT_LT((from_all - from_some).abs().max().item<double>(), 1e-12 * from_all.abs().max().item<double>());

  const at::Tensor every = at::arange(8, at::kLong);
  EXPECT_TRUE(forward(weights_, &every).equal(all));
  EXPECT_TRUE(gradient(&every, d_all).equal(from_all));
}

TEST_P(TransformerTest, BackwardAddsAndBuffersAreReused) {
  const at::Tensor d_hidden = normal({4, 8}, "d_hidden");
  const at::Tensor fresh = gradient(&some_rows_, d_hidden), before = normal({table_.total()}, "before");
  Activations kept;
  (void)forward(weights_, nullptr, &kept);  // another shape first
  (void)forward(weights_, &some_rows_, &kept);
  const at::Tensor gradients = before.clone();
  model_.backward(weights_, batch_, kept, d_hidden, gradients, {});
  EXPECT_LT((gradients - before - fresh).abs().max().item<double>(), 1e-12 * fresh.abs().max().item<double>());
}

TEST_P(TransformerTest, SequencesDoNotSeeEachOther) {
  const std::vector<std::int32_t> tokens(tokens_.begin() + 4, tokens_.end()), offsets = {0, 4},
                                                                              positions = {0, 1, 2, 3};
  const at::Tensor alone = model_.forward(weights_, {tokens, offsets, positions}, nullptr, nullptr);
  EXPECT_LT((alone - forward(weights_).narrow(0, 4, 4)).abs().max().item<double>(), 1e-13);
}

TEST_P(TransformerTest, NoTokenSeesTheFuture) {
  std::vector<std::int32_t> changed = tokens_;
  changed[6] = 0;
  const at::Tensor other = model_.forward(weights_, {changed, offsets_, positions_}, nullptr, nullptr);
  const at::Tensor difference = (other - forward(weights_)).abs().amax({1});
  EXPECT_EQ(difference.narrow(0, 0, 6).max().item<double>(), 0.0);
  EXPECT_GT(difference.narrow(0, 6, 2).min().item<double>(), 1e-6);
}

// Without attention's output a block's feed-forward half reads the block's input, which is known: a plain composition.
TEST_P(TransformerTest, NeuronsByAPlainComposition) {
  const ModelConfig& c = model_.config();
  at::Tensor weights = weights_.clone();
  for (std::size_t i = 0; i < table_.size(); ++i) {
    if (table_[i].role == Role::attention_o) table_.view(weights, i).zero_();
  }
  Activations kept;
  std::vector<at::Tensor> layers;
  (void)model_.forward(weights, batch_, nullptr, &kept, &layers);
  const std::vector<at::Tensor> neurons = model_.neurons(kept, nullptr);
  ASSERT_EQ(neurons.size(), static_cast<std::size_t>(c.layers));
  for (std::size_t l = 0; l < neurons.size(); ++l) {
    const auto named = [&](const std::string& name) {
      const int index = table_.index_of("model.layers." + std::to_string(l) + "." + name);
      return index < 0 ? at::Tensor() : table_.view(weights, static_cast<std::size_t>(index));
    };
    const auto linear = [&](const at::Tensor& x, const std::string& name) {
      const at::Tensor bias = named(name + ".bias"), product = x.matmul(named(name + ".weight").t());
      return bias.defined() ? product + bias : product;
    };
    const at::Tensor& x = layers[l];
    const at::Tensor scale = named("post_attention_layernorm.weight");
    // Behind an attention that gives nothing, a norm gives its bias.
    const at::Tensor shift = named("post_attention_layernorm.bias");
    const at::Tensor normed = c.norm_after          ? (shift.defined() ? x + shift : x)
                              : c.norm == Norm::rms ? x / (x.square().mean(1, true) + c.norm_epsilon).sqrt() * scale
                                                    : at::layer_norm(x, {c.width}, scale, shift, c.norm_epsilon);
    const at::Tensor up = linear(normed, "mlp.up_proj");
    const at::Tensor expected = c.activation == Activation::swiglu
                                    ? at::silu(linear(normed, "mlp.gate_proj")) * up
                                    : at::gelu(up, c.activation == Activation::gelu_erf ? "none" : "tanh");
    ASSERT_EQ(neurons[l].sizes(), at::IntArrayRef({8, c.feed_forward}));
    EXPECT_LT((neurons[l] - expected).abs().max().item<double>(), 1e-12) << l;
    EXPECT_GT(expected.abs().max().item<double>(), 1e-2) << l;
  }
}

TEST_P(TransformerTest, NeuronsOfChosenRows) {
  Activations all, some, every;
  (void)forward(weights_, nullptr, &all);
  (void)forward(weights_, &some_rows_, &some);
  const at::Tensor every_row = at::arange(8, at::kLong);
  (void)forward(weights_, &every_row, &every);
  const auto of_all = model_.neurons(all, nullptr), of_some = model_.neurons(some, &some_rows_),
             of_every = model_.neurons(every, &every_row);
  for (std::size_t l = 0; l < of_all.size(); ++l) {
    ASSERT_EQ(of_some[l].size(0), 4);
    EXPECT_LT((of_some[l] - of_all[l].index_select(0, some_rows_)).abs().max().item<double>(), 1e-13) << l;
    EXPECT_TRUE(of_every[l].equal(of_all[l])) << l;
  }
  EXPECT_DEATH((void)model_.neurons(some, nullptr), "s.selected");  // not that forward's rows
}

TEST_P(TransformerTest, CapturesLayers) {
  const std::size_t layers = static_cast<std::size_t>(model_.config().layers);
  std::vector<at::Tensor> all, some;
  const at::Tensor hidden = forward(weights_, nullptr, nullptr, &all);
  (void)forward(weights_, &some_rows_, nullptr, &some);
  ASSERT_EQ(all.size(), layers + 1);
  ASSERT_EQ(some.size(), layers + 1);
  for (std::size_t l = 0; l <= layers; ++l) {
    EXPECT_LT((some[l] - all[l].index_select(0, some_rows_)).abs().max().item<double>(), 1e-13) << l;
  }
  // The first is the embedding, and the norm of the last is what forward returns.
  at::Tensor embedded =
      table_.view(weights_, 0).index_select(0, at::tensor(std::vector<std::int64_t>(tokens_.begin(), tokens_.end())));
  if (const int places = table_.index_of("model.embed_positions.weight"); places >= 0) {
    embedded =
        embedded + table_.view(weights_, static_cast<std::size_t>(places))
                       .index_select(0, at::tensor(std::vector<std::int64_t>(positions_.begin(), positions_.end())));
  }
  EXPECT_TRUE(all[0].equal(embedded));
  const auto by_name = [&](const char* name) {
    return table_.view(weights_, static_cast<std::size_t>(table_.index_of(name)));
  };
  const at::Tensor& last = all.back();
  const at::Tensor normed =
      model_.config().norm == Norm::layer
          ? at::layer_norm(last, {8}, by_name("model.norm.weight"), by_name("model.norm.bias"),
                           model_.config().norm_epsilon)
          : last * at::rsqrt(last.pow(2).mean(1, true) + model_.config().norm_epsilon) * by_name("model.norm.weight");
  EXPECT_LT((hidden - normed).abs().max().item<double>(), 1e-12);
}

TEST_P(TransformerTest, FrozenParametersGetNothing) {
  const at::Tensor d_hidden = normal({4, 8}, "d_hidden");
  const at::Tensor full = gradient(&some_rows_, d_hidden);
  for (std::size_t start = 0; start < 3; ++start) {  // also parts of q, k, v and of gate, up
    std::vector<bool> trains(table_.size());
    for (std::size_t i = 0; i < table_.size(); ++i) trains[i] = i % 3 == start;
    const at::Tensor partly = gradient(&some_rows_, d_hidden, trains);
    for (std::size_t i = 0; i < table_.size(); ++i) {
      const at::Tensor one = table_.view(partly, i);
      if (!trains[i]) {
        EXPECT_EQ(one.abs().max().item<double>(), 0.0) << table_[i].name;
      } else {
        EXPECT_TRUE(one.equal(table_.view(full, i))) << table_[i].name;
      }
    }
  }
}

TEST_P(TransformerTest, CompletionFallsAndEverythingAboveIsFinal) {
  const at::Tensor d_hidden = normal({4, 8}, "d_hidden");
  const at::Tensor final_gradient = gradient(&some_rows_, d_hidden);
  Activations kept;
  (void)forward(weights_, &some_rows_, &kept);
  const at::Tensor gradients = at::zeros_like(weights_);
  std::vector<std::int64_t> offsets;
  model_.backward(weights_, batch_, kept, d_hidden, gradients, {}, [&](std::int64_t offset) {
    offsets.push_back(offset);
    EXPECT_TRUE(gradients.narrow(0, offset, table_.total() - offset)
                    .equal(final_gradient.narrow(0, offset, table_.total() - offset)));
  });
  ASSERT_EQ(offsets.size(), static_cast<std::size_t>(model_.config().layers) + 2);  // final norm, blocks, embedding
  EXPECT_TRUE(std::is_sorted(offsets.rbegin(), offsets.rend()));
  EXPECT_EQ(std::adjacent_find(offsets.begin(), offsets.end()), offsets.end());
  EXPECT_EQ(offsets.back(), 0);
}

TEST_P(TransformerTest, FloatFollowsDouble) {
  const at::Tensor in_double = forward(weights_), in_float = forward(weights_.to(at::kFloat));
  EXPECT_EQ(in_float.scalar_type(), at::kFloat);
  EXPECT_LT((in_float.to(at::kDouble) - in_double).abs().max().item<double>(), 1e-4);
}

TEST_P(TransformerTest, Misuse) {
  const auto error_of = [&](const std::vector<std::int32_t>& tokens, const std::vector<std::int32_t>& offsets,
                            const std::vector<std::int32_t>& positions) {
    std::optional<Error> caught;
    try {
      (void)model_.forward(weights_, {tokens, offsets, positions}, nullptr, nullptr);
    } catch (const Error& error) {
      caught = error;
    }
    EXPECT_TRUE(caught.has_value());
    return caught.value_or(Error(ErrorKind::numerical, "no error was thrown"));
  };
  for (const std::int32_t bad : {10, -1, 1 << 30}) {
    const Error error = error_of({1, bad}, {0, 2}, {0, 1});
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find(std::to_string(bad)), std::string::npos);
  }
  const std::vector<std::int32_t> nine(9, 1), places = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  const Error error = error_of(nine, {0, 9}, places);
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_NE(std::string(error.what()).find("9 tokens"), std::string::npos);
}

std::string shape_name(const ::testing::TestParamInfo<ModelConfig (*)()>& shape) {
  static constexpr const char* names[] = {"Llama", "Gpt",   "GatedWithBiases", "Neox",
                                          "Qwen3", "Olmo2", "SmolLM3",         "NormsBehind"};
  return names[shape.index];
}
INSTANTIATE_TEST_SUITE_P(Shapes, TransformerTest,
                         ::testing::Values(&llama_like, &gpt_like, &gated_with_biases, &neox_like, &qwen3_like,
                                           &olmo2_like, &smollm3_like, &layer_norms_behind),
                         shape_name);

TEST(ModelShape, Refuses) {
  const auto refused = [](void (*change)(ModelConfig&)) {
    ModelConfig config = llama_like();
    change(config);
    try {
      const Transformer model(config);
      return false;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::config;
    }
  };
  EXPECT_TRUE(refused([](ModelConfig& c) { c.vocabulary = 1; }));
  EXPECT_TRUE(refused([](ModelConfig& c) { c.kv_heads = 3; }));
  EXPECT_TRUE(refused([](ModelConfig& c) { c.head_width = 3; }));  // odd, with rotary positions
  EXPECT_TRUE(refused([](ModelConfig& c) { c.head_width = 0, c.heads = c.kv_heads = 3; }));
  EXPECT_TRUE(refused([](ModelConfig& c) { c.rope_share = 0.3; }));  // one element of four
  EXPECT_TRUE(refused([](ModelConfig& c) { c.rope_scaling = {4, 2, 2, 8}; }));
  EXPECT_TRUE(refused([](ModelConfig& c) { c.layers = 0; }));
  EXPECT_TRUE(refused([](ModelConfig& c) { c.width = std::int64_t{1} << 40; }));
  EXPECT_FALSE(refused([](ModelConfig&) {}));
}

TEST(ModelShape, TheTableIsOneContiguousBuffer) {
  for (const auto make : {&llama_like, &gpt_like, &gated_with_biases, &neox_like, &qwen3_like, &olmo2_like,
                          &smollm3_like, &layer_norms_behind}) {
    const Transformer model(make());
    std::int64_t next = 0;
    for (const ParameterInfo& parameter : model.table().entries()) {
      EXPECT_EQ(parameter.offset, next) << parameter.name;
      next += parameter.count;
    }
    EXPECT_EQ(next, model.table().total());
    EXPECT_EQ(next, model.config().parameter_count());
  }
}

}  // namespace
}  // namespace stet
