// Every kernel, in float and double, against a plain composition of libtorch operators; gradients against autograd.
#include <stet/base/philox.hpp>
#include <stet/model/kernels_cpu.hpp>
#include <stet/model/torch.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace stet {
namespace {

template <class T>
class Kernels : public ::testing::Test {
 protected:
  static constexpr at::ScalarType type = c10::CppTypeToScalarType<T>::value;
  // Our float exponential is good to 2 ulp; sums of some tens of terms add a few more.
  static constexpr double tolerance = std::is_same_v<T, double> ? 1e-12 : 2e-5;

  at::Tensor random(at::IntArrayRef shape, std::string_view purpose, double scale = 1.0) {
    at::Tensor tensor = at::empty(shape, at::kDouble);
    Random source(11, purpose);
    for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data_ptr<double>()[i] = scale * source.normal();
    return tensor.to(type);
  }
  static T* p(const at::Tensor& tensor) { return tensor.data_ptr<T>(); }

  /// The reference is computed in double from the same (rounded) inputs.
  static at::Tensor leaf(const at::Tensor& tensor) { return tensor.to(at::kDouble).clone().requires_grad_(true); }

  static void expect_close(const at::Tensor& ours, const at::Tensor& expected, const char* what) {
    ASSERT_EQ(ours.sizes(), expected.sizes()) << what;
    const at::Tensor e = expected.detach().to(at::kDouble);
    const double scale = std::max(1.0, e.abs().max().template item<double>());
    const double deviation = (ours.to(at::kDouble) - e).abs().max().template item<double>();
    EXPECT_LE(deviation, tolerance * scale) << what;
  }
};

using Types = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Kernels, Types);

constexpr std::int64_t N = 7, d = 13;  // no multiple of any vector width

TYPED_TEST(Kernels, Embed) {
  using T = TypeParam;
  const at::Tensor table = this->random({9, d}, "table"), places = this->random({4, d}, "places");
  const std::vector<std::int32_t> tokens = {0, 8, 3, 3, 1}, positions = {0, 1, 2, 0, 3};
  const at::Tensor index = at::tensor(std::vector<std::int64_t>{0, 8, 3, 3, 1});
  const at::Tensor place_index = at::tensor(std::vector<std::int64_t>{0, 1, 2, 0, 3});
  const at::Tensor out = at::empty({5, d}, this->type);
  kernels::embed<T>(tokens, positions, this->p(table), nullptr, this->p(out), d);
  EXPECT_TRUE(out.equal(table.index_select(0, index)));
  kernels::embed<T>(tokens, positions, this->p(table), this->p(places), this->p(out), d);
  EXPECT_TRUE(out.equal(table.index_select(0, index) + places.index_select(0, place_index)));

  const at::Tensor d_out = this->random({5, d}, "d_out");
  const at::Tensor d_table = this->random({9, d}, "before"), d_places = this->random({4, d}, "before2");
  const at::Tensor expected_table = d_table.to(at::kDouble).index_add(0, index, d_out.to(at::kDouble));
  const at::Tensor expected_places = d_places.to(at::kDouble).index_add(0, place_index, d_out.to(at::kDouble));
  const at::Tensor alone = d_table.clone();
  kernels::embed_backward<T>(tokens, positions, this->p(d_out), this->p(d_table), this->p(d_places), d);
  this->expect_close(d_table, expected_table, "d_table");
  this->expect_close(d_places, expected_places, "d_positions");
  kernels::embed_backward<T>(tokens, positions, this->p(d_out), this->p(alone), nullptr, d);
  EXPECT_TRUE(alone.equal(d_table));
}

