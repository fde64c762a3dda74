#include <stet/hugging_face/peft_adapter.hpp>

#include <stet/base/file/contained_path.hpp>
#include <stet/base/files.hpp>
#include <stet/base/strings.hpp>
#include <stet/hugging_face/adapter_settings.hpp>
#include <stet/hugging_face/foreign_export.hpp>
#include <stet/hugging_face/foreign_weights.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace stet {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view prefix = "base_model.model.", a_suffix = ".lora_A.weight", b_suffix = ".lora_B.weight",
                           weight_suffix = ".weight";

/// "model.layers.0.self_attn.q_proj" of its matrix.
std::string module_of(const ForeignTensor& tensor) {
  return tensor.name.substr(0, tensor.name.size() - weight_suffix.size());
}

/// Whether PEFT adapts it as a linear layer.
bool is_linear(const ForeignTensor& tensor, const ParameterTable& table) {
  const ParameterInfo& info = table[tensor.parts[0]];
  return info.shape.size() == 2 && info.role != Role::embedding && info.role != Role::position;
}

// ---- reading ----

/// Both factors of a module; throws if they are no pair for a matrix [out, in].
std::pair<at::Tensor, at::Tensor> factors_of(const TensorFile& file, const std::string& module, std::int64_t out,
                                             std::int64_t in, at::ScalarType type) {
  const auto read = [&](std::string_view suffix) {
    const TensorInfo& info = file.require(std::string(prefix) + module + std::string(suffix));
    if (info.shape.size() != 2 || !is_float(info.dtype))
      throw Error(ErrorKind::data, "a factor of an adapter is no matrix of floating-point numbers")
          .at(file.path().string() + ", " + info.name);
    return read_tensor(file, info).to(type);
  };
  at::Tensor a = read(a_suffix), b = read(b_suffix);
  if (a.size(0) < 1 || a.size(0) != b.size(1) || a.size(1) != in || b.size(0) != out) {
    throw Error(ErrorKind::data, "the factors of an adapter do not fit the model")
        .at(file.path().string() + ", " + module)
        .expected(fmt::format("lora_A [r, {}] and lora_B [{}, r]", in, out))
        .received(fmt::format("[{}, {}] and [{}, {}]", a.size(0), a.size(1), b.size(0), b.size(1)));
  }
  if (!at::isfinite(a).all().item<bool>() || !at::isfinite(b).all().item<bool>())
    throw Error(ErrorKind::data, "the adapter's values are not all numbers").at(file.path().string() + ", " + module);
  return {std::move(a), std::move(b)};
}

/// The change of one of our matrices by the rows of B that are its own: of columns that are zero in them nothing comes.
std::optional<LowRankChange> own_part(std::size_t parameter, double scale, const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor used = b.ne(0).any(0).nonzero().view({-1});
  if (used.numel() == 0) return std::nullopt;
  if (used.numel() == a.size(0)) return LowRankChange{parameter, scale, a.contiguous(), b.contiguous()};
  return LowRankChange{parameter, scale, a.index_select(0, used), b.index_select(1, used)};
}

void refuse_others(const TensorFile& file, const std::set<std::string>& known) {
  std::vector<std::string> others;
  for (const TensorInfo& info : file.tensors()) {
    if (!known.contains(info.name)) others.push_back(info.name);
  }
  if (others.empty()) return;
  throw Error(ErrorKind::data, "tensors that are no LoRA of this model's linear layers")
      .at(file.path().string())
      .expected(std::string(prefix) + "MODULE" + std::string(a_suffix) + " and ..." + std::string(b_suffix))
      .received(join(others, ", "))
      .hint("merge the adapter with the library that made it, and name the merged model");
}

// ---- writing ----

/// One module of theirs.
struct Module {
  std::string name;
  double scale;
  at::Tensor a, b;
};

