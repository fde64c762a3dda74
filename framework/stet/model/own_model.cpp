#include <stet/model/own_model.hpp>

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/config/document.hpp>
#include <stet/tensorfile/tensor_file.hpp>

namespace stet {

namespace fs = std::filesystem;

std::optional<fs::path> own_shape_file(const fs::path& folder) {
  if (!fs::exists(folder / single_weights_file)) return std::nullopt;
  for (const char* name : {"base.toml", "model.toml"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  return std::nullopt;
}

ModelConfig read_own_shape(const fs::path& folder) {
  const std::optional<fs::path> toml = own_shape_file(folder);
  if (!toml) throw Error(ErrorKind::data, "the folder holds no model of stet's").at(folder.string());
  const TensorFile file = TensorFile::open(folder / single_weights_file);
  const TensorInfo& embedding = file.require("model.embed_tokens.weight");
  if (embedding.shape.size() != 2)
    throw Error(ErrorKind::data, "the embedding is not a matrix").at(file.path().string());
  const config::Value document = config::parse(read_file(*toml), toml->string());
  const config::Value* const table = document.find("model");
  if (table == nullptr) throw Error(ErrorKind::data, "the file has no [model]").at(toml->string());
  ModelConfig shape = ModelConfig::schema().read(*table);
  shape.vocabulary = static_cast<std::int64_t>(embedding.shape[0]);
  shape.complete();
  return shape;
}

std::string model_shape_text(const ModelConfig& shape) {
  config::Value value = ModelConfig::schema().resolve(shape);
  value.set("vocabulary", shape.vocabulary);
  return config::to_toml(value);
}

ModelConfig read_model_shape(const std::string& text, const std::string& where) {
  config::Value value = config::parse(text, where);
  const config::Value* const vocabulary = value.find("vocabulary");
  if (vocabulary == nullptr) throw Error(ErrorKind::data, "the model's shape lacks its vocabulary").at(where);
  const std::int64_t size = vocabulary->as_integer();
  value.erase("vocabulary");
  ModelConfig shape = ModelConfig::schema().read(value);
  shape.vocabulary = size;
  shape.complete();
  return shape;
}

}  // namespace stet