TYPED_TEST(Kernels, RmsNorm) {
  using T = TypeParam;
  const double eps = 1e-3;
  const at::Tensor x = this->random({N, d}, "x", 2), weight = this->random({d}, "weight"),
                   d_out = this->random({N, d}, "d_out");
  const at::Tensor out = at::empty({N, d}, this->type), rstd = at::empty({N}, this->type);
  kernels::rms_norm<T>(this->p(x), this->p(weight), this->p(out), this->p(rstd), N, d, eps);
  const at::Tensor rx = this->leaf(x), rw = this->leaf(weight);
  const at::Tensor r = at::rsqrt(rx.pow(2).mean(1, true) + eps);
  const at::Tensor expected = rx * r * rw;
  this->expect_close(out, expected, "out");
  this->expect_close(rstd, r.squeeze(1), "rstd");

  expected.backward(d_out.to(at::kDouble));
  const at::Tensor d_x = this->random({N, d}, "before"), d_weight = this->random({d}, "before2");
  const at::Tensor expected_x = d_x.to(at::kDouble) + rx.grad(), expected_w = d_weight.to(at::kDouble) + rw.grad();
  const at::Tensor again = d_x.clone();
  kernels::rms_norm_backward<T>(this->p(d_out), this->p(x), this->p(weight), this->p(rstd), this->p(d_x),
                                this->p(d_weight), N, d);
  this->expect_close(d_x, expected_x, "d_x");
  this->expect_close(d_weight, expected_w, "d_weight");
  kernels::rms_norm_backward<T>(this->p(d_out), this->p(x), this->p(weight), this->p(rstd), this->p(again), nullptr, N,
                                d);
  EXPECT_TRUE(again.equal(d_x));
}

TYPED_TEST(Kernels, LayerNorm) {
  using T = TypeParam;
  const double eps = 1e-3;
  const at::Tensor x = this->random({N, d}, "x", 2) + 3, weight = this->random({d}, "weight"),
                   bias = this->random({d}, "bias");
  const at::Tensor d_out = this->random({N, d}, "d_out");
  const at::Tensor out = at::empty({N, d}, this->type), mean = at::empty({N}, this->type),
                   rstd = at::empty({N}, this->type);
  kernels::layer_norm<T>(this->p(x), this->p(weight), this->p(bias), this->p(out), this->p(mean), this->p(rstd), N, d,
                         eps);
  const at::Tensor rx = this->leaf(x), rw = this->leaf(weight), rb = this->leaf(bias);
  const at::Tensor expected = at::layer_norm(rx, {d}, rw, rb, eps);
  this->expect_close(out, expected, "out");
  this->expect_close(mean, rx.mean(1), "mean");

  expected.backward(d_out.to(at::kDouble));
  const at::Tensor d_x = this->random({N, d}, "before"), d_weight = this->random({d}, "before2"),
                   d_bias = this->random({d}, "before3");
  const at::Tensor expected_x = d_x.to(at::kDouble) + rx.grad(), expected_w = d_weight.to(at::kDouble) + rw.grad();
  const at::Tensor expected_b = d_bias.to(at::kDouble) + rb.grad();
  const at::Tensor again = d_x.clone();
  kernels::layer_norm_backward<T>(this->p(d_out), this->p(x), this->p(weight), this->p(mean), this->p(rstd),
                                  this->p(d_x), this->p(d_weight), this->p(d_bias), N, d);
  this->expect_close(d_x, expected_x, "d_x");
  this->expect_close(d_weight, expected_w, "d_weight");
  this->expect_close(d_bias, expected_b, "d_bias");
  kernels::layer_norm_backward<T>(this->p(d_out), this->p(x), this->p(weight), this->p(mean), this->p(rstd),
                                  this->p(again), nullptr, nullptr, N, d);
  EXPECT_TRUE(again.equal(d_x));
}

