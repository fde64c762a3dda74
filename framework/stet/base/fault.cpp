#include <stet/base/fault.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace stet {

namespace {

constexpr std::array<std::string_view, 8> calls = {"open",   "read",   "write", "sync",
                                                   "rename", "resize", "make",  "remove"};

struct NamedError {
  std::string_view name;
  CallFault fault;
};
constexpr NamedError errors[] = {{"ENOSPC", {ENOSPC, false, 0}}, {"EIO", {EIO, false, 0}},
                                 {"EROFS", {EROFS, false, 0}},   {"ESTALE", {ESTALE, false, 0}},
                                 {"EDQUOT", {EDQUOT, false, 0}}, {"short", {0, true, 0}},
                                 {"slow", {0, false, 0.2}}};

enum class What { kill, hang, nan, flip, call };

struct Fault {
  What what = What::kill;
  std::string place;  // a point or a call
  CallFault call;
  long first = 1, last = 1;
  int rank = -1;  // any
  long passed = 0;
};

std::atomic<int> own_rank{0};

bool is_point(std::string_view name) {
  return std::find(fault_points.begin(), fault_points.end(), name) != fault_points.end();
}

/// One fault's text; nothing if it is none.
std::optional<Fault> parse_fault(const std::string& text) {
  std::vector<std::string> parts = split(text, ':');
  Fault fault;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    if (!parts[i].starts_with("rank=")) continue;
    const std::optional<int> rank = whole_number<int>(parts[i].substr(5));
    if (!rank || *rank < 0) return std::nullopt;
    fault.rank = *rank;
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i));
    break;
  }
  const bool of_call = parts.front() == "io";
  if (parts.size() != (of_call ? 3U : 2U)) return std::nullopt;
  std::string place = parts.back();
  if (const std::size_t sign = place.find('='); sign != std::string::npos) {
    std::string count = place.substr(sign + 1);
    const bool on = of_call && count.ends_with('+');
    if (on) count.pop_back();
    const std::optional<long> number = whole_number<long>(count);
    if (!number || *number < 1) return std::nullopt;
    fault.first = *number;
    fault.last = on ? std::numeric_limits<long>::max() : *number;
    place.resize(sign);
  }
  fault.place = place;
  if (place == "step") {
    fault.place = parts.front() == "nan" ? "train.reduce" : parts.front() == "flip" ? "train.update" : "run.step";
  }
  if (of_call) {
    fault.what = What::call;
    const auto* const error =
        std::find_if(std::begin(errors), std::end(errors), [&](const NamedError& e) { return e.name == parts[1]; });
    if (error == std::end(errors) || std::find(calls.begin(), calls.end(), fault.place) == calls.end())
      return std::nullopt;
    fault.call = error->fault;
    return fault;
  }
  if (parts.front() == "kill") {
    fault.what = What::kill;
  } else if (parts.front() == "hang") {
    fault.what = What::hang;
  } else if (parts.front() == "nan") {
    fault.what = What::nan;
  } else if (parts.front() == "flip") {
    fault.what = What::flip;
  } else {
    return std::nullopt;
  }
  const bool fits = fault.what == What::nan    ? fault.place == "train.reduce"
                    : fault.what == What::flip ? fault.place == "train.update"
                                               : is_point(fault.place);
  if (!fits) return std::nullopt;
  return fault;
}

/// What STET_FAULT asks for, and how often each of its places was passed.
class FaultPlan {
 public:
  explicit FaultPlan(std::vector<Fault> faults) : faults_(std::move(faults)) {}

  /// Counts one passing; the fault that is due by it. Of several the first.
  std::optional<Fault> pass(std::string_view place, bool (*meant)(What)) {
    const std::lock_guard lock(mutex_);
    std::optional<Fault> due;
    for (Fault& fault : faults_) {
      if (fault.place != place || !meant(fault.what) || (fault.rank >= 0 && fault.rank != own_rank.load())) continue;
      ++fault.passed;
      if (fault.passed >= fault.first && fault.passed <= fault.last && !due) due = fault;
    }
    return due;
  }

 private:
  std::mutex mutex_;
  std::vector<Fault> faults_;
};

std::vector<Fault> faults_of(const char* text) {
  std::vector<Fault> faults;
  for (const std::string& part : split(text, ',')) {
    std::optional<Fault> fault = parse_fault(part);
    if (!fault)
      throw Error(ErrorKind::config, "bad environment variable STET_FAULT")
          .expected("KIND:POINT[=N][:rank=R] with KIND kill, hang, nan or flip, or io:ERROR:CALL[=N[+]][:rank=R]")
          .received("'" + part + "'")
          .hint("framework/stet/base/fault.hpp lists the points, the calls and the errors");
    faults.push_back(*std::move(fault));
  }
  return faults;
}

std::unique_ptr<FaultPlan> read_plan() {
  const char* const text = std::getenv("STET_FAULT");
  if (text == nullptr || *text == 0) return nullptr;
  try {
    return std::make_unique<FaultPlan>(faults_of(text));
  } catch (const Error&) {
    return nullptr;
  }
}

/// Null without STET_FAULT, and with one that check_faults() refuses.
std::unique_ptr<FaultPlan>& plan() {
  static std::unique_ptr<FaultPlan> made = read_plan();
  return made;
}

}  // namespace

void fault_point(std::string_view name) {
  FaultPlan* const faults = plan().get();
  if (faults == nullptr) return;
  STET_ASSERT(is_point(name));
  const std::optional<Fault> due =
      faults->pass(name, [](What what) { return what == What::kill || what == What::hang; });
  if (!due) return;
  if (due->what == What::kill) std::raise(SIGKILL);
  while (true) ::sleep(3600);
}

bool nan_is_due(std::string_view point) {
  FaultPlan* const faults = plan().get();
  return faults != nullptr && faults->pass(point, [](What what) { return what == What::nan; });
}

bool flip_is_due(std::string_view point) {
  FaultPlan* const faults = plan().get();
  return faults != nullptr && faults->pass(point, [](What what) { return what == What::flip; });
}

CallFault call_fault(std::string_view call) {
  FaultPlan* const faults = plan().get();
  if (faults == nullptr) return {};
  const std::optional<Fault> due = faults->pass(call, [](What what) { return what == What::call; });
  return due ? due->call : CallFault{};
}

std::string check_faults() {
  const char* const text = std::getenv("STET_FAULT");
  if (text == nullptr || *text == 0) return "";
  static_cast<void>(faults_of(text));
  return text;
}

void read_faults_again() { plan() = read_plan(); }

void set_fault_rank(int rank) noexcept { own_rank.store(rank); }

}  // namespace stet
