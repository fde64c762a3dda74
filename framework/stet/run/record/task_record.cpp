#include <stet/run/record/task_record.hpp>

#include <stet/base/file/contained_path.hpp>
#include <stet/base/file/file_calls.hpp>
#include <stet/base/hash.hpp>
#include <stet/base/host/host_identity.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/json.hpp>
#include <stet/model/arithmetic.hpp>
#include <stet/run/record/model_folder.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace stet::task {

namespace {
/// Temporary files of AtomicFile. Whoever calls holds the task's lock, so they are nobody's.
void remove_half_written(const std::filesystem::path& task) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(task)) {
    if (entry.is_regular_file() && entry.path().filename().string().find(".tmp.") != std::string::npos)
      files.push_back(entry.path());
  }
  for (const std::filesystem::path& file : files) std::filesystem::remove(file);
}
}  // namespace

namespace {

constexpr const char* machines_file = "machines";

/// What computed the task so far, in its order.
std::vector<std::string> machines_of(const std::filesystem::path& task) {
  if (!std::filesystem::exists(task / machines_file)) return {};
  std::vector<std::string> lines = split(read_file(task / machines_file), '\n');
  std::erase(lines, "");
  return lines;
}

/// A task may go on elsewhere from its checkpoint: whoever finishes it must know where it was before.
void note_machine(const std::filesystem::path& task) {
  const std::filesystem::path checkpoints = task / "checkpoints";
  const bool goes_on = std::filesystem::exists(checkpoints) && !std::filesystem::is_empty(checkpoints);
  const std::vector<std::string> known = machines_of(task);
  std::vector<std::string> now = goes_on ? known : std::vector<std::string>{};
  const std::string here = kind_of(inspect_arithmetic());
  if (std::find(now.begin(), now.end(), here) == now.end()) now.push_back(here);
  if (now != known) write_file_atomically(task / machines_file, join(now, "\n") + "\n");
}

/// Record::machine.
std::string machine_of(const nlohmann::json& record) {
  const auto machine = record.find("machine");
  if (machine == record.end()) return "";
  const auto text = [&machine](const char* key) { return machine->at(key).get<std::string>(); };
  std::string kinds;
  for (const std::string& before : record.value("machines_before", std::vector<std::string>()))
    kinds += before + ", then ";
  Arithmetic there;
  there.cpu = text("processor");
  there.kernel_simd = text("kernels");
  there.torch_version = text("libtorch");
  there.aten_simd = text("libtorch_kernels");
  there.blas = text("blas");
  return kinds + kind_of(there);
}

}  // namespace

bool holds_model(const std::filesystem::path& task) {
  return std::all_of(own_model_files.begin(), own_model_files.end(),
                     [&](const char* name) { return std::filesystem::exists(task / name); });
}

bool finished(const std::filesystem::path& task) { return std::filesystem::exists(task / "finished.json"); }

namespace {
/// A number that is small, or a member that is not what it was written as.
int small_number(const nlohmann::json& record, const char* key) {
  const std::optional<std::int64_t> number = as_whole(record.at(key));
  if (number && std::in_range<int>(*number)) return static_cast<int>(*number);
  throw Error(ErrorKind::data, fmt::format("\"{}\" is not a whole number", key)).received(excerpt(record.at(key)));
}
}  // namespace

std::optional<Failure> last_failure(const std::filesystem::path& task) {
  if (!std::filesystem::exists(task / "failed.json")) return std::nullopt;
  try {
    const auto json = nlohmann::json::parse(read_file(task / "failed.json"));
    return Failure{json.at("message").get<std::string>(), small_number(json, "exit_code"),
                   json.at("session").get<std::string>()};
  } catch (const std::exception&) {
    return std::nullopt;  // written half by a dying process
  }
}

std::optional<Failure> failure(const std::filesystem::path& task, const std::string& session) {
  std::optional<Failure> last = last_failure(task);
  return last && last->session == session ? last : std::nullopt;
}

bool claim(Communicator& communicator, const std::filesystem::path& task, std::optional<FileLock>& lock) {
  std::string got;
  collectively(communicator, [&] {
    if (communicator.rank() != 0) return;
    file_calls::make_folders(task);
    lock = FileLock::try_acquire(task / "lock");
    got = lock ? "yes" : "";
    if (!lock) return;
    remove_half_written(task);
    if (!finished(task)) note_machine(task);
  });
  return !communicator.broadcast_text(got, 0).empty();
}

