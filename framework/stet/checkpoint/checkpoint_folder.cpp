#include <stet/checkpoint/checkpoint_folder.hpp>

#include <stet/base/file/contained_path.hpp>
#include <stet/base/files.hpp>
#include <stet/base/hash.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/json.hpp>
#include <stet/tensorfile/tensor_file.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace stet {

namespace {

using Json = nlohmann::json;

struct TypeName {
  at::ScalarType type;
  DType file;
};
constexpr TypeName types[] = {{at::kFloat, DType::f32},
                              {at::kDouble, DType::f64},
                              {at::kLong, DType::i64},
                              {at::kInt, DType::i32},
                              {at::kByte, DType::u8}};

Error broken(const std::filesystem::path& folder, const std::string& what) {
  return Error(ErrorKind::checkpoint, "the checkpoint is not whole: " + what).at(folder.string());
}

/// With the limits of parse_json(): who hashes a manifest walks it by recursion.
Json parse_manifest(const std::filesystem::path& folder, const std::filesystem::path& file) {
  try {
    return parse_json(read_file(file), file.filename().string());
  } catch (const Error& error) {
    throw broken(folder, "manifest.json: " + error.message());
  }
}

/// A whole number of the manifest, at least `least`.
template <class Integer>
Integer number(const std::filesystem::path& folder, const Json& value, Integer least) {
  const std::optional<std::int64_t> whole = as_whole(value);
  if (!whole || !std::in_range<Integer>(*whole) || static_cast<Integer>(*whole) < least)
    throw broken(folder, "manifest.json: " + excerpt(value) + " where a count is expected");
  return static_cast<Integer>(*whole);
}

/// The manifest, after every file it names was verified. It carries a checksum of itself: positions and counters are in
/// it.
Json read_manifest(const std::filesystem::path& folder) {
  const std::filesystem::path file = stays_within(folder, folder / "manifest.json", ErrorKind::checkpoint);
  if (!std::filesystem::exists(file)) throw broken(folder, "no manifest.json");
  try {
    Json manifest = parse_manifest(folder, file);
    if (manifest.at("format") != checkpoint_format) {
      throw broken(folder, "written by another version of stet")
          .expected(fmt::format("format {}", checkpoint_format))
          .received("format " + excerpt(manifest.at("format")));
    }
    const std::string hash = manifest.at("hash").get<std::string>();
    manifest.erase("hash");
    if (hash_hex(manifest.dump()) != hash) throw broken(folder, "manifest.json has another checksum");
    const int ranks = number<int>(folder, manifest.at("ranks"), 1);
    const Json& files = manifest.at("files");
    if (files.size() != static_cast<std::size_t>(ranks))
      throw broken(folder, "manifest.json names another number of files than of ranks");
    for (int rank = 0; rank < ranks; ++rank) {
      const std::string name = checkpoint_part_name(rank, ranks);
      const Json& entry = files.at(name);
      const std::filesystem::path part = stays_within(folder, folder / name, ErrorKind::checkpoint);
      std::error_code error;
      const std::uint64_t size = std::filesystem::file_size(part, error);
      if (error) throw broken(folder, name + " is missing");
      if (entry.at("bytes") != size) throw broken(folder, name + " has the wrong size");
      if (hash_file(part) != entry.at("hash").get<std::string>()) throw broken(folder, name + " has another checksum");
    }
    return manifest;
  } catch (const Json::exception& error) {
    throw broken(folder, std::string("manifest.json: ") + error.what());
  }
}

}  // namespace

DType checkpoint_type(at::ScalarType type) {
  for (const TypeName& t : types) {
    if (t.type == type) return t.file;
  }
  throw Error(ErrorKind::checkpoint,
              std::string("a tensor of type ") + c10::toString(type) + " cannot go into a checkpoint");
}

std::string checkpoint_part_name(int rank, int ranks) { return fmt::format("part-{}-of-{}.safetensors", rank, ranks); }

