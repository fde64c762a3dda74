// [base]: a model that others trained, as what an experiment starts from in place of one that it pre-trains.
#pragma once

#include <stet/config/identity_schema.hpp>
#include <stet/model/low_rank_change.hpp>
#include <stet/model/model_config.hpp>
#include <stet/text/tokenizer.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace stet {

enum class BaseWeights {
  float32,   ///< as they are, in float32
  bfloat16,  ///< rounded to bfloat16 once (to the nearest, ties to even), as a file of that type would hold them
};

struct BaseConfig {
  std::string folder;                ///< empty: the experiment pre-trains its base
  std::vector<std::string> folders;  ///< several models, in turn for the seeds; `folder` is the one of a run
  std::string adapter;               ///< folder of a LoRA adapter (PEFT's form) that is merged into it; empty: none
  BaseWeights weights = BaseWeights::float32;
  std::string content;          ///< hash of shape, tokenizer and weights, as the plan found them (InputContent)
  std::string adapter_content;  ///< the same of the adapter's files

  [[nodiscard]] bool given() const noexcept { return !folder.empty() || !folders.empty() || !adapter.empty(); }
};

[[nodiscard]] config::IdentitySchema<BaseConfig> base_schema();

/// Where folder, folders and adapter of the table [base], as they were written, lead: below the folder of the file that
/// says it (with --set: below the present folder), else below the environment variable STET_MODELS. Throws Error
/// (config), placed there, if neither is a folder.
void find_base_folders(const config::Value& table, BaseConfig& base);

/// What a plan needs to know of a model's folder.
struct BaseFolder {
  ModelConfig shape;    ///< complete
  std::string content;  ///< hash of shape, tokenizer and the bytes of the weights' files
};

/// Reads the folder: Hugging Face's layout (config.json) or one that stet wrote (base.toml or model.toml), with its
/// tokenizer.json. Throws Error (data) for any other, without a tokenizer, or with one that has more tokens than the
/// model. Reads all weights, to hash them.
[[nodiscard]] BaseFolder read_base_folder(const std::filesystem::path& folder);

/// Hash of an adapter's files.
[[nodiscard]] std::string adapter_content(const std::filesystem::path& adapter);

/// The adapter's changes of the model in `folder`, kFloat. Throws Error (data) if it is none of a model of this shape.
[[nodiscard]] std::vector<LowRankChange> read_base_adapter(const std::filesystem::path& adapter,
                                                           const std::filesystem::path& folder,
                                                           const ModelConfig& shape);

/// The folder's tokenizer.
[[nodiscard]] Tokenizer base_tokenizer(const std::filesystem::path& folder);

}  // namespace stet
