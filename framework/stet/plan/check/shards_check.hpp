// Token shards are what their index says: the index alone stands in an identity.
#pragma once

#include <stet/plan/plan.hpp>

#include <filesystem>

namespace stet {

/// Reads every shard of pretrain.shards that has changed since it was last found whole (the file `stamps` keeps that,
/// by size, inode and times: Workspace::inputs_file). Throws Error (data), naming the file, for one that is absent or
/// not what the index says: what is finished was then made from other data. Not collective: for one rank.
void check_shards(const Plan& plan, const std::filesystem::path& stamps);

}  // namespace stet
