#include <stet/hugging_face/own_adapter.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/hugging_face/foreign_weights.hpp>
#include <stet/model/own_model.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <cmath>
#include <map>
#include <utility>

namespace stet {

namespace {
constexpr const char *own_a = ".lora_A", *own_b = ".lora_B", *own_scale = ".scale";
}

void write_adapter_record(const std::filesystem::path& folder, const AdapterRecord& record) {
  const ParameterTable table(record.config);
  std::vector<at::Tensor> kept;
  std::vector<TensorView> views;
  const auto add = [&](const std::string& name, const at::Tensor& tensor) {
    kept.push_back(tensor.contiguous());
    views.push_back(view_of_tensor(name, kept.back()));
  };
  for (const LowRankChange& change : record.changes) {
    const std::string& name = table[change.parameter].name;
    add(name + own_a, change.a);
    add(name + own_b, change.b);
    add(name + own_scale, at::full({1}, change.scale, at::kDouble));
  }
  std::map<std::string, std::string> metadata = {{"model", model_shape_text(record.config)}};
  if (record.source)
    metadata.insert({{"source_folder", record.source->folder}, {"source_content", record.source->content}});
  write_tensor_file(folder / own_adapter_file, views, metadata);
}

AdapterRecord read_adapter_record(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / own_adapter_file;
  if (!std::filesystem::exists(path)) {
    throw Error(ErrorKind::data, "the folder holds no low-rank changes")
        .at(folder.string())
        .expected(std::string("a finished run that trained by LoRA alone, which keeps ") + own_adapter_file)
        .hint("manifest.txt says what trained; without --adapter the whole model is exported");
  }
  const TensorFile file = TensorFile::open(stays_within(folder, path));
  const auto text = [&](const char* key) -> std::optional<std::string> {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::nullopt : std::optional(found->second);
  };
  AdapterRecord record;
  try {
    record.config = read_model_shape(text("model").value_or(""), path.string());
  } catch (const Error& error) {  // not what a user wrote
    throw Error(ErrorKind::data, "the model's shape cannot be read").at(path.string()).received(error.what());
  }
  if (const std::optional<std::string> source = text("source_folder"))
    record.source = ModelSource{*source, text("source_content").value_or("")};
  const ParameterTable table(record.config);
  std::size_t known = 0;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (file.find(table[i].name + own_a) == nullptr) continue;
    const auto factor = [&](const char* suffix) {
      const TensorInfo& info = file.require(table[i].name + suffix);
      ++known;
      return read_tensor(file, info).to(info.dtype == DType::f64 ? at::kDouble : at::kFloat);
    };
    const at::Tensor scale = factor(own_scale);
    LowRankChange change{i, scale.numel() == 1 ? scale.item<double>() : NAN, factor(own_a), factor(own_b)};
    const bool numbers = std::isfinite(change.scale) && at::isfinite(change.a).all().item<bool>() &&
                         at::isfinite(change.b).all().item<bool>();
    const std::vector<std::int64_t>& shape = table[i].shape;
    if (shape.size() != 2 || change.a.dim() != 2 || change.b.dim() != 2 || change.a.size(1) != shape[1] ||
        change.b.size(0) != shape[0] || change.a.size(0) != change.b.size(1) || change.a.size(0) < 1 || !numbers)
      throw Error(ErrorKind::data, "the factors do not fit the model").at(path.string() + ", " + table[i].name);
    record.changes.push_back(std::move(change));
  }
  if (record.changes.empty() || known != file.tensors().size())
    throw Error(ErrorKind::data, "the file holds other things than changes of this model").at(path.string());
  return record;
}

}  // namespace stet
