#include <stet/hugging_face/foreign_export.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/files.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <map>
#include <set>

namespace stet {

namespace {

/// Length and header of a tensor file, as they are.
std::string raw_header(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text(8, '\0');
  stream.read(text.data(), 8);
  std::array<char, 8> length{};
  std::copy_n(text.data(), 8, length.begin());
  text.resize(8 + std::bit_cast<std::uint64_t>(length));  // bounded: the file has been opened and checked
  stream.read(text.data() + 8, static_cast<std::streamsize>(text.size() - 8));
  if (!stream) throw Error(ErrorKind::data, "cannot be read").at(file.string());
  return text;
}

/// The values in a file's dtype. Throws if a finite value becomes infinite.
at::Tensor converted(const at::Tensor& value, const TensorInfo& info, const std::filesystem::path& file) {
  const at::ScalarType type = info.dtype == DType::f64   ? at::kDouble
                              : info.dtype == DType::f32 ? at::kFloat
                              : info.dtype == DType::f16 ? at::kHalf
                                                         : at::kBFloat16;
  at::Tensor result = value.to(type).contiguous();
  if (type != value.scalar_type() && !at::isfinite(result).equal(at::isfinite(value))) {
    throw Error(ErrorKind::data, "tensor '" + info.name + "' does not fit its type any more")
        .at(file.string())
        .expected("values in the range of " + std::string(name_of(info.dtype)))
        .received("up to " + std::to_string(value.abs().max().item<double>()));
  }
  return result;
}

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

/// Whether a file holds weights, in whatever format: those of the source are not those of the export.
bool holds_weights(const std::filesystem::path& file) {
  static const std::set<std::string> formats = {".safetensors", ".bin",     ".pt",     ".pth",  ".ckpt",
                                                ".h5",          ".msgpack", ".gguf",   ".ggml", ".onnx",
                                                ".onnx_data",   ".ot",      ".tflite", ".npz"};
  const std::string name = file.filename().string();
  return formats.contains(file.extension().string()) || name.ends_with(".index.json");
}

/// Every other file, in subfolders too: tokenizer, chat templates, licence, ... Hidden ones are the tools', not the
/// model's.
void copy_companions(const std::filesystem::path& root, const std::filesystem::path& source,
                     const std::filesystem::path& destination) {
  for (const auto& entry : std::filesystem::directory_iterator(source)) {
    const std::filesystem::path name = entry.path().filename();
    if (name.string().starts_with(".") || name == "config.json") continue;
    if (entry.is_directory() && !entry.is_symlink()) {
      std::error_code ignored;
      if (std::filesystem::equivalent(entry.path(), destination, ignored)) continue;
      copy_companions(root, entry.path(), destination / name);
    } else if (entry.is_regular_file() && !holds_weights(name)) {  // a hub's cache holds links to files
      std::filesystem::create_directories(destination);
      write_file_atomically(destination / name, read_file(stays_within(root, entry.path())));
    }
  }
}

/// What makes a shape no architecture's; the first that applies.
std::string obstacle(const ModelConfig& c) {
  if (c.norm == Norm::rms && c.activation != Activation::swiglu) return "RMS norm without gated feed-forward layers";
  if (c.norm == Norm::layer && c.activation == Activation::swiglu) return "layer norm with gated feed-forward layers";
  if (c.norm == Norm::rms && c.positions == Positions::learned) return "RMS norm with learned positions";
  if (c.norm == Norm::rms && c.rope_share != 1.0) return "heads that rotate in part, outside GPT-NeoX's shape";
  if (c.parallel_residual) return "a parallel residual outside GPT-NeoX's shape";
  if (c.norm == Norm::layer && !(c.qkv_bias && c.linear_bias)) return "layer norm without biases in all linear layers";
  if (c.norm == Norm::layer && (c.kv_heads != c.heads || c.head_width * c.heads != c.width))
    return "grouped queries, or heads that are not width / heads wide, with layer norm";
  if (c.query_key_norm != QueryKeyNorm::none || c.norm_after || c.unrotated_every != 0)
    return "norms or unrotated blocks in another combination than that of Qwen3, OLMo-2 or SmolLM3";
  if (c.rope_scaling.factor != 1) return "scaled rotary positions outside Llama's shape";
  return "biases of some linear layers alone";
}

}  // namespace

void create_empty_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (std::filesystem::exists(folder) &&
      (!std::filesystem::is_directory(folder) || !std::filesystem::is_empty(folder))) {
    throw Error(ErrorKind::config, "the destination is not empty")
        .at(folder.string())
        .hint("name a new folder: nothing is overwritten");
  }
  std::filesystem::create_directories(folder, error);
  if (error)
    throw Error(ErrorKind::data, "the destination cannot be created").at(folder.string()).received(error.message());
}

