#include <stet/checkpoint/checkpoint_store.hpp>

#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/base/files.hpp>
#include <stet/base/hash.hpp>
#include <stet/base/log.hpp>
#include <stet/base/strings.hpp>
#include <stet/tensorfile/tensor_file.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>
#include <stet/text/json.hpp>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace stet {

namespace {

using Json = nlohmann::json;
constexpr int format_version = 1;

struct TypeName {
  at::ScalarType type;
  DType file;
};
constexpr TypeName types[] = {{at::kFloat, DType::f32},
                              {at::kDouble, DType::f64},
                              {at::kLong, DType::i64},
                              {at::kInt, DType::i32},
                              {at::kByte, DType::u8}};

DType file_type(at::ScalarType type) {
  for (const TypeName& t : types) {
    if (t.type == type) return t.file;
  }
  throw Error(ErrorKind::checkpoint,
              std::string("a tensor of type ") + c10::toString(type) + " cannot go into a checkpoint");
}

std::string part_name(int rank, int ranks) { return fmt::format("part-{}-of-{}.safetensors", rank, ranks); }

/// Elements [begin, end) of a tensor of `count` that rank `rank` of `ranks` keeps.
std::pair<std::int64_t, std::int64_t> share(std::int64_t count, int rank, int ranks) {
  return {count * rank / ranks, count * (rank + 1) / ranks};
}

Error broken(const std::filesystem::path& folder, const std::string& what) {
  return Error(ErrorKind::checkpoint, "the checkpoint is not whole: " + what).at(folder.string());
}

/// Work whose every failure is one of the checkpoint, whatever the files or the disk said.
template <class Work>
void checkpointing(const std::filesystem::path& folder, const Work& work) {
  constexpr auto hint = "earlier checkpoints are untouched; mend the cause and run the same command again";
  try {
    work();
  } catch (const Error& error) {
    throw Error(ErrorKind::checkpoint, "cannot save the checkpoint: " + error.message()).at(error.where()).hint(hint);
  } catch (const std::exception& error) {
    throw Error(ErrorKind::checkpoint, std::string("cannot save the checkpoint: ") + error.what())
        .at(folder.string())
        .hint(hint);
  }
}

/// Puts `temporary` in the place of `final_folder` in one step, whether that exists or not.
void replace_folder(const std::filesystem::path& temporary, const std::filesystem::path& final_folder) {
  if (std::filesystem::exists(final_folder)) {
    // The same step was saved before. Exchanged, not removed first: at no instant is there none.
    if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, final_folder.c_str(), RENAME_EXCHANGE) == 0) {
      std::filesystem::remove_all(temporary);
      return;
    }
    std::filesystem::remove_all(final_folder);  // a file system that cannot exchange
  }
  std::filesystem::rename(temporary, final_folder);
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
std::int64_t number(const std::filesystem::path& folder, const Json& value, std::int64_t least) {
  const std::optional<std::int64_t> whole = as_whole(value);
  if (!whole || *whole < least) throw broken(folder, "manifest.json: " + excerpt(value) + " where a count is expected");
  return *whole;
}

