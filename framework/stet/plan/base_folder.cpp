#include <stet/plan/base_folder.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/hash.hpp>
#include <stet/config/document.hpp>
#include <stet/hugging_face/foreign_weights.hpp>
#include <stet/hugging_face/peft_adapter.hpp>
#include <stet/model/own_model.hpp>

#include <cstdlib>
#include <set>

namespace stet {

namespace {

namespace fs = std::filesystem;

ModelConfig shape_of(const fs::path& folder) {
  if (fs::exists(folder / "config.json")) return read_foreign_config(folder).config;
  if (own_shape_file(folder)) return read_own_shape(folder);
  throw Error(ErrorKind::data, "the folder of [base] holds no model")
      .at(folder.string())
      .expected("config.json with model.safetensors (Hugging Face), or a base or run of stet's with its model")
      .hint(fs::exists(folder / "run.toml") ? "a run keeps its model with --set checkpoint.keep_weights=true" : "");
}

}  // namespace

config::IdentitySchema<BaseConfig> base_schema() {
  using config::every_part;
  config::IdentitySchema<BaseConfig> schema("base", "a model that others trained");
  schema
      .field("folder", &BaseConfig::folder, config::no_part,
             "folder of the model, relative to this file or in STET_MODELS; empty: the base is pre-trained")
      .field("folders", &BaseConfig::folders, config::no_part,
             "several models in place of one: the seeds take them in turn, as they do base_models")
      .field("adapter", &BaseConfig::adapter, config::no_part,
             "folder of a LoRA adapter, as PEFT writes it, that is merged into the model; found as the folder is")
      .choice("weights", &BaseConfig::weights, every_part,
              {{"float32", BaseWeights::float32}, {"bfloat16", BaseWeights::bfloat16}},
              "how they are read; training is in float32")
      .derived("content", every_part,
               [](const BaseConfig& base, config::IdentityPart) {
                 return base.given() ? std::optional<config::Value>(base.content) : std::nullopt;
               })
      .derived("adapter_content", every_part, [](const BaseConfig& base, config::IdentityPart) {
        return base.adapter.empty() ? std::nullopt : std::optional<config::Value>(base.adapter_content);
      });
  return schema;
}

namespace {
fs::path find_folder(const config::Value& named, const char* key) {
  const fs::path name = named.as_string();
  const bool typed = config::is_typed(named);
  const fs::path here = config::named_path(named), file = named.source().file;
  const char* models = std::getenv("STET_MODELS");
  std::error_code ignored;
  if (fs::is_directory(here, ignored)) return fs::absolute(here).lexically_normal();
  if (models != nullptr && *models != '\0' && fs::is_directory(fs::path(models) / name, ignored))
    return fs::absolute(fs::path(models) / name).lexically_normal();
  const fs::path prepare = file.parent_path() / "prepare";
  throw error_at(named, std::string(key) + " names a folder that is not there")
      .expected(std::string("a folder, relative to ") + (typed ? "the present folder" : "the experiment's file") +
                " or to the environment variable STET_MODELS" +
                (models == nullptr ? " (not set)" : std::string(" (") + models + ")"))
      .received(here.string())
      .hint(!typed && fs::exists(prepare, ignored) ? prepare.string() + " makes it" : "");
}

}  // namespace

void find_base_folders(const config::Value& table, BaseConfig& base) {
  if (base.folder.empty() && base.folders.empty())
    throw error_at(table, "base.adapter is a change of a model that is not named").expected("base.folder beside it");
  if (!base.folder.empty() && !base.folders.empty())
    throw error_at(*table.find("folders"), "base.folders beside base.folder").expected("one of the two");
  if (!base.folder.empty()) base.folder = find_folder(*table.find("folder"), "base.folder").string();
  for (std::size_t i = 0; i < base.folders.size(); ++i)
    base.folders[i] = find_folder(table.find("folders")->items()[i], "base.folders").string();
  std::set<std::string> seen;
  for (std::size_t i = 0; i < base.folders.size(); ++i) {
    if (!seen.insert(base.folders[i]).second)
      throw error_at(table.find("folders")->items()[i], "base.folders names a folder twice").received(base.folders[i]);
  }
  if (!base.folders.empty()) base.folder = base.folders.front();
  if (!base.adapter.empty()) base.adapter = find_folder(*table.find("adapter"), "base.adapter").string();
}

std::vector<LowRankChange> read_base_adapter(const fs::path& adapter, const fs::path& folder,
                                             const ModelConfig& shape) {
  return read_peft_adapter(adapter, foreign_form(folder, shape), ParameterTable(shape), at::kFloat);
}

std::string adapter_content(const fs::path& adapter) {
  config::Value content = config::Value::table();
  for (const char* name : {adapter_config_file, adapter_weights_file})
    content.set(name, hash_file(stays_within(adapter, adapter / name)));
  return config::config_hash(content);
}

BaseFolder read_base_folder(const fs::path& folder) {
  for (const char* name : {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
                           "special_tokens_map.json", single_weights_file, weights_index_file})
    static_cast<void>(stays_within(folder, folder / name));
  BaseFolder result;
  result.shape = shape_of(folder);
  const Tokenizer tokenizer = base_tokenizer(folder);
  if (static_cast<std::int64_t>(tokenizer.vocabulary_size()) > result.shape.vocabulary) {
    throw Error(ErrorKind::data, "the folder's tokenizer has more tokens than its model")
        .at((folder / "tokenizer.json").string())
        .expected("at most " + std::to_string(result.shape.vocabulary))
        .received(std::to_string(tokenizer.vocabulary_size()));
  }
  config::Value content = config::Value::table();
  content.set("shape", ModelConfig::schema().identity(result.shape, config::IdentityPart::base));
  content.set("vocabulary", result.shape.vocabulary);
  content.set("tokenizer", tokenizer.hash());
  const ForeignFiles files = ForeignFiles::open(folder);
  for (const TensorFile& file : files.files()) content.set(file.path().filename().string(), hash_file(file.path()));
  result.content = config::config_hash(content);
  return result;
}

Tokenizer base_tokenizer(const fs::path& folder) {
  if (!fs::exists(folder / "tokenizer.json")) {
    throw Error(ErrorKind::data, "the folder of [base] has no tokenizer.json")
        .at(folder.string())
        .hint("save the tokenizer there in the form of the library `tokenizers` (a fast tokenizer of transformers)");
  }
  return Tokenizer::load(folder / "tokenizer.json");
}

}  // namespace stet
