#include <stet/comm/detected_launch.hpp>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace stet {

namespace {
/// A positive whole number, or 0 if the variable is not set or is something else.
int number(const Environment& environment, const char* name) {
  const char* value = environment(name);
  if (value == nullptr) return 0;
  const std::string_view text(value);
  int result = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  return error == std::errc() && end == text.data() + text.size() && result > 0 ? result : 0;
}
}  // namespace

Launch detect_launch(const Environment& environment) {
  const auto has = [&](const char* name) { return environment(name) != nullptr; };
  // Open MPI's own variables first: its mpirun may itself run inside a Slurm step and inherit that step's.
  if (has("OMPI_COMM_WORLD_SIZE")) return {"Open MPI (mpirun)", number(environment, "OMPI_COMM_WORLD_SIZE")};
  const int tasks = number(environment, "SLURM_STEP_NUM_TASKS");
  if (has("PMIX_RANK")) {
    if (tasks == 1) return {};
    return {tasks > 1 ? "PMIx (srun)" : "PMIx", tasks};
  }
  if (has("PMI_RANK") || has("PMI_SIZE")) {
    if (tasks == 1) return {};
    return {tasks > 1 ? "PMI (srun)" : "PMI (mpiexec)", number(environment, "PMI_SIZE")};
  }
  if (has("MPI_LOCALNRANKS")) return {"MPICH (mpiexec)", 0};  // it counts this node only
  if (tasks > 1) return {"", tasks, true};
  return {};
}

std::string launch_detected() {
  return detect_launch([](const char* name) { return std::getenv(name); }).launcher;
}

}  // namespace stet