Module module_from(const ForeignTensor& tensor, const ParameterTable& table,
                   const std::map<std::size_t, LowRankChange>& changes) {
  std::vector<const LowRankChange*> parts;
  std::int64_t rank = 0;
  for (const std::size_t i : tensor.parts) {
    const auto found = changes.find(i);
    parts.push_back(found == changes.end() ? nullptr : &found->second);
    if (parts.back() != nullptr) rank += parts.back()->a.size(0);
  }
  const LowRankChange& first =
      **std::find_if(parts.begin(), parts.end(), [](const auto* part) { return part != nullptr; });
  std::vector<at::Tensor> a, b;
  std::int64_t column = 0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    at::Tensor rows = at::zeros({table[tensor.parts[p]].shape[0], rank}, first.b.options());
    if (parts[p] != nullptr) {
      const std::int64_t own = parts[p]->a.size(0);
      rows.narrow(1, column, own)
          .copy_(parts[p]->scale == first.scale ? parts[p]->b : parts[p]->b * (parts[p]->scale / first.scale));
      a.push_back(parts[p]->a);
      column += own;
    }
    b.push_back(std::move(rows));
  }
  return {module_of(tensor), first.scale, at::cat(a, 0), stack_rows(tensor, std::move(b)).contiguous()};
}

