// stet checkpoint inspect, verify, diff.
#include <stet/cli/commands/commands.hpp>

#include <stet/base/error.hpp>
#include <stet/base/log.hpp>
#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/checkpoint/checkpoint_store.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace stet {

namespace {

Error no_checkpoint(const std::filesystem::path& folder) {
  return Error(ErrorKind::checkpoint, "there is no checkpoint")
      .at(folder.string())
      .expected("folders named step-N, in it or below it")
      .received(std::filesystem::is_directory(folder) ? "a folder without any"
                : std::filesystem::exists(folder)     ? "a file"
                                                      : "nothing of that name")
      .hint("those of a run that is under way are in RUNS/NAME/runs/ARM-sSEED-HASH/checkpoints");
}

/// The step-N folder itself, or of a folder of checkpoints the one that a resume would take. Throws the reason why the
/// newest is not whole if none is.
std::filesystem::path checkpoint_at(std::filesystem::path folder) {
  const bool step = folder.filename().string().starts_with("step-") && std::filesystem::is_directory(folder);
  if (step || std::filesystem::exists(folder / "manifest.json")) return folder;
  std::optional<Error> reason;
  const std::optional<std::filesystem::path> newest =
      newest_checkpoint(folder, [&reason](const auto&, const Error& error) {
        log::warning("skipped: {}", error.what());
        if (!reason) reason = error;
      });
  if (newest) return *newest;
  if (reason) throw *reason;
  throw no_checkpoint(folder);
}

/// Where two tensors of one name differ; empty if they are the same bits.
std::string difference(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() != b.scalar_type()) return "of another type";
  if (a.sizes() != b.sizes())
    return fmt::format("[{}] and [{}]", fmt::join(a.sizes(), ", "), fmt::join(b.sizes(), ", "));
  if (hash_tensor(a) == hash_tensor(b)) return "";
  const at::Tensor apart = a.to(at::kDouble).sub(b.to(at::kDouble)).abs();
  return fmt::format("{} of {} values differ, by at most {:.3g}", apart.ne(0).sum().item<std::int64_t>(), a.numel(),
                     a.numel() == 0 ? 0.0 : apart.max().item<double>());
}

}  // namespace

int checkpoint_inspect_command(const Options& options) {
  const std::filesystem::path folder = checkpoint_at(options.file);
  const CheckpointSummary summary = verify_checkpoint(folder);
  print_shown("{}: whole; step {}, written by {} ranks, {}\n", folder.string(), summary.step, summary.ranks,
              format_bytes(static_cast<double>(summary.bytes)));
  for (const auto& [name, shape] : summary.shapes) print_shown("  {} [{}]\n", name, fmt::join(shape, ", "));
  for (const auto& [key, value] : summary.metadata) {
    const std::string first_line = value.substr(0, std::min<std::size_t>(100, value.find('\n')));
    print_shown("  {} = {}{}\n", key, first_line,
                value.size() > first_line.size() ? fmt::format("... ({} characters)", value.size()) : "");
  }
  return 0;
}

int checkpoint_verify_command(const Options& options) {
  std::vector<std::filesystem::path> folders;
  if (std::filesystem::exists(options.file / "manifest.json")) folders = {options.file};
  if (folders.empty() && std::filesystem::is_directory(options.file)) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(options.file)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory() && name.starts_with("step-") && !name.ends_with(".tmp")) folders.push_back(entry.path());
    }
  }
  std::sort(folders.begin(), folders.end());
  if (folders.empty()) throw no_checkpoint(options.file);
  std::size_t broken = 0;
  for (const std::filesystem::path& folder : folders) {
    try {
      const CheckpointSummary summary = verify_checkpoint(folder);
      print_shown("{}: whole; step {}, {}\n", folder.string(), summary.step,
                  format_bytes(static_cast<double>(summary.bytes)));
    } catch (const Error& error) {
      ++broken;
      print_shown("{}: BROKEN: {}\n", folder.string(), error.what());
    }
  }
  print_shown("{} whole, {} broken\n", folders.size() - broken, broken);
  return broken == 0 ? 0 : static_cast<int>(ErrorKind::checkpoint);
}

int checkpoint_diff_command(const Options& options) {
  const Checkpoint a = read_checkpoint(checkpoint_at(options.file)),
                   b = read_checkpoint(checkpoint_at(options.destination));
  std::size_t differences = 0;
  const auto say = [&differences](const std::string& what, const std::string& how) {
    ++differences;
    print_shown("  {}: {}\n", what, how);
  };
  if (a.step != b.step) say("step", fmt::format("{} and {}", a.step, b.step));
  for (const auto& [name, tensor] : a.tensors) {
    const auto other = b.tensors.find(name);
    const std::string how = other == b.tensors.end() ? "in the first alone" : difference(tensor, other->second);
    if (!how.empty()) say(name, how);
  }
  for (const auto& [name, tensor] : b.tensors) {
    if (!a.tensors.contains(name)) say(name, "in the second alone");
  }
  for (const auto& [key, value] : a.metadata) {
    const auto other = b.metadata.find(key);
    if (other == b.metadata.end() || other->second != value) say(key, "another text");
  }
  for (const auto& [key, value] : b.metadata) {
    if (!a.metadata.contains(key)) say(key, "in the second alone");
  }
  if (differences == 0) print_shown("the same: {} tensors, bit for bit\n", a.tensors.size());
  return differences == 0 ? 0 : 1;
}

}  // namespace stet