TYPED_TEST(Kernels, Rotate) {
  using T = TypeParam;
  constexpr std::int64_t heads = 3, D = 6, stride = heads * D + 5;  // five columns that must stay as they are
  const std::vector<std::int32_t> positions = {0, 1, 2, 0, 4};
  const at::Tensor angle = this->random({5, D / 2}, "angle"), cosine = angle.cos(), sine = angle.sin();
  const at::Tensor x = this->random({5, stride}, "x"), turned = x.clone();
  kernels::rotate<T>(this->p(turned), stride, positions, heads, D, D, this->p(cosine), this->p(sine), T(1));
  // the composition of the published models: x cos + rotate_half(x) sin
  const at::Tensor index = at::tensor(std::vector<std::int64_t>{0, 1, 2, 0, 4});
  const auto spread = [&](const at::Tensor& half) {
    const at::Tensor rows = half.to(at::kDouble).index_select(0, index);
    return at::cat({rows, rows}, 1).unsqueeze(1);
  };
  const at::Tensor h = x.narrow(1, 0, heads * D).to(at::kDouble).view({5, heads, D});
  const at::Tensor half = at::cat({-h.narrow(2, D / 2, D / 2), h.narrow(2, 0, D / 2)}, 2);
  const at::Tensor expected = (h * spread(cosine) + half * spread(sine)).view({5, heads * D});
  this->expect_close(turned.narrow(1, 0, heads * D), expected, "rotated");
  EXPECT_TRUE(turned.narrow(1, heads * D, 5).equal(x.narrow(1, heads * D, 5)));
  kernels::rotate<T>(this->p(turned), stride, positions, heads, D, D, this->p(cosine), this->p(sine), T(-1));
  this->expect_close(turned, x, "rotated back");
}

TYPED_TEST(Kernels, RotatesPartOfAHead) {
  using T = TypeParam;
  constexpr std::int64_t heads = 2, D = 6, R = 4;
  const std::vector<std::int32_t> positions = {3, 0, 1};
  const at::Tensor angle = this->random({4, R / 2}, "angle"), cosine = angle.cos(), sine = angle.sin();
  const at::Tensor x = this->random({3, heads * D}, "x"), turned = x.clone();
  kernels::rotate<T>(this->p(turned), heads * D, positions, heads, D, R, this->p(cosine), this->p(sine), T(1));
  const at::Tensor parts = x.view({3, heads, D}).narrow(2, 0, R).contiguous();  // the same elements as heads of width R
  kernels::rotate<T>(this->p(parts), heads * R, positions, heads, R, R, this->p(cosine), this->p(sine), T(1));
  EXPECT_TRUE(turned.view({3, heads, D}).narrow(2, 0, R).equal(parts));
  EXPECT_TRUE(turned.view({3, heads, D}).narrow(2, R, D - R).equal(x.view({3, heads, D}).narrow(2, R, D - R)));
}

/// Causal attention of one sequence after another, by matrices.
at::Tensor plain_attention(const at::Tensor& qkv, const std::vector<std::int32_t>& offsets, std::int64_t H,
                           std::int64_t G, std::int64_t D, std::vector<at::Tensor>* log_sums) {
  std::vector<at::Tensor> outs;
  for (std::size_t b = 0; b + 1 < offsets.size(); ++b) {
    const std::int64_t n = offsets[b + 1] - offsets[b];
    if (n == 0) continue;
    const at::Tensor part = qkv.narrow(0, offsets[b], n);
    const auto heads = [&](std::int64_t begin, std::int64_t count) {
      return part.narrow(1, begin * D, count * D).reshape({n, count, D}).transpose(0, 1);
    };
    const at::Tensor q = heads(0, H), k = heads(H, G).repeat_interleave(H / G, 0),
                     v = heads(H + G, G).repeat_interleave(H / G, 0);
    const at::Tensor future = at::triu(at::ones({n, n}, at::kBool), 1);
    const at::Tensor scores = (q.matmul(k.transpose(1, 2)) / std::sqrt(static_cast<double>(D)))
                                  .masked_fill(future, -std::numeric_limits<double>::infinity());
    if (log_sums != nullptr) log_sums->push_back(at::logsumexp(scores, 2));
    outs.push_back(at::softmax(scores, 2).matmul(v).transpose(0, 1).reshape({n, H * D}));
  }
  return at::cat(outs, 0);
}

