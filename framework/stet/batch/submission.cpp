#include <stet/batch/submission.hpp>

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/base/strings.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

namespace stet::batch {

namespace {
std::filesystem::path list_of(const std::filesystem::path& folder) { return folder / "slurm" / "submissions.jsonl"; }

std::string text_of(const std::filesystem::path& file) {
  return std::filesystem::exists(file) ? read_file(file) : std::string();
}
}  // namespace

std::string note_of(const Submission& submission) {
  const nlohmann::json line{{"what", submission.what},
                            {"script", submission.script},
                            {"file", submission.file},
                            {"overrides", submission.overrides},
                            {"array", submission.array}};
  const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return text.substr(1, text.size() - 2);
}

void remember(const std::filesystem::path& folder, const Submission& submission) {
  const std::filesystem::path list = list_of(folder);
  std::filesystem::create_directories(list.parent_path());
  std::ofstream out(list, std::ios::app);
  out << R"({"job":")" << submission.job << "\"," << note_of(submission) << "}\n" << std::flush;
  if (!out)
    throw Error(ErrorKind::data, "the submitted job cannot be noted")
        .at(list.string())
        .received(std::strerror(errno))
        .hint("the job is in the queue all the same: " + submission.job);
}

std::vector<Submission> submissions(const std::filesystem::path& folder) {
  std::vector<Submission> list;
  std::size_t number = 0;
  for (const std::string& line : split(text_of(list_of(folder)), '\n')) {
    ++number;
    const nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) continue;
    try {
      const auto job = json.at("job").get<std::string>();
      // It becomes an argument of squeue and scancel.
      if (!whole_number<std::uint64_t>(job)) {
        throw Error(ErrorKind::data, "the list of submitted jobs was altered")
            .at(list_of(folder).string(), number)
            .expected("the number of a job")
            .received("'" + job + "'")
            .hint("remove the line");
      }
      // Noted twice: by `stet submit`, and by the job that began meanwhile.
      if (std::any_of(list.begin(), list.end(), [&job](const Submission& before) { return before.job == job; }))
        continue;
      // Its name alone, so that it is the folder's, wherever that was moved to.
      const std::filesystem::path script = json.at("script").get<std::string>();
      list.push_back({job, json.at("what").get<std::string>(), folder / "slurm" / script.filename(),
                      json.at("file").get<std::string>(), json.at("overrides").get<std::vector<std::string>>(),
                      json.at("array").get<bool>()});
    } catch (const nlohmann::json::exception&) {
      continue;
    }
  }
  return list;
}

std::filesystem::path log_file(const std::filesystem::path& folder, const std::string& name, const std::string& id) {
  return folder / "slurm" / (name + "-" + id + ".out");
}

std::vector<std::string> nodes_that_killed(const std::filesystem::path& folder) {
  std::set<std::string> nodes;
  for (const std::string& line : split(text_of(folder / "slurm" / "nodes-that-killed"), '\n')) {
    // Into a directive of a script: what cannot be a node's name was not written by a job.
    const bool name = line.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
                      std::string::npos;
    if (!line.empty() && name) nodes.insert(line);
  }
  return {nodes.begin(), nodes.end()};
}

}  // namespace stet::batch
