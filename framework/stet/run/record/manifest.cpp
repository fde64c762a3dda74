#include <stet/run/record/manifest.hpp>

#include <stet/base/hash.hpp>
#include <stet/train/low_rank.hpp>

#include <map>

namespace stet {

std::string freeze_manifest(const std::string& phase, const std::string& strategy, const ParameterTable& table,
                            const TrainableSelection& selection) {
  std::int64_t trained = 0;
  std::map<std::string, std::int64_t> by_role;
  std::string list;
  for (std::size_t i = 0; i < table.size(); ++i) {
    const ParameterInfo& info = table[i];
    std::int64_t count = selection.trains[i] ? info.count : 0;
    const auto mask = selection.masks.find(i);
    if (count > 0 && mask != selection.masks.end()) count = mask->second.sum().item<std::int64_t>();
    const auto low_rank = selection.low_rank.find(i);
    std::string how;
    if (low_rank != selection.low_rank.end()) {
      count = factor_elements(info, low_rank->second);
      how = fmt::format("; rank {}, scale {:.6g}, seed {}{}", low_rank->second.rank, low_rank->second.scale,
                        low_rank->second.seed, low_rank->second.decays ? ", decays" : "");
    }
    trained += count;
    if (count > 0) by_role[std::string(role_name(info.role))] += count;
    list += fmt::format("  {} {} ({} of {}{})\n", count > 0 ? "trains" : "frozen", info.name, count, info.count, how);
  }
  std::string text = fmt::format(
      "phase {}: freeze strategy {}, {} of {} parameters train ({:.1f} %), selection {}\n", phase, strategy, trained,
      table.total(), 100.0 * static_cast<double>(trained) / static_cast<double>(table.total()), hash_hex(list));
  for (const auto& [role, count] : by_role) text += fmt::format("  {}: {}\n", role, count);
  return text + list;
}

}  // namespace stet
