#include <stet/conformance/journal.hpp>

#include <stet/base/error.hpp>

#include <nlohmann/json.hpp>

#include <fstream>

namespace stet {

namespace {

using Json = nlohmann::json;

// Texts are a plugin's, and may be no UTF-8.
std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json to_json(const CheckResult& result) {
  return {{"check", result.check},
          {"verdict", static_cast<int>(result.verdict)},
          {"detail", result.detail},
          {"hint", result.hint}};
}

CheckResult result_of(const Json& json) {
  return {json.at("check"), static_cast<CheckVerdict>(json.at("verdict").get<int>()), json.at("detail"),
          json.at("hint")};
}

}  // namespace

CheckJournal::CheckJournal(std::filesystem::path file, unsigned time_limit)
    : file_(std::move(file)), time_limit_(time_limit) {
  std::ifstream stream(file_);
  std::string line;
  try {
    while (std::getline(stream, line)) take(line);
  } catch (const Json::exception& error) {
    throw Error(ErrorKind::checkpoint, "the journal of checks cannot be read")
        .at(file_.string())
        .received(error.what());
  }
}

void CheckJournal::take(const std::string& line) {
  const Json json = Json::parse(line);
  if (json.contains("title")) {
    title_ = json.at("title");
    for (const Json& one : json.at("reports")) {
      ClassReport& report =
          reports_.emplace_back(ClassReport{one.at("kind"), one.at("name"), one.at("parameters"), {}});
      for (const Json& check : one.at("checks")) report.checks.push_back(result_of(check));
    }
    return;
  }
  if (json.contains("gave_up")) {
    gave_up_ = true;
    return;
  }
  const Key key{json.at("class"), json.at("check")};
  if (json.contains("result")) {
    results_[key] = {result_of(json.at("result")), json.at("crashed")};
  } else {
    begun_ = key;
  }
}

void CheckJournal::append(const std::string& line) const {
  std::ofstream stream(file_, std::ios::app);
  stream << line << '\n' << std::flush;  // in the kernel's hands: it survives this process
  if (!stream) throw Error(ErrorKind::checkpoint, "cannot write the journal of checks").at(file_.string());
}

const CheckResult* CheckJournal::result(const Key& key) const {
  const auto found = results_.find(key);
  return found == results_.end() ? nullptr : &found->second.first;
}

bool CheckJournal::crashed(const Key& key) const {
  const auto found = results_.find(key);
  return found != results_.end() && found->second.second;
}

std::optional<CheckJournal::Key> CheckJournal::unfinished() const {
  return begun_ && !results_.contains(*begun_) ? begun_ : std::nullopt;
}

void CheckJournal::begin(const Key& key) {
  begun_ = key;
  append(dump({{"class", key.first}, {"check", key.second}}));
}

void CheckJournal::end(const Key& key, const CheckResult& result) {
  results_[key] = {result, false};
  append(dump({{"class", key.first}, {"check", key.second}, {"result", to_json(result)}, {"crashed", false}}));
}

void CheckJournal::crash(const Key& key, const CheckResult& result) {
  results_[key] = {result, true};
  append(dump({{"class", key.first}, {"check", key.second}, {"result", to_json(result)}, {"crashed", true}}));
}

void CheckJournal::finish(const std::string& title, std::span<const ClassReport> reports) {
  Json all = Json::array();
  for (const ClassReport& report : reports) {
    Json checks = Json::array();
    for (const CheckResult& check : report.checks) checks.push_back(to_json(check));
    all.push_back(
        {{"kind", report.kind}, {"name", report.name}, {"parameters", report.parameters}, {"checks", checks}});
  }
  title_ = title;
  reports_.assign(reports.begin(), reports.end());
  append(dump({{"title", title}, {"reports", all}}));
}

void CheckJournal::give_up() {
  gave_up_ = true;
  append(dump({{"gave_up", true}}));
}

}  // namespace stet
