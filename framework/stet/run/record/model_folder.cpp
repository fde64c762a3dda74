#include <stet/run/record/model_folder.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/files.hpp>
#include <stet/checkpoint/checkpoint_store.hpp>
#include <stet/config/document.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <algorithm>

namespace stet {

namespace {

namespace fs = std::filesystem;

constexpr const char *tokenizer_file = own_model_files[1], *shape_file = own_model_files[2];

void open_own(const fs::path& folder, at::ScalarType type, ModelFolder& result) {
  const TensorFile file = TensorFile::open(folder / single_weights_file);
  result.config = read_own_shape(folder);
  const ParameterTable table(result.config);
  for (const ParameterInfo& info : table.entries()) {
    const TensorInfo& tensor = file.require(info.name);
    if (!std::equal(tensor.shape.begin(), tensor.shape.end(), info.shape.begin(), info.shape.end(),
                    [](std::uint64_t a, std::int64_t b) { return a == static_cast<std::uint64_t>(b); })) {
      throw Error(ErrorKind::data, "tensor '" + info.name + "' has another shape than [model] says")
          .at(file.path().string());
    }
  }
  if (file.tensors().size() != table.size()) {
    throw Error(ErrorKind::data, "the file holds tensors that the model does not have").at(file.path().string());
  }
  result.weights = at::empty({table.total()}, type);
  for (std::size_t i = 0; i < table.size(); ++i)
    table.view(result.weights, i).copy_(read_tensor(file, file.require(table[i].name)));
}

/// [source] of a model.toml.
std::optional<ModelSource> read_source(const fs::path& folder) {
  if (!fs::exists(folder / shape_file)) return std::nullopt;
  const config::Value document = config::load(folder / shape_file);
  const config::Value* const source = document.find("source");
  if (source == nullptr) return std::nullopt;
  const config::Value *const from = source->find("folder"), *const content = source->find("content");
  if (from == nullptr || content == nullptr)
    throw Error(ErrorKind::data, "[source] lacks folder or content").at((folder / shape_file).string());
  return ModelSource{from->as_string(), content->as_string()};
}

void open_checkpoint(const fs::path& folder, at::ScalarType type, ModelFolder& result) {
  const Checkpoint checkpoint = read_checkpoint(folder);
  const auto shape = checkpoint.metadata.find("model");
  const auto weights = checkpoint.tensors.find("weights");
  if (shape == checkpoint.metadata.end() || weights == checkpoint.tensors.end()) {
    throw Error(ErrorKind::checkpoint, "the checkpoint does not say its model's shape")
        .at(folder.string())
        .hint("it was written by an older version");
  }
  result.config = read_model_shape(shape->second, folder.string());
  if (weights->second.dim() != 1 || weights->second.numel() != ParameterTable(result.config).total()) {
    throw Error(ErrorKind::checkpoint, "the checkpoint's weights are not of the shape that it says")
        .at(folder.string());
  }
  result.weights = weights->second.to(type);
}

}  // namespace

void save_own_weights(const fs::path& folder, const ParameterTable& table, const at::Tensor& weights) {
  std::vector<TensorView> views;
  for (const ParameterInfo& info : table.entries()) {
    const std::span<const float> values(weights.data_ptr<float>() + info.offset, static_cast<std::size_t>(info.count));
    views.push_back(
        view_of<float>(info.name, values, std::vector<std::uint64_t>(info.shape.begin(), info.shape.end())));
  }
  write_tensor_file(folder / single_weights_file, views, {{"format", "pt"}});
}

void save_model_folder(const fs::path& folder, const Transformer& model, const at::Tensor& weights,
                       const Tokenizer& tokenizer, const std::optional<ModelSource>& source) {
  save_own_weights(folder, model.table(), weights);
  tokenizer.save(folder / tokenizer_file);
  config::Value document = config::Value::table();
  document.set("model", ModelConfig::schema().resolve(model.config()));
  if (source) {
    config::Value from = config::Value::table();
    from.set("folder", source->folder);
    from.set("content", source->content);
    document.set("source", from);
  }
  write_file_atomically(folder / shape_file, config::to_toml(document));
}

ModelFolder open_model_folder(const fs::path& folder, at::ScalarType type) {
  ModelFolder result;
  for (const char* name : {"config.json", "generation_config.json", single_weights_file, weights_index_file,
                           tokenizer_file, "tokenizer_config.json", "special_tokens_map.json", shape_file, "base.toml"})
    static_cast<void>(stays_within(folder, folder / name));
  if (fs::exists(folder / "config.json")) {
    result.foreign = read_foreign_config(folder);
    result.config = result.foreign->config;
    result.weights = load_foreign_weights(folder, *result.foreign, ParameterTable(result.config), type);
  } else if (own_shape_file(folder)) {
    open_own(folder, type, result);
    result.source = read_source(folder);
  } else if (fs::exists(folder / "manifest.json")) {
    open_checkpoint(folder, type, result);
  } else {
    throw Error(ErrorKind::data, "the folder holds no model")
        .at(folder.string())
        .expected(
            "config.json (Hugging Face), base.toml or model.toml with model.safetensors (stet), or manifest.json (a "
            "step-N checkpoint)")
        .hint(fs::exists(folder / "run.toml") ? "a run keeps its model with `--set checkpoint.keep_weights=true`" : "");
  }
  if (fs::exists(folder / tokenizer_file)) result.tokenizer = folder / tokenizer_file;
  return result;
}

}  // namespace stet
