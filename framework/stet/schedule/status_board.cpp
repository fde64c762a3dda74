#include <stet/schedule/status_board.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

namespace stet {

namespace {
constexpr std::string_view prefix = ".status-";
constexpr std::string_view account_suffix = ".account";
constexpr const char* lock_name = ".lock";

/// Boards of an experiment come and go one at a time: else another command's remove_dead() could meet a board between
/// its folder and its lock, take it for a dead one's and remove it, or open the lock of one that is just being removed.
std::optional<FileLock> one_at_a_time(const std::filesystem::path& experiment) {
  return FileLock::acquire_folder(experiment);
}
}  // namespace

void StatusBoard::create() {
  std::filesystem::create_directories(folder_.parent_path());
  const std::optional<FileLock> guard = one_at_a_time(folder_.parent_path());
  std::filesystem::create_directories(folder_);
  owned_ = FileLock::try_acquire(folder_ / lock_name);
}

void StatusBoard::remove() {
  const std::optional<FileLock> guard = one_at_a_time(folder_.parent_path());
  owned_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void StatusBoard::write(const std::string& name, const std::string& text) const {
  const std::filesystem::path file = folder_ / name, temporary = folder_ / ("." + name);
  std::ofstream(temporary) << text;
  std::error_code ignored;
  std::filesystem::rename(temporary, file, ignored);
}

void StatusBoard::publish(const Progress& progress) const {
  write(writer_, fmt::format("{} {} {} {} {}", progress.fraction, progress.tokens_per_second, progress.seconds,
                             progress.identity, progress.task));
}

void StatusBoard::publish(const WorkAccount& account) const {
  std::error_code ignored;
  std::filesystem::remove(folder_ / writer_, ignored);  // nothing is under way any more
  write(writer_ + std::string(account_suffix), fmt::format("{} {}", account.busy_seconds, account.span_seconds));
}

std::vector<Progress> StatusBoard::progress() const {
  std::vector<Progress> all;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.') || name.ends_with(account_suffix)) continue;
    Progress progress;
    std::ifstream in(entry.path());
    in >> progress.fraction >> progress.tokens_per_second >> progress.seconds >> progress.identity >> std::ws;
    if (std::getline(in, progress.task)) all.push_back(progress);
  }
  return all;
}

bool StatusBoard::accounted(const std::string& writer) const {
  std::error_code ignored;
  if (std::filesystem::exists(folder_ / (writer + std::string(account_suffix)), ignored)) return true;
  std::filesystem::remove(folder_ / writer, ignored);
  return false;
}

WorkAccount StatusBoard::account() const {
  WorkAccount sum;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.') || !name.ends_with(account_suffix)) continue;
    WorkAccount one;
    std::ifstream in(entry.path());
    if (in >> one.busy_seconds >> one.span_seconds) {
      sum.busy_seconds += one.busy_seconds;
      sum.span_seconds += one.span_seconds;
    }
  }
  return sum;
}

void StatusBoard::remove_dead(const std::filesystem::path& experiment) {
  const std::optional<FileLock> guard = one_at_a_time(experiment);
  std::vector<std::filesystem::path> dead;
  for (const auto& entry : std::filesystem::directory_iterator(experiment)) {
    const std::string name = entry.path().filename().string();
    // A lock says more than a process number, which may be a zombie's, or of another machine.
    if (name.starts_with(prefix) && FileLock::try_acquire(entry.path() / lock_name)) dead.push_back(entry.path());
  }
  std::error_code ignored;
  for (const std::filesystem::path& path : dead) std::filesystem::remove_all(path, ignored);
}

std::filesystem::path StatusBoard::usual_folder(const std::filesystem::path& experiment) {
  return experiment / fmt::format("{}{}", prefix, ::getpid());
}

}  // namespace stet
