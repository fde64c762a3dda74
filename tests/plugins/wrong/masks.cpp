// Freeze strategies with masks that cannot be used, one class a mistake, and a regularizer that does not look at the
// masks.
#include "average.hpp"

#include <optional>

namespace {

struct Nothing {};

using Make = void (*)(stet::TrainableSelection&, const stet::ParameterTable&);

template <Make make>
class Wrong final : public stet::FreezeStrategy {
 public:
  explicit Wrong(const Nothing&) {}
  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    stet::TrainableSelection selection;
    selection.trains.assign(table.size(), true);
    make(selection, table);
    return selection;
  }
};

void short_mask(stet::TrainableSelection& selection, const stet::ParameterTable&) {
  selection.masks[1] = at::ones({3}, at::kByte);
}
void turned_mask(stet::TrainableSelection& selection, const stet::ParameterTable& table) {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table[i].shape.size() == 2 && table[i].shape[0] != table[i].shape[1]) {
      selection.masks[i] = at::ones({table[i].shape[1], table[i].shape[0]}, at::kByte).t();
      return;
    }
  }
}
void large_mask(stet::TrainableSelection& selection, const stet::ParameterTable& table) {
  selection.masks[1] = at::full(table[1].shape, 255, at::kByte);
}
void frozen_mask(stet::TrainableSelection& selection, const stet::ParameterTable& table) {
  selection.trains[1] = false;
  selection.masks[1] = at::ones(table[1].shape, at::kByte);
}
void undefined_mask(stet::TrainableSelection& selection, const stet::ParameterTable&) {
  selection.masks[1] = at::Tensor();
}
void empty_masks(stet::TrainableSelection& selection, const stet::ParameterTable& table) {
  for (std::size_t i = 0; i < table.size(); ++i) selection.masks[i] = at::zeros(table[i].shape, at::kByte);
}

/// Half way back to where the phase began, whatever trains of a parameter.
class IgnoresMasks final : public wrong::OnWeights {
 public:
  using OnWeights::OnWeights;
  [[nodiscard]] double add_gradient(const stet::WeightContext&) override { return 0; }
  [[nodiscard]] std::optional<at::Tensor> replace_weights(const stet::WeightContext& context) override {
    if (strength_ == 0) return std::nullopt;
    at::Tensor mixed = context.values.clone();
    for (std::size_t i = 0; i < context.table.size(); ++i) {
      if (context.trains[i]) context.table.view(mixed, i).mul_(0.5);
    }
    return mixed;
  }
};

}  // namespace

STET_PLUGIN("masks", "1.0", "stet") {
  const auto add = [&]<class Class>(const char* name, Class*) {
    registrar.freeze_strategy<Class>(name, "wrong on purpose",
                                     stet::config::Schema<Nothing>(std::string("freeze.") + name));
  };
  add("short_mask", static_cast<Wrong<short_mask>*>(nullptr));
  add("turned_mask", static_cast<Wrong<turned_mask>*>(nullptr));
  add("large_mask", static_cast<Wrong<large_mask>*>(nullptr));
  add("frozen_mask", static_cast<Wrong<frozen_mask>*>(nullptr));
  add("undefined_mask", static_cast<Wrong<undefined_mask>*>(nullptr));
  add("empty_masks", static_cast<Wrong<empty_masks>*>(nullptr));
  registrar.regularizer<IgnoresMasks>("ignores_masks", "wrong on purpose", wrong::schema("ignores_masks"));
}
