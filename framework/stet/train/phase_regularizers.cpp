#include <stet/train/phase_regularizers.hpp>

namespace stet {

void PhaseRegularizers::replace(const std::vector<ActiveRegularizer>& regularizers) {
  all_rows_ = on_weights_ = false;
  entries_.clear();
  for (const ActiveRegularizer& regularizer : regularizers) {
    Entry entry{regularizer.name, regularizer.object};
    entry.site = hook(entry, "site", [&] { return entry.object->site(); });
    on_weights_ = on_weights_ || entry.site == Site::weights;
    if (entry.site == Site::outputs) {
      entry.scope = hook(entry, "scope", [&] { return entry.object->scope(); });
      entry.rehearsal = hook(entry, "rehearsal", [&] { return entry.object->rehearsal(); });
      all_rows_ = all_rows_ || entry.scope == RowScope::all;
    }
    entries_.push_back(std::move(entry));
  }
}

}  // namespace stet
