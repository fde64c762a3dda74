#include <stet/sdk/term_rows.hpp>

#include <algorithm>
#include <cstddef>

namespace stet {

at::Tensor rows_of_set(const OutputContext& context, const std::string& set) {
  const auto found = std::find(context.sets.begin(), context.sets.end(), set);
  at::Tensor rows = at::zeros({static_cast<std::int64_t>(context.sequence_of.size())}, at::kBool);
  if (found == context.sets.end()) return rows;
  const auto number = static_cast<std::int32_t>(found - context.sets.begin());
  bool* const of = rows.data_ptr<bool>();
  for (std::size_t p = 0; p < context.sequence_of.size(); ++p) {
    of[p] = context.set_of[static_cast<std::size_t>(context.sequence_of[p])] == number;
  }
  return rows;
}

void TermRows::check(const CheckContext& context, const std::string& key) const {
  if (on_ != "batch") context.require_examples(key, on_);
}

void TermRows::begin_phase(const PhaseContext& context) const {
  if (picks()) static_cast<void>(context.examples.size(on_));
}

std::optional<Rehearsal> TermRows::rehearsal() const {
  if (on_ == "batch" || picks()) return std::nullopt;
  return Rehearsal{on_, per_step_};
}

std::optional<at::Tensor> TermRows::weights(const OutputContext& context, double strength) const {
  const at::Tensor all = context.row_weights * strength;
  if (!picks()) return all;
  const at::Tensor mine = rows_of_set(context, on_);
  if (!mine.any().item<bool>()) return std::nullopt;
  return all * mine.to(all.scalar_type());
}

}  // namespace stet