TYPED_TEST(Kernels, Attention) {
  using T = TypeParam;
  struct Case {
    std::int64_t H, G, D;
    std::vector<std::int32_t> offsets;
  };
  const std::vector<Case> cases = {
      {1, 1, 4, {0, 6}}, {4, 2, 5, {0, 1, 6, 9}}, {3, 3, 8, {0, 4, 4, 11}}, {6, 1, 3, {0, 2, 10}}};
  for (const Case& c : cases) {
    const std::int64_t tokens = c.offsets.back(), width = (c.H + 2 * c.G) * c.D;
    const at::Tensor qkv = this->random({tokens, width}, "qkv", 1.5);
    const at::Tensor out = at::empty({tokens, c.H * c.D}, this->type), log_sum = at::empty({c.H, tokens}, this->type);
    const kernels::AttentionShape shape{c.offsets, c.H, c.G, c.D};
    kernels::attention<T>(shape, this->p(qkv), this->p(out), this->p(log_sum));
    const at::Tensor reference = this->leaf(qkv);
    std::vector<at::Tensor> log_sums;
    const at::Tensor expected = plain_attention(reference, c.offsets, c.H, c.G, c.D, &log_sums);
    this->expect_close(out, expected, "out");
    this->expect_close(log_sum, at::cat(log_sums, 1), "log_sum");

    const at::Tensor d_out = this->random({tokens, c.H * c.D}, "d_out");
    expected.backward(d_out.to(at::kDouble));
    const at::Tensor d_qkv =
        at::full({tokens, width}, std::numeric_limits<double>::quiet_NaN(), this->type);  // overwritten
    kernels::attention_backward<T>(shape, this->p(qkv), this->p(out), this->p(log_sum), this->p(d_out), this->p(d_qkv));
    this->expect_close(d_qkv, reference.grad(), "d_qkv");
  }
}

TYPED_TEST(Kernels, AttentionToOneTokenAndWithLargeScores) {
  using T = TypeParam;
  const std::vector<std::int32_t> offsets = {0, 3};
  const at::Tensor qkv = this->random({3, 12}, "qkv", 60);  // scores of thousands: the softmax is one-hot, not nan
  const at::Tensor out = at::empty({3, 4}, this->type), log_sum = at::empty({1, 3}, this->type);
  kernels::attention<T>({offsets, 1, 1, 4}, this->p(qkv), this->p(out), this->p(log_sum));
  EXPECT_TRUE(out.isfinite().all().template item<bool>());
  EXPECT_TRUE(out[0].equal(qkv[0].narrow(0, 8, 4)));  // the first token sees itself alone
}

TYPED_TEST(Kernels, Swiglu) {
  using T = TypeParam;
  constexpr std::int64_t F = 11;
  const at::Tensor x = this->random({N, 2 * F}, "x", 3), d_out = this->random({N, F}, "d_out");
  const at::Tensor out = at::empty({N, F}, this->type), d_x = at::empty({N, 2 * F}, this->type);
  kernels::swiglu<T>(this->p(x), this->p(out), N, F);
  const at::Tensor rx = this->leaf(x);
  const at::Tensor expected = at::silu(rx.narrow(1, 0, F)) * rx.narrow(1, F, F);
  this->expect_close(out, expected, "out");
  expected.backward(d_out.to(at::kDouble));
  kernels::swiglu_backward<T>(this->p(d_out), this->p(x), this->p(d_x), N, F);
  this->expect_close(d_x, rx.grad(), "d_gate_up");
}

