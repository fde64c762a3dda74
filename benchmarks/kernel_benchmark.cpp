// Each kernel of kernels_cpu.hpp, and AdamW, against the shortest composition of libtorch operators that does the same,
// at the sizes of the quickstart's steps (64 sequences of 10 tokens) and, for attention, of longer sequences. Both
// results are compared before anything is timed.
#include "measure.hpp"

#include <stet/model/kernels_cpu.hpp>
#include <stet/model/torch.hpp>
#include <stet/train/adamw.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace stet::benchmarks {
namespace {

using Work = std::function<void()>;

/// Registers a comparison. `check` runs after each side has run once: it returns the largest deviation between their
/// results.
void add(const std::string& name, const Work& ours, const Work& plain, const std::function<double()>& check) {
  ours();
  plain();
  const double deviation = check();
  if (!(deviation < 2e-4)) {
    std::fprintf(stderr, "%s: deviates from the operators by %g\n", name.c_str(), deviation);
    std::exit(1);
  }
  benchmark::RegisterBenchmark(name.c_str(), [ours, plain](benchmark::State& state) { compare(state, ours, plain); })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

float* data(const at::Tensor& tensor) { return tensor.data_ptr<float>(); }

double distance(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

at::Tensor leaf(const at::Tensor& values) { return values.detach().clone().requires_grad_(true); }

void add_norm() {
  const std::int64_t N = 640, d = 128;
  const at::Tensor x = at::randn({N, d}), w = at::randn({d}), g = at::randn({N, d}), out = at::empty({N, d}),
                   rstd = at::empty({N});
  const at::Tensor d_x = at::empty({N, d}), d_w = at::empty({d}), leaf_x = leaf(x), leaf_w = leaf(w);
  const auto composed = [](const at::Tensor& in, const at::Tensor& weight) {
    return in * at::rsqrt(in.pow(2).mean(-1, true) + 1e-6) * weight;
  };
  auto result = std::make_shared<at::Tensor>();
  add(
      "rms_norm", [=] { kernels::rms_norm(data(x), data(w), data(out), data(rstd), N, d, 1e-6); },
      [=] { *result = composed(x, w); }, [=] { return distance(out, *result); });
  // Autograd has no backward pass without a forward one: both sides do both.
  add(
      "rms_norm, forward and backward",
      [=] {
        kernels::rms_norm(data(x), data(w), data(out), data(rstd), N, d, 1e-6);
        d_x.zero_();
        d_w.zero_();
        kernels::rms_norm_backward(data(g), data(x), data(w), data(rstd), data(d_x), data(d_w), N, d);
      },
      [=] {
        leaf_x.mutable_grad() = at::Tensor();
        leaf_w.mutable_grad() = at::Tensor();
        composed(leaf_x, leaf_w).backward(g);
      },
      [=] { return distance(d_x, leaf_x.grad()) + distance(d_w, leaf_w.grad()); });
}

void add_attention(std::int64_t B, std::int64_t T, std::int64_t H, std::int64_t D) {
  const std::int64_t N = B * T, Q = 3 * H * D;
  const at::Tensor qkv = at::randn({N, Q}), out = at::empty({N, H * D}), log_sum = at::empty({H, N}),
                   g = at::randn({N, H * D});
  const at::Tensor d_qkv = at::empty({N, Q}), leaf_qkv = leaf(qkv), future = at::ones({T, T}, at::kBool).triu(1);
  std::vector<std::int32_t> offsets;
  for (std::int64_t b = 0; b <= B; ++b) offsets.push_back(static_cast<std::int32_t>(b * T));
  const auto composed = [=](const at::Tensor& in) {
    const std::vector<at::Tensor> parts = in.view({B, T, 3, H, D}).permute({2, 0, 3, 1, 4}).unbind(0);
    const at::Tensor scores = (parts[0].matmul(parts[1].transpose(-2, -1)) / std::sqrt(static_cast<double>(D)))
                                  .masked_fill(future, -INFINITY);
    return scores.softmax(-1).matmul(parts[2]).transpose(1, 2).reshape({N, H * D});
  };
  const std::string name = "attention " + std::to_string(B) + "x" + std::to_string(T) + " heads " + std::to_string(H) +
                           "x" + std::to_string(D);
  auto result = std::make_shared<at::Tensor>();
  const Work forward = [=] {
    kernels::attention(kernels::AttentionShape{offsets, H, H, D}, data(qkv), data(out), data(log_sum));
  };
  add(
      name, forward, [=] { *result = composed(qkv); }, [=] { return distance(out, *result); });
  add(
      name + ", forward and backward",
      [=] {
        forward();
        kernels::attention_backward(kernels::AttentionShape{offsets, H, H, D}, data(qkv), data(out), data(log_sum),
                                    data(g), data(d_qkv));
      },
      [=] {
        leaf_qkv.mutable_grad() = at::Tensor();
        composed(leaf_qkv).backward(g);
      },
      [=] { return distance(d_qkv, leaf_qkv.grad()); });
}

void add_swiglu() {
  const std::int64_t N = 640, F = 256;
  const at::Tensor x = at::randn({N, 2 * F}), g = at::randn({N, F}), out = at::empty({N, F}),
                   d_x = at::empty({N, 2 * F}), leaf_x = leaf(x);
  const auto composed = [](const at::Tensor& in) {
    const std::vector<at::Tensor> half = in.chunk(2, 1);
    return at::silu(half[0]) * half[1];
  };
  auto result = std::make_shared<at::Tensor>();
  add(
      "swiglu", [=] { kernels::swiglu(data(x), data(out), N, F); }, [=] { *result = composed(x); },
      [=] { return distance(out, *result); });
  add(
      "swiglu, forward and backward",
      [=] {
        kernels::swiglu(data(x), data(out), N, F);
        kernels::swiglu_backward(data(g), data(x), data(d_x), N, F);
      },
      [=] {
        leaf_x.mutable_grad() = at::Tensor();
        composed(leaf_x).backward(g);
      },
      [=] { return distance(d_x, leaf_x.grad()); });
}

/// Losses with their gradients: that is what a step asks of them.
void add_losses() {
  const std::int64_t P = 576, V = 704;
  const at::Tensor logits = at::randn({P, V}), teacher = at::randn({P, V}), targets = at::randint(V, {P}, at::kLong);
  const at::Tensor weights = at::full({P}, 1.0 / static_cast<double>(P)), losses = at::empty({P}),
                   d_logits = at::empty({P, V});
  const at::Tensor leaf_logits = leaf(logits), teacher_losses = at::empty({P}), d_student = at::empty({P, V}),
                   leaf_student = leaf(logits);
  add(
      "cross_entropy, loss and gradient",
      [=] {
        kernels::cross_entropy<float>(data(logits), targets.data_ptr<std::int64_t>(), data(weights), data(losses),
                                      data(d_logits), nullptr, P, V);
      },
      [=] {
        leaf_logits.mutable_grad() = at::Tensor();
        at::cross_entropy_loss(leaf_logits, targets).backward();
      },
      [=] { return distance(d_logits, leaf_logits.grad()); });
  const double tau = 2;
  for (const bool reverse : {false, true}) {
    add(
        std::string("distillation") + (reverse ? ", reverse" : "") + ", loss and gradient",
        [=] {
          kernels::distillation<float>(data(logits), data(teacher), data(weights), data(teacher_losses),
                                       data(d_student), P, V, tau, reverse);
        },
        [=] {
          leaf_student.mutable_grad() = at::Tensor();
          const at::Tensor s = (leaf_student / tau).log_softmax(-1), t = (teacher / tau).log_softmax(-1);
          const at::Tensor divergence = reverse ? (s.exp() * (s - t)).sum(-1) : (t.exp() * (t - s)).sum(-1);
          (divergence * weights * (tau * tau)).sum().backward();
        },
        [=] { return distance(d_student, leaf_student.grad()); });
  }
}

/// The quickstart's 0.6 million elements, and ten million, as one flat buffer for both sides.
void add_adamw(std::int64_t count) {
  const at::Tensor g = at::randn({count}) * 0.01, start = at::randn({count});
  const at::Tensor a = start.clone(), a1 = at::zeros({count}), a2 = at::zeros({count});
  const at::Tensor b = start.clone(), b1 = at::zeros({count}), b2 = at::zeros({count});
  const double rate = 1e-4, decay = 0.01, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8;
  const auto our_steps = std::make_shared<std::int64_t>(0), plain_steps = std::make_shared<std::int64_t>(0);
  add(
      "adamw " + std::to_string(count),
      [=] {
        adamw_update<float>({rate, beta1, beta2, epsilon, decay, ++*our_steps}, data(a), data(g), data(a1), data(a2),
                            nullptr, count, 1.0);
      },
      [=] {
        const auto step = static_cast<double>(++*plain_steps);
        b.mul_(1 - rate * decay);
        b1.mul_(beta1).add_(g, 1 - beta1);
        b2.mul_(beta2).addcmul_(g, g, 1 - beta2);
        b.addcdiv_(b1, (b2.sqrt() / std::sqrt(1 - std::pow(beta2, step))).add_(epsilon),
                   -rate / (1 - std::pow(beta1, step)));
      },
      [=] { return distance(a, b); });
}

}  // namespace
}  // namespace stet::benchmarks

int main(int count, char** arguments) {
  using namespace stet::benchmarks;
  start_as_stet_does(arguments);
  benchmark::Initialize(&count, arguments);
  at::manual_seed(1);
  add_norm();
  add_attention(64, 10, 4, 32);
  add_attention(16, 64, 6, 64);
  add_attention(1, 1024, 6, 64);
  add_swiglu();
  add_losses();
  add_adamw(600'000);
  add_adamw(10'000'000);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
