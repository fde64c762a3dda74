#include <stet/checkpoint/checkpoint_store.hpp>

#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/base/file/file_calls.hpp>
#include <stet/base/files.hpp>
#include <stet/base/hash.hpp>
#include <stet/base/log.hpp>
#include <stet/base/strings.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <stdio.h>

#include <atomic>
#include <exception>
#include <thread>
#include <utility>

namespace stet {

namespace {

using Json = nlohmann::json;

/// Work whose every failure is one of the checkpoint, whatever the files or the disk said.
template <class Work>
void checkpointing(const std::filesystem::path& folder, const Work& work) {
  const std::string hint = "earlier checkpoints are untouched; mend the cause and run the same command again";
  try {
    work();
  } catch (const Error& error) {
    throw Error(ErrorKind::checkpoint, "cannot save the checkpoint: " + error.message())
        .at(error.where())
        .hint((error.hint().empty() ? "" : error.hint() + "; ") + hint);
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
    file_calls::refuse_if_due("rename", temporary);
    if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, final_folder.c_str(), RENAME_EXCHANGE) == 0) {
      file_calls::remove_all(temporary);
      return;
    }
    file_calls::remove_all(final_folder);  // a file system that cannot exchange
  }
  file_calls::rename(temporary, final_folder);
}

/// Loses its name before its files: a process that dies here leaves no half of a checkpoint under a whole one's name.
void retire(const std::filesystem::path& folder) {
  const std::filesystem::path gone = folder.string() + ".old.tmp";
  file_calls::remove_all(gone);
  file_calls::rename(folder, gone);
  file_calls::remove_all(gone);
}

/// step-N.tmp folders: what processes left that were killed while they saved.
void remove_leftovers(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> leftovers;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("step-") && name.ends_with(".tmp")) leftovers.push_back(entry.path());
  }
  for (const std::filesystem::path& path : leftovers) file_calls::remove_all(path);
}

}  // namespace

class CheckpointStore::Writing {
 public:
  /// `copies`: the tensors may change before they are written.
  Writing(const Checkpoint& checkpoint, std::filesystem::path final_folder, int rank, int ranks, bool copies)
      : folder_(std::move(final_folder)),
        part_(temporary() / checkpoint_part_name(rank, ranks)),
        manifest_{{"format", checkpoint_format},
                  {"step", checkpoint.step},
                  {"ranks", ranks},
                  {"metadata", checkpoint.metadata},
                  {"tensors", Json::object()}} {
    for (const auto& [name, tensor] : checkpoint.tensors) {
      const auto [begin, end] = checkpoint_share(tensor.numel(), rank, ranks);
      at::Tensor value = tensor.detach().contiguous().view({-1}).narrow(0, begin, end - begin);
      values_.push_back(copies ? value.clone() : value);
      specs_.push_back({name, checkpoint_type(tensor.scalar_type()), {static_cast<std::uint64_t>(end - begin)}});
      manifest_["tensors"][name] = {{"shape", tensor.sizes().vec()}};
    }
  }

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path temporary() const { return folder_.string() + ".tmp"; }
  /// Of the whole checkpoint, but for the files.
  [[nodiscard]] Json& manifest() { return manifest_; }

  void write() {
    TensorFileWriter writer(part_, specs_);
    for (const at::Tensor& value : values_) {
      writer.write(std::span(static_cast<const std::byte*>(value.data_ptr()), value.nbytes()));
    }
    fault_point("checkpoint.part");
    writer.commit();
    fault_point("checkpoint.written");
    result_ = fmt::format("{} {}", std::filesystem::file_size(part_), hash_file(part_));
  }

  void start() {
    thread_ = std::jthread([this] {
      try {
        write();
      } catch (...) {
        failure_ = std::current_exception();
      }
      written_.store(true);
    });
  }
  [[nodiscard]] bool written() const noexcept { return written_.load(); }

  /// "BYTES HASH" of this rank's part. Waits, and throws what the writing threw.
  [[nodiscard]] const std::string& result() {
    if (thread_.joinable()) thread_.join();
    if (failure_) std::rethrow_exception(failure_);
    return result_;
  }

 private:
  std::filesystem::path folder_, part_;
  Json manifest_;
  std::vector<TensorSpec> specs_;
  std::vector<at::Tensor> values_;
  std::string result_;
  std::exception_ptr failure_;
  std::atomic<bool> written_{false};
  std::jthread thread_;  // last: it uses all of the above
};

