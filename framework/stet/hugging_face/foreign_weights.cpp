#include <stet/hugging_face/foreign_weights.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/files.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/json.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <set>

namespace stet {

namespace {

/// Collects names under headings, and throws if there are any.
class NameLists {
 public:
  void add(const char* heading, std::string name) { lists_[heading].push_back(std::move(name)); }
  void throw_if_any(const std::string& message, const std::string& where) const {
    std::string text;
    for (const auto& [heading, names] : lists_)
      text += (text.empty() ? "" : "; ") + std::string(heading) + ": " + join(names, ", ");
    if (!text.empty()) throw Error(ErrorKind::data, message).at(where).received(text);
  }

 private:
  std::map<std::string, std::vector<std::string>> lists_;
};

/// weight_map of the index: tensor name to file name.
std::map<std::string, std::string> read_index(const std::filesystem::path& file) {
  std::map<std::string, std::string> map;
  const nlohmann::json json = parse_json(read_file(file), file.string(), NonFinite::as_text);
  try {
    for (const auto& [name, target] : json.at("weight_map").items()) map[name] = target.get<std::string>();
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::data, "not an index of weight files")
        .at(file.string())
        .expected("{\"weight_map\": {TENSOR: FILE}}")
        .received(error.what());
  }
  for (auto& [name, target] : map) {
    while (target.starts_with("./")) target.erase(0, 2);
    if (target.empty() || target == ".." || target == "." || target.find('/') != std::string::npos) {
      throw Error(ErrorKind::data, "the index names a file that does not lie in its folder")
          .at(file.string())
          .received(name + ": " + target);
    }
  }
  return map;
}

/// The name of the tensor that our first parameter, the embedding, is read from: a tied model may store it as its head
/// alone.
std::string stored_embedding(const ForeignFiles& files, const ForeignModel& model, const std::string& name) {
  const std::string head = foreign_head_name(model.architecture);
  const bool head_alone =
      model.config.tied_head && files.find(name).second == nullptr && files.find(head).second != nullptr;
  return head_alone ? head : name;
}

/// Shape of their form of a tensor.
std::vector<std::uint64_t> foreign_shape(const ForeignTensor& tensor, const ParameterTable& table) {
  const ParameterInfo& first = table[tensor.parts[0]];
  std::vector<std::uint64_t> shape(first.shape.begin(), first.shape.end());
  for (std::size_t p = 1; p < tensor.parts.size(); ++p)
    shape[0] += static_cast<std::uint64_t>(table[tensor.parts[p]].shape[0]);
  if (tensor.transposed) std::swap(shape[0], shape[1]);
  return shape;
}

}  // namespace

bool is_float(DType type) {
  return type == DType::f64 || type == DType::f32 || type == DType::f16 || type == DType::bf16;
}

ForeignFiles ForeignFiles::open(const std::filesystem::path& folder) {
  ForeignFiles result;
  std::map<std::string, std::string> map;
  if (std::filesystem::exists(folder / single_weights_file)) {
    result.where_ = (folder / single_weights_file).string();
    result.files_.push_back(TensorFile::open(stays_within(folder, folder / single_weights_file)));
  } else if (std::filesystem::exists(folder / weights_index_file)) {
    result.sharded_ = true;
    result.where_ = (folder / weights_index_file).string();
    map = read_index(stays_within(folder, folder / weights_index_file));
    std::set<std::string> names;
    for (const auto& [tensor, file] : map) names.insert(file);
    NameLists absent;
    for (const std::string& name : names) {
      if (!std::filesystem::exists(folder / name)) absent.add("missing files", name);
    }
    absent.throw_if_any("files of the index are not there", result.where_);
    for (const std::string& name : names)
      result.files_.push_back(TensorFile::open(contained_path(folder, name, result.where_)));
  } else {
    throw Error(ErrorKind::data, "the folder holds no weights")
        .at(folder.string())
        .expected(std::string(single_weights_file) + " or " + weights_index_file)
        .hint("checkpoints in PyTorch's pickle format are not read: convert them to safetensors");
  }
  NameLists wrong;
  for (std::size_t f = 0; f < result.files_.size(); ++f) {
    const std::string name = result.files_[f].path().filename().string();
    for (std::size_t t = 0; t < result.files_[f].tensors().size(); ++t) {
      const std::string& tensor = result.files_[f].tensors()[t].name;
      if (result.sharded_) {
        const auto entry = map.find(tensor);
        if (entry == map.end()) {
          wrong.add("not in the index", tensor + " (" + name + ")");
        } else if (entry->second != name) {
          wrong.add("in the wrong file", tensor + " (" + name + ", the index says " + entry->second + ")");
        }
      }
      result.index_[tensor] = {f, t};
    }
  }
  for (const auto& [tensor, file] : map) {
    if (!result.index_.contains(tensor)) wrong.add("in no file", tensor + " (the index says " + file + ")");
  }
  wrong.throw_if_any("the tensors are not where the index says", result.where_);
  return result;
}

