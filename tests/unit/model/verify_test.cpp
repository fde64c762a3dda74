#include <stet/model/verify.hpp>

#include <fixtures_folder.hpp>

#include <gtest/gtest.h>

namespace stet {
namespace {

class Fixture : public ::testing::TestWithParam<const char*> {};

TEST_P(Fixture, AgreesInDoubleAndFloat) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const Verification result = verify_model(fixtures_folder() / "models" / GetParam(), type);
    EXPECT_GT(result.deviations.size(), 20U);
    for (const Deviation& deviation : result.deviations) {
      EXPECT_LE(deviation.relative, result.tolerance) << deviation.name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Fixture, ::testing::Values("qwen2-tiny", "qwen2-tiny-untied", "gpt2-tiny", "llama3-tiny", "pythia-tiny"));

}  // namespace
}  // namespace stet