TYPED_TEST(Kernels, Gelu) {
  using T = TypeParam;
  const at::Tensor x = this->random({N * d}, "x", 3), d_out = this->random({N * d}, "d_out");
  const at::Tensor out = at::empty_like(x), d_x = at::empty_like(x);
  kernels::gelu<T>(this->p(x), this->p(out), N * d);
  const at::Tensor rx = this->leaf(x);
  const at::Tensor expected = at::gelu(rx, "tanh");
  this->expect_close(out, expected, "out");
  expected.backward(d_out.to(at::kDouble));
  kernels::gelu_backward<T>(this->p(d_out), this->p(x), this->p(d_x), N * d);
  this->expect_close(d_x, rx.grad(), "d_x");
}

TYPED_TEST(Kernels, GeluByTheErrorFunction) {
  using T = TypeParam;
  const at::Tensor x = this->random({N * d}, "x", 3), d_out = this->random({N * d}, "d_out");
  const at::Tensor out = at::empty_like(x), d_x = at::empty_like(x);
  kernels::gelu_erf<T>(this->p(x), this->p(out), N * d);
  const at::Tensor rx = this->leaf(x);
  const at::Tensor expected = at::gelu(rx, "none");
  this->expect_close(out, expected, "out");
  expected.backward(d_out.to(at::kDouble));
  kernels::gelu_erf_backward<T>(this->p(d_out), this->p(x), this->p(d_x), N * d);
  this->expect_close(d_x, rx.grad(), "d_x");
}

TYPED_TEST(Kernels, ActivationsFarOut) {
  using T = TypeParam;
  const at::Tensor x = at::tensor(std::vector<double>{-1000, -100, -88, 88, 100, 1000}).to(this->type),
                   out = at::empty_like(x);
  kernels::gelu<T>(this->p(x), this->p(out), 6);
  this->expect_close(out, at::relu(x), "gelu");
  const at::Tensor gate_up = at::stack({x, at::ones_like(x)}, 1).contiguous();
  kernels::swiglu<T>(this->p(gate_up), this->p(out), 6, 1);
  this->expect_close(out, at::relu(x), "swiglu");
}

TYPED_TEST(Kernels, CrossEntropy) {
  using T = TypeParam;
  constexpr std::int64_t P = 6, V = 19;
  const at::Tensor logits = this->random({P, V}, "logits", 4), weights = this->random({P}, "weights").abs();
  const at::Tensor targets = at::tensor(std::vector<std::int64_t>{0, 18, 3, 3, 7, 11});
  logits[1].fill_(2.0);              // all equal
  logits[2][4] = logits[2][9] = 50;  // two best
  const at::Tensor losses = at::empty({P}, this->type), d_logits = at::empty({P, V}, this->type);
  std::vector<std::int64_t> best(P);
  kernels::cross_entropy<T>(this->p(logits), targets.data_ptr<std::int64_t>(), this->p(weights), this->p(losses),
                            this->p(d_logits), best.data(), P, V);
  const at::Tensor reference = this->leaf(logits);
  const at::Tensor expected = -at::log_softmax(reference, 1).gather(1, targets.unsqueeze(1)).squeeze(1);
  this->expect_close(losses, expected, "losses");
  (expected * weights.to(at::kDouble)).sum().backward();
  this->expect_close(d_logits, reference.grad(), "d_logits");
  EXPECT_EQ(best[1], 0);
  EXPECT_EQ(best[2], 4);
  for (const std::int64_t row : {0, 3, 4, 5})
    EXPECT_EQ(best[static_cast<std::size_t>(row)], logits[row].argmax().item<std::int64_t>());

  const at::Tensor only_losses = at::empty({P}, this->type);
  kernels::cross_entropy<T>(this->p(logits), targets.data_ptr<std::int64_t>(), nullptr, this->p(only_losses), nullptr,
                            nullptr, P, V);
  EXPECT_TRUE(only_losses.equal(losses));
  const at::Tensor in_place = logits.clone();
  kernels::cross_entropy<T>(this->p(in_place), targets.data_ptr<std::int64_t>(), this->p(weights), this->p(only_losses),
                            this->p(in_place), nullptr, P, V);
  EXPECT_TRUE(in_place.equal(d_logits));
}

