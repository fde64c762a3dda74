// Rotary positions: stretched frequencies and growing tables.
#include <stet/hugging_face/hugging_face.hpp>
#include <stet/model/kernels/rope_tables.hpp>

#include <fixtures_folder.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace stet {
namespace {

TEST(Rope, FrequenciesAreStretchedAsLlama3Says) {
  ModelConfig c = read_foreign_config(fixtures_folder() / "models/llama3-tiny").config;
  c.head_width = 64;
  const std::vector<double> scaled = rope_frequencies(c);
  c.rope_scaling.factor = 1;
  const std::vector<double> plain = rope_frequencies(c);
  int kept = 0, stretched = 0, between = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const double wavelength = 2 * std::numbers::pi / plain[i];
    if (wavelength < 64.0 / 4) {
      EXPECT_DOUBLE_EQ(scaled[i], plain[i]);
      ++kept;
    } else if (wavelength > 64.0 / 1) {
      EXPECT_DOUBLE_EQ(scaled[i], plain[i] / 8);
      ++stretched;
    } else {
      const double smooth = (64 / wavelength - 1) / (4 - 1);
      EXPECT_NEAR(scaled[i], (1 - smooth) * plain[i] / 8 + smooth * plain[i], 1e-15);
      ++between;
    }
  }
  EXPECT_GT(kept, 2);
  EXPECT_GT(between, 1);
  EXPECT_GT(stretched, 2);
  const RopeTables tables(c);
  const RopeTables::Tables few = tables.get(3, at::kDouble);
  EXPECT_EQ(few.cosine.size(0), c.context);  // 256: below the first size of a table
  EXPECT_DOUBLE_EQ(few.sine[2][1].item<double>(), std::sin(2 * plain[1]));
}

TEST(Rope, TablesGrowAndOldOnesStay) {
  ModelConfig c;
  c.vocabulary = 10;
  c.context = 5000;
  c.complete();
  const RopeTables tables(c);
  const RopeTables::Tables few = tables.get(10, at::kFloat);
  EXPECT_LT(few.cosine.size(0), 5000);
  const float before = few.cosine[9][3].item<float>();
  const RopeTables::Tables all = tables.get(5000, at::kFloat);
  EXPECT_EQ(all.cosine.size(0), 5000);
  EXPECT_EQ(all.cosine[9][3].item<float>(), before);
  EXPECT_EQ(few.cosine[9][3].item<float>(), before);
}

}  // namespace
}  // namespace stet
