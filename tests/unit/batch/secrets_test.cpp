#include <stet/batch/secrets.hpp>

#include <gtest/gtest.h>

#include <cstdlib>

namespace stet::batch {
namespace {

TEST(Secrets, AreKnownByTheirNames) {
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN",
                           "OPENAI_API_KEY", "WANDB_API_KEY", "DB_PASSWORD", "PGPASSWORD", "MYSQL_PWD", "CLIENT_SECRET",
                           "hf_token", "GOOGLE_APPLICATION_CREDENTIALS", "SECRET", "GITHUB_TOKEN"})
    EXPECT_TRUE(is_secret(name)) << name;
  for (const char* name :
       {"PATH", "PWD", "OLDPWD", "HOME", "TOKENIZERS_PARALLELISM", "KEYBOARD", "LD_LIBRARY_PATH", "SLURM_JOB_TOKEN",
        "AWS_CA_BUNDLE", "AWS_REGION", "STET_DATA", "SSH_ASKPASS", "OMP_NUM_THREADS", "MONKEY", ""})
    EXPECT_FALSE(is_secret(name)) << name;
}

TEST(Secrets, OfTheEnvironment) {
  ::setenv("STETTEST_TOKEN", "x", 1);
  const std::vector<std::string> names = secrets_in_environment();
  EXPECT_NE(std::find(names.begin(), names.end(), "STETTEST_TOKEN"), names.end());
  EXPECT_EQ(std::find(names.begin(), names.end(), "PATH"), names.end());
  ::unsetenv("STETTEST_TOKEN");
}

}  // namespace
}  // namespace stet::batch
