// The regularizers of one phase, and where each acts: asked once, at its beginning, through the guard.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/plugin/guard.hpp>
#include <stet/plugin/regularizer.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace stet {

/// A regularizer that acts in the present phase.
struct ActiveRegularizer {
  std::string name;
  Regularizer* object;
};

class PhaseRegularizers {
 public:
  struct Entry {
    std::string name;
    Regularizer* object;
    Site site = Site::weights;
    RowScope scope = RowScope::answer;     ///< at Site::outputs
    std::optional<Rehearsal> rehearsal{};  ///< at Site::outputs
    [[nodiscard]] bool rehearses() const { return rehearsal && rehearsal->per_step > 0; }
  };

  explicit PhaseRegularizers(Communicator& communicator) : communicator_(communicator) {}

  /// Asks each where it acts. Throws what its hooks throw.
  void replace(const std::vector<ActiveRegularizer>& regularizers);

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }
  [[nodiscard]] const Entry& operator[](std::size_t i) const { return entries_[i]; }
  [[nodiscard]] auto begin() const noexcept { return entries_.begin(); }
  [[nodiscard]] auto end() const noexcept { return entries_.end(); }
  /// Whether some regularizer acts on weights, and so reads and adds to the gradient of every matrix.
  [[nodiscard]] bool act_on_weights() const noexcept { return on_weights_; }
  /// Whether some regularizer reads every position, not the answer's alone.
  [[nodiscard]] bool read_all_rows() const noexcept { return all_rows_; }

  /// Calls a hook of it through the guard.
  template <class Call>
  decltype(auto) hook(const Entry& entry, const char* name, Call&& call) const {
    return guarded(communicator_.recorder(), "regularizer", entry.name, name, std::forward<Call>(call));
  }

 private:
  Communicator& communicator_;
  std::vector<Entry> entries_;
  bool all_rows_ = false, on_weights_ = false;
};

}  // namespace stet
