// The weights of a folder in Hugging Face's layout: model.safetensors, or several files with
// model.safetensors.index.json.
#pragma once

#include <stet/hugging_face/hugging_face.hpp>
#include <stet/model/own_model.hpp>
#include <stet/tensorfile/tensor_file.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// The open files of one folder. Immutable.
class ForeignFiles {
 public:
  /// model.safetensors if there is one, else the files that model.safetensors.index.json names. Throws Error (data) if
  /// there is neither, and, with the names, if a file is missing, if a tensor is not in the file that the index gives
  /// it, or if a file holds a tensor that the index does not name.
  [[nodiscard]] static ForeignFiles open(const std::filesystem::path& folder);

  /// In the order of their names.
  [[nodiscard]] const std::vector<TensorFile>& files() const noexcept { return files_; }
  /// The tensor and its file; null pointers if there is none of that name.
  [[nodiscard]] std::pair<const TensorFile*, const TensorInfo*> find(const std::string& name) const;
  [[nodiscard]] bool sharded() const noexcept { return sharded_; }
  [[nodiscard]] std::string where() const { return where_; }  ///< for messages

 private:
  std::vector<TensorFile> files_;
  std::map<std::string, std::pair<std::size_t, std::size_t>> index_;  // name: file, tensor
  bool sharded_ = false;
  std::string where_;
};

inline constexpr const char* weights_index_file = "model.safetensors.index.json";

/// foreign_layout() with the names that this checkpoint uses: published GPT-2 files lack the prefix "transformer.".
/// Throws Error (data) with the full list of names for missing, surplus, misshapen and non-floating tensors. Causal
/// masks and rotary frequencies known by name are accepted; so is a repeated head (lm_head.weight, embed_out.weight) of
/// a tied model, and the head alone: the first entry, the embedding, then has its name.
[[nodiscard]] std::vector<ForeignTensor> checked_layout(const ForeignFiles& files, const ForeignModel& model,
                                                        const ParameterTable& table);

/// Name of the head's matrix in checkpoints of this architecture.
[[nodiscard]] std::string foreign_head_name(std::string_view architecture);

/// Our flat buffer of `type` (kFloat or kDouble). Throws as ForeignFiles::open() and checked_layout() do, and if the
/// repeated head of a tied model is not its embedding.
[[nodiscard]] at::Tensor load_foreign_weights(const std::filesystem::path& folder, const ForeignModel& model,
                                              const ParameterTable& table, at::ScalarType type);

/// Whether a type's values are floating-point numbers of 16 bits or more.
[[nodiscard]] bool is_float(DType type);

/// A tensor of a file as an at::Tensor in double (F64, F32, F16, BF16) or int64 (integers). A copy.
[[nodiscard]] at::Tensor read_tensor(const TensorFile& file, const TensorInfo& info);

/// A contiguous kFloat or kDouble tensor, for write_tensor_file(); it must outlive the view.
[[nodiscard]] TensorView view_of_tensor(std::string name, const at::Tensor& tensor);

}  // namespace stet