TYPED_TEST(Kernels, CrossEntropyWithExtremeLogits) {
  using T = TypeParam;
  const at::Tensor logits = at::tensor(std::vector<double>{1e4, 0, -1e4, -1e4, -1e4, -1e4}).to(this->type).view({2, 3});
  const at::Tensor weights = at::ones({2}, this->type), losses = at::empty({2}, this->type),
                   d_logits = at::empty({2, 3}, this->type);
  const std::vector<std::int64_t> targets = {2, 1};
  kernels::cross_entropy<T>(this->p(logits), targets.data(), this->p(weights), this->p(losses), this->p(d_logits),
                            nullptr, 2, 3);
  EXPECT_NEAR(losses[0].template item<double>(), 2e4, 1e-2);
  EXPECT_NEAR(losses[1].template item<double>(), std::log(3.0), 1e-3);
  EXPECT_NEAR(d_logits[0][0].template item<double>(), 1, 1e-6);
  EXPECT_NEAR(d_logits[0][2].template item<double>(), -1, 1e-6);

  const at::Tensor nan = at::full({2, 3}, std::numeric_limits<double>::quiet_NaN(), this->type);
  std::vector<std::int64_t> best(2, -1);
  kernels::cross_entropy<T>(this->p(nan), targets.data(), this->p(weights), this->p(losses), nullptr, best.data(), 2,
                            3);
  EXPECT_TRUE(losses.isnan().all().template item<bool>());
  for (const std::int64_t index : best) EXPECT_TRUE(0 <= index && index < 3) << index;
}

TYPED_TEST(Kernels, Distillation) {
  using T = TypeParam;
  constexpr std::int64_t P = 5, V = 23;
  const at::Tensor student = this->random({P, V}, "student", 2), teacher = this->random({P, V}, "teacher", 2);
  const at::Tensor weights = this->random({P}, "weights").abs();
  teacher[3].copy_(student[3]);
  for (const double tau : {0.5, 1.0, 3.0}) {
    for (const bool reverse : {false, true}) {
      const at::Tensor losses = at::empty({P}, this->type), d_student = at::empty({P, V}, this->type);
      kernels::distillation<T>(this->p(student), this->p(teacher), this->p(weights), this->p(losses),
                               this->p(d_student), P, V, tau, reverse);
      const at::Tensor s = this->leaf(student);
      const at::Tensor log_q = at::log_softmax(s / tau, 1), log_p = at::log_softmax(teacher.to(at::kDouble) / tau, 1);
      const at::Tensor kl = reverse ? (log_q.exp() * (log_q - log_p)).sum(1) : (log_p.exp() * (log_p - log_q)).sum(1);
      this->expect_close(losses, tau * tau * kl, "losses");
      (tau * tau * kl * weights.to(at::kDouble)).sum().backward();
      this->expect_close(d_student, s.grad(), "d_student");
      EXPECT_EQ(losses[3].template item<double>(), 0.0);
      EXPECT_EQ(d_student[3].abs().max().template item<double>(), 0.0);
    }
  }
}

TYPED_TEST(Kernels, Bias) {
  using T = TypeParam;
  const at::Tensor x = this->random({N, d}, "x"), bias = this->random({d}, "bias"),
                   d_bias = this->random({d}, "before");
  const at::Tensor sum = x.clone();
  kernels::add_bias<T>(this->p(sum), this->p(bias), N, d);
  EXPECT_TRUE(sum.equal(x + bias));
  const at::Tensor expected = d_bias.to(at::kDouble) + x.to(at::kDouble).sum(0);
  kernels::bias_backward<T>(this->p(x), this->p(d_bias), N, d);
  this->expect_close(d_bias, expected, "d_bias");
}

}  // namespace
}  // namespace stet
