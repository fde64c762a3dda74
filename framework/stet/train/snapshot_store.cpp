#include <stet/train/snapshot_store.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>

#include <vector>

namespace stet {

const at::Tensor& SnapshotStore::get(const std::string& name) const {
  const auto found = snapshots_.find(name);
  if (found != snapshots_.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, weights] : snapshots_) names.push_back(known);
  throw Error(ErrorKind::config, "there is no snapshot '" + name + "' at this point of the run")
      .expected("base, or the name of a phase that is over: " + join(names, ", "))
      .hint(suggestion(name, names));
}

}  // namespace stet
