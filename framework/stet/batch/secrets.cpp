#include <stet/batch/secrets.hpp>

#include <stet/base/strings.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace stet::batch {

bool is_secret(std::string_view given) {
  std::string name(given);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::toupper(c); });
  for (const char* ours : {"STET_", "SLURM_", "SBATCH_", "OMPI_", "PMIX_", "PMI_"}) {
    if (name.starts_with(ours)) return false;
  }
  if (name.ends_with("_PWD") || name.find("PASSWORD") != std::string::npos) return true;
  static constexpr std::array<std::string_view, 11> words = {
      "TOKEN", "TOKENS", "KEY", "KEYS", "APIKEY", "SECRET", "SECRETS", "PASS", "PASSWD", "PASSPHRASE", "CREDENTIALS"};
  const std::vector<std::string> parts = split(name, '_');
  return std::any_of(parts.begin(), parts.end(), [](const std::string& part) {
    return std::find(words.begin(), words.end(), part) != words.end();
  });
}

std::vector<std::string> secrets_in_environment() {
  std::vector<std::string> names;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    if (is_secret(name)) names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace stet::batch
