// The flat weights that plugins may look back at, by name.
#pragma once

#include <stet/plugin/context.hpp>

#include <map>
#include <string>
#include <utility>

namespace stet {

/// "base" and finished phases. Tensors are shared, not copied.
class SnapshotStore : public Snapshots {
 public:
  [[nodiscard]] const at::Tensor& get(const std::string& name) const override;
  void put(const std::string& name, at::Tensor weights) { snapshots_[name] = std::move(weights); }
  [[nodiscard]] const std::map<std::string, at::Tensor>& all() const noexcept { return snapshots_; }

 private:
  std::map<std::string, at::Tensor> snapshots_;
};

}  // namespace stet