void tidy(const std::filesystem::path& task) noexcept {
  try {
    if (!finished(task) || !std::filesystem::exists(task / "checkpoints")) return;
    if (const std::optional<FileLock> lock = FileLock::try_acquire(task / "lock"))
      file_calls::remove_all(task / "checkpoints");
  } catch (const std::exception&) {
    // Untidy is not wrong, and one rank alone calls this: it must not fail alone.
  }
}

namespace {

/// What `read` makes of a task's finished.json.
template <class Read>
auto read_record(const std::filesystem::path& task, const Read& read) {
  const std::filesystem::path file = task / "finished.json";
  const char* const again = "it was altered; remove it, and the task is made again";
  try {
    return read(parse_json(read_file(stays_within(task, file)), file.string()));
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::data, std::string("the record of a finished task cannot be read: ") + error.what())
        .at(file.string())
        .hint(again);
  } catch (Error& error) {
    if (error.where().empty()) error.at(file.string());
    error.hint(again);
    throw;
  }
}

void write_record(const std::filesystem::path& task, const nlohmann::json& record) {
  // A processor's name is its maker's: it need not be UTF-8.
  write_file_atomically(task / "finished.json",
                        record.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace

Record record(const std::filesystem::path& task) {
  return read_record(task, [](const nlohmann::json& json) -> Record {
    const auto wall = json.at("seconds").get<double>();
    // A task of an older stet knows its time of the wall alone.
    return {{wall, json.value("processor_seconds", wall)},
            small_number(json, "ranks"),
            json.value("ended", 0.0),
            machine_of(json),
            json.value("outcomes", std::string())};
  });
}

std::string content_hash(const std::filesystem::path& task, std::span<const char* const> files) {
  if (files.size() == 1) return hash_file(task / files[0]);
  Hasher hash;
  for (const char* file : files) hash.add(std::string_view(hash_file(task / file)));
  return hash.hex();
}

void refuse_altered(const std::filesystem::path& task, std::span<const char* const> files) {
  const std::string then = record(task).outcomes;
  if (then.empty()) return;
  const std::string now = content_hash(task, files);
  if (now == then) return;
  throw Error(ErrorKind::data, "the files of a finished task were altered")
      .at(files.size() == 1 ? (task / files[0]).string() : task.string())
      .expected("content " + then)
      .received("content " + now)
      .hint("remove the folder " + task.string() + "; the same command then makes the task again");
}

void copy_record(const std::filesystem::path& from, const std::filesystem::path& to, const std::string& outcomes) {
  write_record(to, read_record(from, [&](nlohmann::json json) {
                 json["outcomes"] = outcomes;
                 return json;
               }));
  std::error_code ignored;
  std::filesystem::remove(to / machines_file, ignored);
}

void mark_finished(const std::filesystem::path& task, const TimeSpent& spent, int ranks, const std::string& outcomes) {
  std::error_code ignored;
  std::filesystem::remove(task / "failed.json", ignored);
  nlohmann::json json{{"seconds", spent.wall}, {"processor_seconds", spent.processor},
                      {"ranks", ranks},        {"time", utc_now()},
                      {"ended", unix_now()},   {"host", host_name()}};
  const Arithmetic here = inspect_arithmetic();
  json["machine"] = {{"processor", here.cpu},
                     {"kernels", here.kernel_simd},
                     {"libtorch", here.torch_version},
                     {"libtorch_kernels", here.aten_simd},
                     {"blas", here.blas}};
  std::vector<std::string> before = machines_of(task);
  std::erase(before, kind_of(here));
  if (!before.empty()) json["machines_before"] = before;
  std::filesystem::remove(task / machines_file, ignored);
  if (!outcomes.empty()) json["outcomes"] = outcomes;
  write_record(task, json);
}

void mark_failed(const std::filesystem::path& task, const std::string& session, const Error& error) {
  nlohmann::json json{{"session", session},
                      {"message", error.what()},
                      {"exit_code", error.exit_code()},
                      {"time", utc_now()},
                      {"host", host_name()}};
  const std::pair<const char*, const std::string&> parts[] = {
      {"what", error.message()},      {"where", error.where()}, {"expected", error.expected()},
      {"received", error.received()}, {"hint", error.hint()},   {"detail", error.detail()}};
  for (const auto& [name, part] : parts) {
    if (!part.empty()) json[name] = part;
  }
  write_file_atomically(task / "failed.json",
                        json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace stet::task