std::pair<std::int64_t, std::int64_t> checkpoint_share(std::int64_t count, int rank, int ranks) {
  return {count * rank / ranks, count * (rank + 1) / ranks};
}

std::vector<std::filesystem::path> checkpoints_in(const std::filesystem::path& folder) {
  std::vector<std::pair<std::int64_t, std::filesystem::path>> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("step-")) continue;
    if (const auto step = whole_number<std::int64_t>(name.substr(5))) found.emplace_back(*step, entry.path());
  }
  std::sort(found.rbegin(), found.rend());
  std::vector<std::filesystem::path> folders;
  for (auto& [step, path] : found) folders.push_back(std::move(path));
  return folders;
}

std::optional<std::filesystem::path> newest_checkpoint(
    const std::filesystem::path& folder,
    const std::function<void(const std::filesystem::path&, const Error&)>& skipped) {
  for (const std::filesystem::path& step : checkpoints_in(folder)) {
    try {
      static_cast<void>(read_manifest(step));
      return step;
    } catch (const Error& error) {
      if (skipped) skipped(step, error);
    }
  }
  return std::nullopt;
}

CheckpointSummary verify_checkpoint(const std::filesystem::path& folder) {
  const Json manifest = read_manifest(folder);
  try {
    CheckpointSummary summary{
        number<std::int64_t>(folder, manifest.at("step"), 0), number<int>(folder, manifest.at("ranks"), 1), {}, {}, 0};
    summary.metadata = manifest.at("metadata").get<std::map<std::string, std::string>>();
    for (const auto& [name, entry] : manifest.at("tensors").items()) {
      std::vector<std::int64_t>& shape = summary.shapes[name];
      for (const Json& size : entry.at("shape")) shape.push_back(number<std::int64_t>(folder, size, 0));
    }
    for (const auto& [name, entry] : manifest.at("files").items())
      summary.bytes += number<std::uint64_t>(folder, entry.at("bytes"), 0);
    return summary;
  } catch (const Json::exception& error) {
    throw broken(folder, std::string("manifest.json: ") + error.what());
  }
}

Checkpoint read_checkpoint(const std::filesystem::path& folder) {
  const CheckpointSummary summary = verify_checkpoint(folder);
  Checkpoint checkpoint{summary.step, {}, summary.metadata};
  for (int rank = 0; rank < summary.ranks; ++rank) {
    const TensorFile part = TensorFile::open(folder / checkpoint_part_name(rank, summary.ranks));
    for (const auto& [name, shape] : summary.shapes) {
      const TensorInfo& info = part.require(name);
      at::Tensor& tensor = checkpoint.tensors[name];
      if (!tensor.defined()) {
        const auto type =
            std::find_if(std::begin(types), std::end(types), [&](const TypeName& t) { return t.file == info.dtype; });
        if (type == std::end(types)) throw broken(folder, "tensor " + name + " has an unexpected type");
        // Before anything is allocated: all ranks' shares are in files that were measured.
        const std::vector<std::uint64_t> sizes(shape.begin(), shape.end());
        const std::optional<std::uint64_t> bytes = checked_byte_count(sizes, info.dtype);
        if (!bytes || *bytes > summary.bytes) throw broken(folder, "tensor " + name + " has an impossible shape");
        tensor = at::empty(shape, type->type);
      }
      const auto [begin, end] = checkpoint_share(tensor.numel(), rank, summary.ranks);
      const std::span<const std::byte> bytes = part.bytes(info);
      const auto element = static_cast<std::int64_t>(tensor.element_size());
      if (static_cast<std::int64_t>(bytes.size()) != (end - begin) * element)
        throw broken(folder, "tensor " + name + " has the wrong size");
      if (!bytes.empty())
        std::memcpy(static_cast<std::byte*>(tensor.data_ptr()) + begin * element, bytes.data(), bytes.size());
    }
  }
  return checkpoint;
}

}  // namespace stet
