// Folders of other people's models, made of the fixtures and changed.
#pragma once

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/hugging_face/foreign_export.hpp>
#include <stet/model/transformer.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <fixtures_folder.hpp>
#include <unit/tensorfile/temporary.hpp>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace stet::foreign {

namespace fs = std::filesystem;
using Json = nlohmann::json;

inline fs::path fixture(const std::string& name) { return fixtures_folder() / "models" / name; }

inline ::testing::AssertionResult says(const Error& error, const std::string& part) {
  if (error.kind() != ErrorKind::data) return ::testing::AssertionFailure() << "kind " << error.exit_code();
  if (std::string(error.what()).find(part) == std::string::npos)
    return ::testing::AssertionFailure() << "'" << part << "' is not in:\n" << error.what();
  return ::testing::AssertionSuccess();
}

struct Stored {
  std::string name;
  DType type;
  std::vector<std::uint64_t> shape;
  std::vector<std::byte> bytes;
};

/// A fixture's tensors in memory, to be changed and written elsewhere.
inline std::vector<Stored> tensors_of(const std::string& name) {
  const TensorFile file = TensorFile::open(fixture(name) / "model.safetensors");
  std::vector<Stored> result;
  for (const TensorInfo& info : file.tensors()) {
    const auto bytes = file.bytes(info);
    result.push_back({info.name, info.dtype, info.shape, {bytes.begin(), bytes.end()}});
  }
  return result;
}

inline void store(const fs::path& file, const std::vector<Stored>& tensors) {
  std::vector<TensorView> views;
  for (const Stored& t : tensors) views.push_back({{t.name, t.type, t.shape}, t.bytes});
  write_tensor_file(file, views, {{"format", "pt"}});
}

class ForeignFolder : public ::testing::Test {
 protected:
  /// config.json of the fixture with `changes` merged in (null: as null, not removed).
  void config(const std::string& name, const Json& changes = Json::object()) {
    Json json = Json::parse(read_file(fixture(name) / "config.json"));
    for (const auto& [key, value] : changes.items()) json[key] = value;
    put(folder_ / "config.json", json.dump());
  }
  at::Tensor load(at::ScalarType type = at::kDouble) const {
    const ForeignModel model = read_foreign_config(folder_.path());
    const Transformer transformer(model.config);
    return load_foreign_weights(folder_.path(), model, transformer.table(), type);
  }
  static at::Tensor original(const std::string& name) {
    const ForeignModel model = read_foreign_config(fixture(name));
    return load_foreign_weights(fixture(name), model, ParameterTable(model.config), at::kDouble);
  }
  Folder folder_;
};

}  // namespace stet::foreign