std::pair<const TensorFile*, const TensorInfo*> ForeignFiles::find(const std::string& name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) return {nullptr, nullptr};
  return {&files_[found->second.first], &files_[found->second.first].tensors()[found->second.second]};
}

std::string foreign_head_name(std::string_view architecture) {
  return architecture == "gpt_neox" ? "embed_out.weight" : "lm_head.weight";
}

std::vector<ForeignTensor> checked_layout(const ForeignFiles& files, const ForeignModel& model,
                                          const ParameterTable& table) {
  std::vector<ForeignTensor> layout = foreign_layout(model, table);
  const std::string prefix = "transformer.";
  if (model.architecture == "gpt2" && files.find(prefix + "wpe.weight").second == nullptr &&
      files.find("wpe.weight").second != nullptr) {
    for (ForeignTensor& tensor : layout) {
      if (tensor.name.starts_with(prefix)) tensor.name.erase(0, prefix.size());
    }
  }
  layout[0].name = stored_embedding(files, model, layout[0].name);
  NameLists wrong;
  std::set<std::string> known;
  const auto check_shape = [&](const TensorInfo& info, const std::vector<std::uint64_t>& shape) {
    if (info.shape != shape) wrong.add("misshapen", info.name);
    if (!is_float(info.dtype)) wrong.add("not floating-point", info.name);
  };
  for (const ForeignTensor& tensor : layout) {
    known.insert(tensor.name);
    const TensorInfo* const info = files.find(tensor.name).second;
    if (info == nullptr) {
      wrong.add("missing", tensor.name);
    } else {
      check_shape(*info, foreign_shape(tensor, table));
    }
  }
  for (const TensorFile& file : files.files()) {
    for (const TensorInfo& info : file.tensors()) {
      if (known.contains(info.name) || is_known_buffer(model.architecture, info.name)) continue;
      if (model.config.tied_head && info.name == foreign_head_name(model.architecture)) {  // some writers repeat it
        check_shape(info, foreign_shape(layout[0], table));
      } else {
        wrong.add("surplus", info.name);
      }
    }
  }
  wrong.throw_if_any("the tensors are not those of config.json", files.where());
  return layout;
}

at::Tensor read_tensor(const TensorFile& file, const TensorInfo& info) {
  const std::vector<std::int64_t> shape(info.shape.begin(), info.shape.end());
  const auto source = [&info] {
    switch (info.dtype) {
      case DType::f64: return at::kDouble;
      case DType::f32: return at::kFloat;
      case DType::f16: return at::kHalf;
      case DType::bf16: return at::kBFloat16;
      case DType::i64: return at::kLong;
      case DType::i32: return at::kInt;
      case DType::i16: return at::kShort;
      case DType::i8: return at::kChar;
      case DType::u8: return at::kByte;
      case DType::boolean: return at::kBool;
      default:
        throw Error(ErrorKind::data, "unsupported dtype of tensor '" + info.name + "'")
            .received(std::string(name_of(info.dtype)));
    }
  }();
  at::Tensor raw = at::empty(shape, source);
  const std::span<const std::byte> bytes = file.bytes(info);
  if (!bytes.empty()) std::memcpy(raw.data_ptr(), bytes.data(), bytes.size());
  return raw.to(at::isFloatingType(source) ? at::kDouble : at::kLong);
}

at::Tensor load_foreign_weights(const std::filesystem::path& folder, const ForeignModel& model,
                                const ParameterTable& table, at::ScalarType type) {
  const ForeignFiles files = ForeignFiles::open(folder);
  const std::vector<ForeignTensor> layout = checked_layout(files, model, table);
  at::Tensor flat = at::empty({table.total()}, type);
  for (const ForeignTensor& tensor : layout) {
    const auto [file, info] = files.find(tensor.name);
    from_foreign(tensor, table, read_tensor(*file, *info), flat);
  }
  const std::string head = foreign_head_name(model.architecture);
  if (const auto [file, info] = files.find(head); info != nullptr && model.config.tied_head) {
    if (!read_tensor(*file, *info).to(type).equal(table.view(flat, 0))) {
      throw Error(ErrorKind::data, "'" + head + "' is not the embedding")
          .at(file->path().string())
          .expected("the same values, since tie_word_embeddings is true")
          .hint("set tie_word_embeddings to false if the head is a matrix of its own");
    }
  }
  return flat;
}

TensorView view_of_tensor(std::string name, const at::Tensor& tensor) {
  STET_ASSERT(tensor.is_contiguous());
  const DType type = tensor.scalar_type() == at::kDouble ? DType::f64 : DType::f32;
  return {{std::move(name), type, {tensor.sizes().begin(), tensor.sizes().end()}},
          {static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes()}};
}

}  // namespace stet
