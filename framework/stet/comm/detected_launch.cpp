#include <stet/comm/detected_launch.hpp>

#include <stet/base/strings.hpp>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace stet {

namespace {
/// A positive whole number, or 0 if the variable is not set or is something else.
int number(const Environment& environment, const char* name) {
  const char* value = environment(name);
  return value == nullptr ? 0 : std::max(0, whole_number<int>(value).value_or(0));
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
