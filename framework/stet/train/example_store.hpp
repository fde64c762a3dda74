// Examples over tokenized sets: what the engine shows to plugins beside the batch.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/data/batch.hpp>
#include <stet/model/transformer.hpp>
#include <stet/plugin/examples.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace stet {

/// Sets are numbered in the order of add(); example i of set s gets TokenSequence::example = number_of(s, i), so that
/// the set of any sequence can be told from it, and no two sets share the key of a teacher's cache.
class ExampleStore final : public Examples {
 public:
  /// `shards`: fixed parts in which sums are computed, a multiple of the number of ranks.
  ExampleStore(const Transformer& model, Communicator& communicator, std::int64_t shards);

  /// `make` is called when the set is first asked for, at most once; it must give the same sequences on all ranks. A
  /// set of this name that exists is an assertion.
  void add(std::string name, std::function<std::vector<TokenSequence>()> make);
  /// The order in which rehearsed examples are drawn is keyed with this.
  void draw_by(std::uint64_t seed) noexcept { seed_ = seed; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

  /// Throws Error (config) if there is no such set or it is empty.
  [[nodiscard]] const std::vector<TokenSequence>& sequences(const std::string& set) const;
  /// The number of the set that a sequence came from, an index into sets(); -1: none.
  [[nodiscard]] static std::int32_t set_of(std::uint64_t example) noexcept {
    return static_cast<std::int32_t>(example >> 32) - 1;
  }
  [[nodiscard]] static std::uint64_t number_of(std::size_t set, std::size_t index) noexcept {
    return (static_cast<std::uint64_t>(set) + 1) << 32 | index;
  }
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

  [[nodiscard]] std::vector<std::string> sets() const override { return names_; }
  [[nodiscard]] std::int64_t size(const std::string& set) const override;
  [[nodiscard]] at::Tensor sum_gradients(
      const ExampleRange& range, const at::Tensor& weights, const LogitGradients& of,
      const std::function<void(const at::Tensor&, std::size_t, at::Tensor&)>& add) const override;
  [[nodiscard]] at::Tensor map_gradients(
      const ExampleRange& range, const at::Tensor& weights, const LogitGradients& of,
      const std::function<std::vector<double>(const at::Tensor&)>& read) const override;
  void for_each(const ExampleRange& range, const at::Tensor& weights,
                const std::function<void(const ExampleRows&)>& visit) const override;

 private:
  struct Part;
  [[nodiscard]] Part part(const ExampleRange& range) const;
  void gradients(std::span<const TokenSequence> group, std::int64_t first, const at::Tensor& weights,
                 const LogitGradients& of, const std::function<void(const at::Tensor&, std::size_t)>& visit) const;
  void with_rows(std::span<const TokenSequence> group, std::int64_t first, const at::Tensor& weights, Activations* kept,
                 const std::function<void(const ExampleRows&, const PackedBatch&)>& visit) const;

  struct Set {
    std::function<std::vector<TokenSequence>()> make;
    std::vector<TokenSequence> sequences;
  };
  const Transformer& model_;
  Communicator& communicator_;
  std::int64_t shards_;
  std::uint64_t seed_ = 1;
  std::vector<std::string> names_;
  mutable std::vector<Set> sets_;  // filled when asked for
  mutable Activations activations_;
};

}  // namespace stet