void export_like(const std::filesystem::path& source, const ForeignModel& model, const ParameterTable& table,
                 const at::Tensor& weights, const std::filesystem::path& destination) {
  STET_ASSERT(weights.dim() == 1 && weights.numel() == table.total());
  const ForeignFiles files = ForeignFiles::open(source);
  std::map<std::string, const ForeignTensor*> by_name;
  const std::vector<ForeignTensor> layout = checked_layout(files, model, table);
  for (const ForeignTensor& tensor : layout) by_name[tensor.name] = &tensor;
  create_empty_folder(destination);
  for (const TensorFile& file : files.files()) {
    AtomicFile out(destination / file.path().filename());
    out.write(raw_header(file.path()));
    for (const TensorInfo& info : file.tensors()) {
      const auto ours = by_name.find(info.name);
      if (ours != by_name.end()) {
        out.write(bytes_of(converted(to_foreign(*ours->second, table, weights), info, file.path())));
      } else if (info.name == foreign_head_name(model.architecture)) {  // repeated although tied
        out.write(bytes_of(converted(table.view(weights, 0), info, file.path())));
      } else {
        out.write(file.bytes(info));
      }
    }
    out.commit();
  }
  if (files.sharded()) write_file_atomically(destination / weights_index_file, read_file(source / weights_index_file));
  copy_companions(source, source, destination);
  write_file_atomically(destination / "config.json",
                        read_file(source / "config.json"));  // last: a folder without it is not taken for a model
}

std::optional<std::string> foreign_architecture_of(const ModelConfig& c) {
  const bool llama_like = c.positions == Positions::rotary && c.norm == Norm::rms &&
                          c.activation == Activation::swiglu && !c.parallel_residual && c.rope_share == 1.0;
  const bool unscaled = c.rope_scaling.factor == 1;
  const bool plain = c.query_key_norm == QueryKeyNorm::none && !c.norm_after && c.unrotated_every == 0;
  if (llama_like && !plain) {
    if (c.qkv_bias || c.linear_bias || !unscaled) return std::nullopt;
    if (c.query_key_norm == QueryKeyNorm::head && !c.norm_after && c.unrotated_every == 0) return "qwen3";
    if (c.query_key_norm == QueryKeyNorm::whole && c.norm_after && c.unrotated_every == 0) return "olmo2";
    if (c.query_key_norm == QueryKeyNorm::none && !c.norm_after) return "smollm3";
    return std::nullopt;
  }
  if (!plain) return std::nullopt;
  if (llama_like && c.qkv_bias == c.linear_bias) return "llama";
  if (llama_like && c.qkv_bias && unscaled) return "qwen2";
  const bool gpt_like = c.norm == Norm::layer && c.activation != Activation::swiglu && c.qkv_bias && c.linear_bias &&
                        c.kv_heads == c.heads && c.head_width * c.heads == c.width;
  if (gpt_like && c.positions == Positions::learned && !c.parallel_residual) return "gpt2";
  if (gpt_like && c.positions == Positions::rotary && unscaled) return "gpt_neox";
  return std::nullopt;
}

