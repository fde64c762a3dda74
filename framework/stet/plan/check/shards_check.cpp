#include <stet/plan/check/shards_check.hpp>

#include <stet/data/shard_set.hpp>
#include <stet/plan/content_stamps.hpp>

#include <set>

namespace stet {

void check_shards(const Plan& plan, const std::filesystem::path& stamps_file) {
  std::set<std::string> folders;
  for (const PlannedBase& base : plan.bases) {
    if (!base.config.pretrain.shards.empty()) folders.insert(base.config.pretrain.shards);
  }
  if (folders.empty()) return;
  ContentStamps stamps(stamps_file);
  for (const std::string& folder : folders) {
    ShardSet set = ShardSet::open(folder);
    for (std::size_t k = 0; k < set.index().shards.size(); ++k) {
      const ShardEntry& entry = set.index().shards[k];
      const std::filesystem::path path = set.folder() / entry.file;
      if (stamps.recall(path) == entry.checksum) continue;
      const std::optional<std::string> stamp = ContentStamps::stamp(path);
      set.verify(k);
      stamps.remember(path, stamp, entry.checksum);
    }
  }
  stamps.save();
}

}  // namespace stet