/// The manifest, after every file it names was verified. It carries a checksum of itself: positions and counters are in
/// it.
Json read_manifest(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "manifest.json";
  if (!std::filesystem::exists(file)) throw broken(folder, "no manifest.json");
  try {
    Json manifest = parse_manifest(folder, file);
    if (manifest.at("format") != format_version) throw broken(folder, "written by another version of stet");
    const std::string hash = manifest.at("hash").get<std::string>();
    manifest.erase("hash");
    if (hash_hex(manifest.dump()) != hash) throw broken(folder, "manifest.json has another checksum");
    for (const auto& [name, entry] : manifest.at("files").items()) {
      if (name.find('/') != std::string::npos) throw broken(folder, "manifest.json names a file elsewhere");
      const std::filesystem::path part = folder / name;
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

/// step-N.tmp folders: what processes left that were killed while they saved.
void remove_leftovers(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> leftovers;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("step-") && name.ends_with(".tmp")) leftovers.push_back(entry.path());
  }
  for (const std::filesystem::path& path : leftovers) std::filesystem::remove_all(path);
}

/// step-N folders, newest first.
std::vector<std::filesystem::path> step_folders(const std::filesystem::path& folder) {
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

}  // namespace

CheckpointStore::CheckpointStore(Communicator& communicator, std::filesystem::path folder, int keep)
    : communicator_(communicator), folder_(std::move(folder)), keep_(keep) {
  STET_ASSERT(keep >= 1);
}

void CheckpointStore::save(const Checkpoint& checkpoint) {
  const int rank = communicator_.rank(), ranks = communicator_.size();
  const std::filesystem::path final_folder = folder_ / fmt::format("step-{}", checkpoint.step);
  const std::filesystem::path temporary = final_folder.string() + ".tmp";
  const auto together = [&](const auto& work) {
    collectively(communicator_, [&] { checkpointing(final_folder, work); });
  };
  together([&] {
    if (rank != 0) return;
    std::filesystem::create_directories(folder_);
    std::filesystem::remove_all(temporary);
    std::filesystem::create_directory(temporary);
  });
  fault_point("checkpoint.begin");
  std::string mine;
  together([&] {
    std::vector<TensorSpec> specs;
    std::vector<at::Tensor> values;
    for (const auto& [name, tensor] : checkpoint.tensors) {
      const auto [begin, end] = share(tensor.numel(), rank, ranks);
      values.push_back(tensor.detach().contiguous().view({-1}).narrow(0, begin, end - begin));
      specs.push_back({name, file_type(tensor.scalar_type()), {static_cast<std::uint64_t>(end - begin)}});
    }
    const std::filesystem::path part = temporary / part_name(rank, ranks);
    TensorFileWriter writer(part, specs);
    for (const at::Tensor& value : values) {
      writer.write(std::span(static_cast<const std::byte*>(value.data_ptr()), value.nbytes()));
    }
    fault_point("checkpoint.part");
    writer.commit();
    mine = fmt::format("{} {}", std::filesystem::file_size(part), hash_file(part));
  });
  const std::vector<std::string> parts = communicator_.all_gather(mine);
  together([&] {
    if (rank != 0) return;
    Json manifest{
        {"format", format_version}, {"step", checkpoint.step}, {"ranks", ranks}, {"metadata", checkpoint.metadata}};
    manifest["tensors"] = Json::object();
    for (const auto& [name, tensor] : checkpoint.tensors) {
      manifest["tensors"][name] = {{"shape", tensor.sizes().vec()}};
    }
    for (int r = 0; r < ranks; ++r) {
      const std::vector<std::string> fields = split(parts[static_cast<std::size_t>(r)], ' ');
      manifest["files"][part_name(r, ranks)] = {{"bytes", std::stoull(fields[0])}, {"hash", fields[1]}};
    }
    manifest["hash"] = hash_hex(manifest.dump());
    fault_point("checkpoint.manifest");
    write_file_atomically(temporary / "manifest.json", manifest.dump(1));
    fault_point("checkpoint.rename");
    replace_folder(temporary, final_folder);
    sync_folder(folder_);
    fault_point("checkpoint.prune");
    for (const std::filesystem::path& path : broken_) {
      if (path != final_folder) std::filesystem::remove_all(path);  // would count as one of those to keep
    }
    broken_.clear();
    const std::vector<std::filesystem::path> all = step_folders(folder_);
    for (std::size_t i = static_cast<std::size_t>(keep_); i < all.size(); ++i) std::filesystem::remove_all(all[i]);
    remove_leftovers(folder_);
    fault_point("checkpoint.end");
  });
}

std::optional<Checkpoint> CheckpointStore::load_newest() {
  std::string chosen;
  collectively(communicator_, [&] {
    if (communicator_.rank() != 0) return;
    for (const std::filesystem::path& folder : step_folders(folder_)) {
      try {
        static_cast<void>(read_manifest(folder));
        chosen = folder.string();
        break;
      } catch (const Error& error) {
        log::warning("checkpoint {} is skipped: {}", folder.string(), error.message());
        broken_.push_back(folder);
      }
    }
  });
  chosen = communicator_.broadcast_text(chosen, 0);
  if (chosen.empty()) return std::nullopt;
  std::optional<Checkpoint> checkpoint;
  collectively(communicator_, [&] { checkpoint = read_checkpoint(chosen); });
  return checkpoint;
}

std::optional<std::filesystem::path> newest_checkpoint(const std::filesystem::path& folder,
                                                       const std::function<void(const Error&)>& skipped) {
  for (const std::filesystem::path& step : step_folders(folder)) {
    try {
      static_cast<void>(read_manifest(step));
      return step;
    } catch (const Error& error) {
      if (skipped) skipped(error);
    }
  }
  return std::nullopt;
}

void CheckpointStore::clear() {
  collectively(communicator_, [&] {
    if (communicator_.rank() == 0) std::filesystem::remove_all(folder_);
  });
}

CheckpointSummary verify_checkpoint(const std::filesystem::path& folder) {
  const Json manifest = read_manifest(folder);
  try {
    const std::int64_t ranks = number(folder, manifest.at("ranks"), 1);
    if (!std::in_range<int>(ranks)) throw broken(folder, "manifest.json: more ranks than there can be");
    CheckpointSummary summary{number(folder, manifest.at("step"), 0), static_cast<int>(ranks), {}, {}, 0};
    summary.metadata = manifest.at("metadata").get<std::map<std::string, std::string>>();
    for (const auto& [name, entry] : manifest.at("files").items())
      summary.bytes += static_cast<std::uint64_t>(number(folder, entry.at("bytes"), 0));
    for (const auto& [name, entry] : manifest.at("tensors").items()) {
      // No tensor has more elements than all files have bytes: checked before memory is asked for.
      std::uint64_t left = std::max<std::uint64_t>(summary.bytes, 1);
      for (const Json& extent : entry.at("shape")) {
        summary.shapes[name].push_back(number(folder, extent, 0));
        left /= static_cast<std::uint64_t>(std::max<std::int64_t>(summary.shapes[name].back(), 1));
      }
      if (left == 0) throw broken(folder, "tensor " + name + " is larger than the files");
      summary.shapes[name];
    }
    return summary;
  } catch (const Json::exception& error) {
    throw broken(folder, std::string("manifest.json: ") + error.what());
  }
}

Checkpoint read_checkpoint(const std::filesystem::path& folder) {
  const CheckpointSummary summary = verify_checkpoint(folder);
  Checkpoint checkpoint{summary.step, {}, summary.metadata};
  for (int rank = 0; rank < summary.ranks; ++rank) {
    const TensorFile part = TensorFile::open(folder / part_name(rank, summary.ranks));
    for (const auto& [name, shape] : summary.shapes) {
      const TensorInfo& info = part.require(name);
      at::Tensor& tensor = checkpoint.tensors[name];
      if (!tensor.defined()) {
        const auto type =
            std::find_if(std::begin(types), std::end(types), [&](const TypeName& t) { return t.file == info.dtype; });
        if (type == std::end(types)) throw broken(folder, "tensor " + name + " has an unexpected type");
        tensor = at::empty(shape, type->type);
      }
      const auto [begin, end] = share(tensor.numel(), rank, summary.ranks);
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
