// Folders in Hugging Face's layout (config.json, model.safetensors): GPT-2 and Qwen2 names to our parameters and back.
#pragma once

#include <stet/model/parameters.hpp>
#include <stet/tensorfile/tensor_file.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace stet {

/// One tensor of theirs as a composition of ours: the parameters stacked along the first axis, transposed at the end if
/// their linear layers are [in, out] (GPT-2's).
struct ForeignTensor {
  std::string name;
  std::vector<std::size_t> parts;
  bool transposed = false;
};

struct ForeignModel {
  std::string architecture;  ///< "gpt2", "qwen2"
  ModelConfig config;
};

/// Reads config.json. Throws Error (data) naming the field for an unknown architecture or an unsupported value.
[[nodiscard]] ForeignModel read_foreign_config(const std::filesystem::path& folder);

/// Their tensors, in the order of our table.
[[nodiscard]] std::vector<ForeignTensor> foreign_layout(const ForeignModel& model, const ParameterTable& table);

/// Our flat buffer of `type` from model.safetensors. Throws Error (data) with the list of names for missing, surplus or
/// misshapen tensors.
[[nodiscard]] at::Tensor load_foreign_weights(const std::filesystem::path& folder, const ForeignModel& model,
                                              const ParameterTable& table, at::ScalarType type);

/// Their form of one tensor, from our flat buffer.
[[nodiscard]] at::Tensor to_foreign(const ForeignTensor& tensor, const ParameterTable& table, const at::Tensor& flat);

/// A tensor of a file as an at::Tensor in double (F64, F32, F16, BF16) or int64 (integers). A copy.
[[nodiscard]] at::Tensor read_tensor(const TensorFile& file, const TensorInfo& info);

}  // namespace stet
