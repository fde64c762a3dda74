#include <stet/run/record/adapter_file.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/hugging_face/foreign_weights.hpp>
#include <stet/model/own_model.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <map>
#include <utility>

namespace stet {

namespace {
constexpr const char *a_suffix = ".lora_A", *b_suffix = ".lora_B", *scale_suffix = ".scale";
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
    add(name + a_suffix, change.a);
    add(name + b_suffix, change.b);
    add(name + scale_suffix, at::full({1}, change.scale, at::kDouble));
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
  record.config = read_model_shape(text("model").value_or(""), path.string());
  if (const std::optional<std::string> source = text("source_folder"))
    record.source = ModelSource{*source, text("source_content").value_or("")};
  const ParameterTable table(record.config);
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (file.find(table[i].name + a_suffix) == nullptr) continue;
    const auto factor = [&](const char* suffix) {
      const TensorInfo& info = file.require(table[i].name + suffix);
      return read_tensor(file, info).to(info.dtype == DType::f64 ? at::kDouble : at::kFloat);
    };
    LowRankChange change{i, factor(scale_suffix).item<double>(), factor(a_suffix), factor(b_suffix)};
    const std::vector<std::int64_t>& shape = table[i].shape;
    if (shape.size() != 2 || change.a.dim() != 2 || change.b.dim() != 2 || change.a.size(1) != shape[1] ||
        change.b.size(0) != shape[0] || change.a.size(0) != change.b.size(1))
      throw Error(ErrorKind::data, "the factors do not fit the model").at(path.string() + ", " + table[i].name);
    record.changes.push_back(std::move(change));
  }
  if (record.changes.empty()) throw Error(ErrorKind::data, "the file holds no change of this model").at(path.string());
  return record;
}

}  // namespace stet
