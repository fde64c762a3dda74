// Initialising and finalising MPI. Compiled only with MPI (STET_HAVE_MPI); an inner part of Session.
#pragma once

#include <stet/comm/communicator.hpp>

#include <memory>
#include <string>

namespace stet {

/// MPI is initialised while this object lives. At most one a process, ever.
class MpiEnvironment {
 public:
  /// Throws Error (communication) if MPI offers no thread support.
  MpiEnvironment();
  ~MpiEnvironment();
  MpiEnvironment(const MpiEnvironment&) = delete;
  MpiEnvironment& operator=(const MpiEnvironment&) = delete;

  /// All processes, in a context of its own.
  [[nodiscard]] static std::unique_ptr<Communicator> world();
  /// For instance "Open MPI v4.1.4".
  [[nodiscard]] static std::string library();
};

}  // namespace stet