/// Whole numbers as such: other readers declare them so.
Json number(double value) {
  if (value == std::nearbyint(value) && std::fabs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

std::string last_name(const std::string& module) { return module.substr(module.rfind('.') + 1); }

/// Short names where all modules of that name are adapted, else whole paths.
Json targets(const std::vector<Module>& modules, const std::vector<ForeignTensor>& layout,
             const ParameterTable& table) {
  std::map<std::string, std::size_t> adapted, there;
  for (const Module& module : modules) ++adapted[last_name(module.name)];
  for (const ForeignTensor& tensor : layout) {
    if (is_linear(tensor, table)) ++there[last_name(module_of(tensor))];
  }
  std::set<std::string> names;
  for (const Module& module : modules) {
    const std::string last = last_name(module.name);
    names.insert(adapted[last] == there[last] ? last : module.name);
  }
  return names;
}

std::string adapter_config(const std::vector<Module>& modules, const Json& target_modules, bool transposed,
                           const std::string& base) {
  const auto rank_of = [](const Module& module) { return module.a.size(0); };
  const std::int64_t rank = rank_of(modules.front());
  const double alpha = modules.front().scale * static_cast<double>(rank);
  Json ranks = Json::object(), alphas = Json::object();
  for (const Module& module : modules) {
    const double own = module.scale * static_cast<double>(rank_of(module));
    if (rank_of(module) != rank) ranks[module.name] = rank_of(module);
    if (own != alpha) alphas[module.name] = number(own);
  }
  const Json json = {{"peft_type", "LORA"},          {"task_type", "CAUSAL_LM"}, {"base_model_name_or_path", base},
                     {"revision", nullptr},          {"inference_mode", true},   {"r", rank},
                     {"lora_alpha", number(alpha)},  {"lora_dropout", 0.0},      {"target_modules", target_modules},
                     {"rank_pattern", ranks},        {"alpha_pattern", alphas},  {"bias", "none"},
                     {"fan_in_fan_out", transposed}, {"use_rslora", false},      {"init_lora_weights", true},
                     {"modules_to_save", nullptr}};
  return json.dump(2) + "\n";
}

}  // namespace

ForeignModel foreign_form(const fs::path& folder, const ModelConfig& shape, ErrorKind kind) {
  if (fs::exists(folder / "config.json")) return read_foreign_config(folder);
  const std::optional<std::string> architecture = foreign_architecture_of(shape);
  if (!architecture)
    throw Error(kind, "no adapter fits the model: its shape is no architecture of Hugging Face's").at(folder.string());
  return {*architecture, shape};
}

std::vector<LowRankChange> read_peft_adapter(const fs::path& folder, const ForeignModel& model,
                                             const ParameterTable& table, at::ScalarType type) {
  for (const char* name : {adapter_config_file, adapter_weights_file}) {
    if (!fs::exists(folder / name)) {
      throw Error(ErrorKind::data, std::string("the adapter's folder has no ") + name)
          .at(folder.string())
          .expected(std::string(adapter_config_file) + " and " + adapter_weights_file +
                    ", as the library PEFT writes them");
    }
  }
  const AdapterSettings settings(stays_within(folder, folder / adapter_config_file));
  const TensorFile file = TensorFile::open(stays_within(folder, folder / adapter_weights_file));
  std::vector<LowRankChange> changes;
  std::set<std::string> known;
  for (const ForeignTensor& tensor : foreign_layout(model, table)) {
    if (!is_linear(tensor, table)) continue;
    const std::string module = module_of(tensor), key = std::string(prefix) + module;
    if (file.find(key + std::string(a_suffix)) == nullptr && file.find(key + std::string(b_suffix)) == nullptr)
      continue;
    known.insert({key + std::string(a_suffix), key + std::string(b_suffix)});
    std::int64_t out = 0;
    for (const std::size_t i : tensor.parts) out += table[i].shape[0];
    const auto [a, b] = factors_of(file, module, out, table[tensor.parts[0]].shape[1], type);
    const double scale = settings.scale(module, a.size(0));
    const std::vector<at::Tensor> rows = split_rows(tensor, table, b);
    for (std::size_t p = 0; p < rows.size(); ++p) {
      if (std::optional<LowRankChange> change = own_part(tensor.parts[p], scale, a, rows[p]))
        changes.push_back(std::move(*change));
    }
  }
  refuse_others(file, known);
  if (known.empty()) throw Error(ErrorKind::data, "the adapter changes nothing of this model").at(file.path().string());
  return changes;
}

void write_peft_adapter(const ForeignModel& model, const ParameterTable& table, std::span<const LowRankChange> changes,
                        const std::string& base, const fs::path& destination) {
  std::map<std::size_t, LowRankChange> by_parameter;
  for (LowRankChange& change : stacked(changes)) {
    const ParameterInfo& info = table[change.parameter];
    // The head of GPT-NeoX has one name in files and, since transformers 5, another in memory, where PEFT looks.
    const bool head = info.role == Role::head && model.architecture == "gpt_neox";
    if (info.role == Role::embedding || info.role == Role::position || head) {
      throw Error(ErrorKind::config, fmt::format("a low-rank change of {} cannot go into an adapter",
                                                 head ? "the head of GPT-NeoX" : "an embedding"))
          .at(info.name)
          .expected("changes of linear layers")
          .hint("stet export without --adapter writes the merged model");
    }
    by_parameter.emplace(change.parameter, std::move(change));
  }
  if (by_parameter.empty()) throw Error(ErrorKind::config, "there is no low-rank change to write");
  const std::vector<ForeignTensor> layout = foreign_layout(model, table);
  std::vector<Module> modules;
  for (const ForeignTensor& tensor : layout) {
    if (is_linear(tensor, table) &&
        std::any_of(tensor.parts.begin(), tensor.parts.end(), [&](std::size_t i) { return by_parameter.contains(i); }))
      modules.push_back(module_from(tensor, table, by_parameter));
  }
  create_empty_folder(destination);
  std::vector<TensorView> views;
  for (const Module& module : modules) {
    views.push_back(view_of_tensor(std::string(prefix) + module.name + std::string(a_suffix), module.a));
    views.push_back(view_of_tensor(std::string(prefix) + module.name + std::string(b_suffix), module.b));
  }
  std::sort(views.begin(), views.end(),
            [](const TensorView& x, const TensorView& y) { return x.spec.name < y.spec.name; });
  write_tensor_file(destination / adapter_weights_file, views, {{"format", "pt"}});
  write_file_atomically(destination / adapter_config_file,
                        adapter_config(modules, targets(modules, layout, table), model.architecture == "gpt2", base));
}

}  // namespace stet