std::string foreign_config_json(const std::string& architecture, const ModelConfig& c, at::ScalarType type,
                                std::optional<std::int64_t> end_of_text) {
  using Json = nlohmann::ordered_json;
  static const std::map<std::string, const char*> classes = {
      {"llama", "LlamaForCausalLM"},     {"qwen2", "Qwen2ForCausalLM"},     {"qwen3", "Qwen3ForCausalLM"},
      {"olmo2", "Olmo2ForCausalLM"},     {"smollm3", "SmolLM3ForCausalLM"}, {"gpt2", "GPT2LMHeadModel"},
      {"gpt_neox", "GPTNeoXForCausalLM"}};
  Json json{{"architectures", {classes.at(architecture)}}, {"model_type", architecture}, {"vocab_size", c.vocabulary}};
  const char* const gelu = c.activation == Activation::gelu_erf ? "gelu" : "gelu_new";
  if (architecture == "gpt2") {
    json.update({{"n_embd", c.width},
                 {"n_layer", c.layers},
                 {"n_head", c.heads},
                 {"n_inner", c.feed_forward},
                 {"n_positions", c.context},
                 {"n_ctx", c.context},
                 {"layer_norm_epsilon", c.norm_epsilon},
                 {"activation_function", gelu}});
  } else {
    json.update({{"hidden_size", c.width},
                 {"num_hidden_layers", c.layers},
                 {"num_attention_heads", c.heads},
                 {"intermediate_size", c.feed_forward},
                 {"max_position_embeddings", c.context}});
    if (architecture == "gpt_neox") {
      json.update({{"layer_norm_eps", c.norm_epsilon},
                   {"hidden_act", gelu},
                   {"attention_bias", true},
                   {"rotary_emb_base", c.rope_base},
                   {"rotary_pct", c.rope_share},
                   {"use_parallel_residual", c.parallel_residual}});
    } else {
      json.update({{"num_key_value_heads", c.kv_heads},
                   {"head_dim", c.head_width},
                   {"rms_norm_eps", c.norm_epsilon},
                   {"hidden_act", "silu"},
                   {"rope_theta", c.rope_base}});
      if (architecture == "llama") json.update({{"attention_bias", c.qkv_bias}, {"mlp_bias", c.linear_bias}});
      if (architecture == "qwen2" || architecture == "qwen3" || architecture == "smollm3")
        json["use_sliding_window"] = false;
      if (architecture == "qwen3" || architecture == "olmo2" || architecture == "smollm3")
        json["attention_bias"] = false;
      if (architecture == "smollm3") {
        std::vector<int> rotates;
        for (std::int64_t l = 0; l < c.layers; ++l) rotates.push_back(c.rotates(l) ? 1 : 0);
        json.update({{"mlp_bias", false}, {"no_rope_layer_interval", c.unrotated_every}, {"no_rope_layers", rotates}});
      }
      if (c.rope_scaling.factor != 1) {
        json["rope_scaling"] = {{"rope_type", "llama3"},
                                {"factor", c.rope_scaling.factor},
                                {"low_freq_factor", c.rope_scaling.low_factor},
                                {"high_freq_factor", c.rope_scaling.high_factor},
                                {"original_max_position_embeddings", c.rope_scaling.original_context}};
      }
    }
  }
  json["tie_word_embeddings"] = c.tied_head;
  json["torch_dtype"] = type == at::kDouble ? "float64" : "float32";
  if (end_of_text) json.update({{"bos_token_id", *end_of_text}, {"eos_token_id", *end_of_text}});
  return json.dump(2) + "\n";
}

void export_as_foreign(const ModelConfig& config, const ParameterTable& table, const at::Tensor& weights,
                       std::optional<std::int64_t> end_of_text, const std::filesystem::path& destination) {
  STET_ASSERT(weights.dim() == 1 && weights.numel() == table.total());
  const std::optional<std::string> architecture = foreign_architecture_of(config);
  if (!architecture) {
    throw Error(ErrorKind::config, "no Hugging Face architecture that we write has this model's shape")
        .expected("the shape of llama, qwen2, qwen3, olmo2, smollm3, gpt2 or gpt_neox")
        .received(obstacle(config));
  }
  create_empty_folder(destination);
  const ForeignModel model{*architecture, config};
  std::map<std::string, at::Tensor> tensors;
  for (const ForeignTensor& tensor : foreign_layout(model, table))
    tensors[tensor.name] = to_foreign(tensor, table, weights).contiguous();
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) views.push_back(view_of_tensor(name, tensor));
  write_tensor_file(destination / single_weights_file, views, {{"format", "pt"}});
  write_file_atomically(destination / "config.json",
                        foreign_config_json(*architecture, config, weights.scalar_type(), end_of_text));
}

}  // namespace stet
