// [base]: a model that others trained, as what an experiment starts from in place of one that it pre-trains.
#pragma once

#include <stet/config/identity_schema.hpp>
#include <stet/model/model_config.hpp>
#include <stet/text/tokenizer.hpp>

#include <filesystem>
#include <string>

namespace stet {

enum class BaseWeights {
  float32,   ///< as they are, in float32
  bfloat16,  ///< rounded to bfloat16 once (to the nearest, ties to even), as a file of that type would hold them
};

struct BaseConfig {
  std::string folder;  ///< empty: the experiment pre-trains its base
  BaseWeights weights = BaseWeights::float32;
  std::string content;  ///< hash of shape, tokenizer and weights, as the plan found them (InputContent)

  [[nodiscard]] bool given() const noexcept { return !folder.empty(); }
};

[[nodiscard]] config::IdentitySchema<BaseConfig> base_schema();

/// Where `named` ([base] folder, as it was written) leads: below the folder of the file that says it (with --set: below
/// the present folder), else below the environment variable STET_MODELS. Throws Error (config), placed there, if
/// neither is a folder.
[[nodiscard]] std::filesystem::path find_base_folder(const config::Value& named);

/// What a plan needs to know of a model's folder.
struct BaseFolder {
  ModelConfig shape;    ///< complete
  std::string content;  ///< hash of shape, tokenizer and the bytes of the weights' files
};

/// Reads the folder: Hugging Face's layout (config.json) or one that stet wrote (base.toml or model.toml), with its
/// tokenizer.json. Throws Error (data) for any other, without a tokenizer, or with one that has more tokens than the
/// model. Reads all weights, to hash them.
[[nodiscard]] BaseFolder read_base_folder(const std::filesystem::path& folder);

/// The folder's tokenizer.
[[nodiscard]] Tokenizer base_tokenizer(const std::filesystem::path& folder);

}  // namespace stet