CheckpointStore::CheckpointStore(Communicator& communicator, std::filesystem::path folder, int keep)
    : communicator_(communicator), folder_(std::move(folder)), keep_(keep) {
  STET_ASSERT(keep >= 1);
}

CheckpointStore::~CheckpointStore() = default;

std::unique_ptr<CheckpointStore::Writing> CheckpointStore::prepare(const Checkpoint& checkpoint, bool copies) {
  finish();
  const std::filesystem::path final_folder = folder_ / fmt::format("step-{}", checkpoint.step);
  std::unique_ptr<Writing> writing;
  collectively(communicator_, [&] {
    checkpointing(final_folder, [&] {
      writing = std::make_unique<Writing>(checkpoint, final_folder, communicator_.rank(), communicator_.size(), copies);
      if (communicator_.rank() != 0) return;
      file_calls::make_folders(folder_);
      file_calls::remove_all(writing->temporary());
      file_calls::make_folders(writing->temporary());
    });
  });
  fault_point("checkpoint.begin");
  return writing;
}

void CheckpointStore::save(const Checkpoint& checkpoint) {
  const std::unique_ptr<Writing> writing = prepare(checkpoint, false);
  collectively(communicator_, [&] { checkpointing(writing->folder(), [&] { writing->write(); }); });
  commit(*writing);
}

void CheckpointStore::begin(const Checkpoint& checkpoint) {
  std::unique_ptr<Writing> writing = prepare(checkpoint, true);
  collectively(communicator_, [&] { checkpointing(writing->folder(), [&] { writing->start(); }); });
  under_way_ = std::move(writing);
}

bool CheckpointStore::written() const noexcept { return under_way_ != nullptr && under_way_->written(); }

void CheckpointStore::finish() {
  if (const std::unique_ptr<Writing> writing = std::move(under_way_)) commit(*writing);
}

void CheckpointStore::commit(Writing& writing) {
  const std::filesystem::path& final_folder = writing.folder();
  const auto together = [&](const auto& work) {
    collectively(communicator_, [&] { checkpointing(final_folder, work); });
  };
  std::string mine;
  together([&] { mine = writing.result(); });
  const std::vector<std::string> parts = communicator_.all_gather(mine);
  together([&] {
    if (communicator_.rank() != 0) return;
    Json& manifest = writing.manifest();
    for (int r = 0; r < communicator_.size(); ++r) {
      const std::vector<std::string> fields = split(parts[static_cast<std::size_t>(r)], ' ');
      manifest["files"][checkpoint_part_name(r, communicator_.size())] = {{"bytes", std::stoull(fields[0])},
                                                                          {"hash", fields[1]}};
    }
    manifest["hash"] = hash_hex(manifest.dump());
    fault_point("checkpoint.manifest");
    write_file_atomically(writing.temporary() / "manifest.json", manifest.dump(1));
    fault_point("checkpoint.rename");
    replace_folder(writing.temporary(), final_folder);
    sync_folder(folder_);
    fault_point("checkpoint.prune");
    remove_older(final_folder);
    fault_point("checkpoint.end");
  });
}

void CheckpointStore::remove_older(const std::filesystem::path& newest) {
  for (const std::filesystem::path& path : broken_) {
    if (path != newest && std::filesystem::exists(path)) retire(path);  // would count as one of those to keep
  }
  broken_.clear();
  const std::vector<std::filesystem::path> all = checkpoints_in(folder_);
  for (std::size_t i = static_cast<std::size_t>(keep_); i < all.size(); ++i) retire(all[i]);
  remove_leftovers(folder_);
}

std::optional<Checkpoint> CheckpointStore::load_newest() {
  std::string chosen;
  collectively(communicator_, [&] {
    if (communicator_.rank() != 0) return;
    const auto newest = newest_checkpoint(folder_, [&](const std::filesystem::path& folder, const Error& error) {
      log::warning("checkpoint {} is skipped: {}", folder.string(), error.message());
      broken_.push_back(folder);
    });
    if (newest) chosen = newest->string();
  });
  chosen = communicator_.broadcast_text(chosen, 0);
  if (chosen.empty()) return std::nullopt;
  std::optional<Checkpoint> checkpoint;
  collectively(communicator_, [&] { checkpoint = read_checkpoint(chosen); });
  return checkpoint;
}

void CheckpointStore::clear() {
  under_way_.reset();
  collectively(communicator_, [&] {
    communicator_.barrier();  // every rank's part is written, or will not be
    if (communicator_.rank() == 0) file_calls::remove_all(folder_);
  });
}

}  // namespace stet
