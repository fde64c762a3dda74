// AdamW against the formulas of Loshchilov & Hutter (2019, algorithm 2), written down once more and in double.
#include <stet/base/philox.hpp>
#include <stet/train/adamw.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace stet {
namespace {

constexpr std::size_t elements = 103;

std::vector<double> normal(std::uint64_t index) {
  Random random(9, "optimizer", index);
  std::vector<double> values(elements);
  for (double& value : values) value = random.normal();
  return values;
}

struct Reference {
  std::vector<double> w, m = std::vector<double>(elements), v = std::vector<double>(elements);

  void step(const std::vector<double>& g, const AdamWStep& o, double scale) {
    for (std::size_t i = 0; i < elements; ++i) {
      const double gradient = g[i] * scale;
      m[i] = o.beta1 * m[i] + (1 - o.beta1) * gradient;
      v[i] = o.beta2 * v[i] + (1 - o.beta2) * gradient * gradient;
      const double m_hat = m[i] / (1 - std::pow(o.beta1, static_cast<double>(o.step)));
      const double v_hat = v[i] / (1 - std::pow(o.beta2, static_cast<double>(o.step)));
      w[i] -= o.rate * (m_hat / (std::sqrt(v_hat) + o.epsilon) + o.weight_decay * w[i]);
    }
  }
};

template <class T>
std::vector<T> as(const std::vector<double>& values) {
  return std::vector<T>(values.begin(), values.end());
}

template <class T>
void expect_reference(double tolerance) {
  Reference reference{normal(0)};
  std::vector<T> w = as<T>(reference.w), m(elements), v(elements);
  for (std::int64_t step = 1; step <= 25; ++step) {
    const AdamWStep options{0.01 / static_cast<double>(step), 0.9, 0.95, 1e-6, 0.3, step};
    const std::vector<double> g = normal(static_cast<std::uint64_t>(step));
    reference.step(g, options, 0.7);
    adamw_update<T>(options, w.data(), as<T>(g).data(), m.data(), v.data(), nullptr, elements, 0.7);
  }
  for (std::size_t i = 0; i < elements; ++i) {
    EXPECT_NEAR(w[i], reference.w[i], tolerance) << i;
    EXPECT_NEAR(m[i], reference.m[i], tolerance) << i;
    EXPECT_NEAR(v[i], reference.v[i], tolerance) << i;
  }
}

TEST(AdamW, AgreesWithAnIndependentLoop) {
  expect_reference<double>(1e-13);
  expect_reference<float>(2e-6);
}

TEST(AdamW, FirstStepIsTheRate) {  // m_hat / sqrt(v_hat) = sign(g), whatever the gradient's size
  std::vector<double> w(2), m(2), v(2);
  const std::vector<double> g = {1e-3, -1e3};
  adamw_update<double>({0.5, 0.9, 0.999, 1e-15, 0, 1}, w.data(), g.data(), m.data(), v.data(), nullptr, 2, 1);
  EXPECT_NEAR(w[0], -0.5, 1e-10);
  EXPECT_NEAR(w[1], 0.5, 1e-10);
}

TEST(AdamW, NoGradientNoStep) {
  std::vector<float> w = {1.5F}, g(1), m(1), v(1);
  adamw_update<float>({0.1, 0.9, 0.95, 1e-8, 0, 1}, w.data(), g.data(), m.data(), v.data(), nullptr, 1, 1);
  EXPECT_EQ(w[0], 1.5F);
  adamw_update<float>({0.1, 0.9, 0.95, 1e-8, 0.5, 2}, w.data(), g.data(), m.data(), v.data(), nullptr, 1, 1);
  EXPECT_FLOAT_EQ(w[0], 1.5F * 0.95F);  // decay alone
}

TEST(AdamW, MaskedElementsStayAsTheyAre) {
  const std::vector<double> start = normal(0), g = normal(1), moments = normal(2);
  std::vector<double> squares = normal(3);
  for (double& square : squares) square *= square;
  std::vector<std::uint8_t> mask(elements);
  for (std::size_t i = 0; i < elements; ++i) mask[i] = i % 3 == 0;
  std::vector<double> w = start, m = moments, v = squares, all_w = start, all_m = moments, all_v = squares;
  const AdamWStep options{0.1, 0.9, 0.95, 1e-8, 0.2, 4};
  adamw_update<double>(options, w.data(), g.data(), m.data(), v.data(), mask.data(), elements, 0.5);
  adamw_update<double>(options, all_w.data(), g.data(), all_m.data(), all_v.data(), nullptr, elements, 0.5);
  for (std::size_t i = 0; i < elements; ++i) {
    if (mask[i] != 0) {
      EXPECT_NEAR(w[i], all_w[i], 1e-15);
      EXPECT_NE(w[i], start[i]);
    } else {
      EXPECT_EQ(w[i], start[i]);
      EXPECT_EQ(m[i], moments[i]);
      EXPECT_EQ(v[i], squares[i]);
    }
  }
}

TEST(Spans, SumOfSquaresAndAddition) {
  const std::vector<double> a = normal(0), b = normal(1);
  long double sum = 0;
  for (const double x : a) sum += static_cast<long double>(x) * x;
  EXPECT_NEAR(sum_of_squares(a.data(), elements), static_cast<double>(sum), 1e-11);
  EXPECT_EQ(sum_of_squares(a.data(), 0), 0.0);
  const std::vector<float> large(16, 3e30F);  // squares overflow float, not double
  EXPECT_NEAR(sum_of_squares(large.data(), 16) / 1.44e62, 1, 1e-6);
  std::vector<double> c = a;
  add_into(c.data(), b.data(), elements);
  for (std::size_t i = 0; i < elements; ++i) EXPECT_EQ(c[i], a[i] + b[i]);
}

}  // namespace
}  // namespace stet
