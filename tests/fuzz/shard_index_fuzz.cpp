// index.json of token shards, as it is and with its checksum made right, so that the checks behind it are reached.
#include "fuzz_input.hpp"

#include <stet/data/shard_index.hpp>

#include <nlohmann/json.hpp>

namespace {
void read(const stet::fuzz::MemoryFolder& folder) {
  const stet::ShardIndex index = stet::ShardIndex::read(folder.path());
  index.write(folder.path());
  const stet::ShardIndex again = stet::ShardIndex::read(folder.path());
  STET_ASSERT(again.checksum() == index.checksum() && again.shards == index.shards);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const stet::fuzz::MemoryFolder folder;
  folder.write("index.json", stet::fuzz::text_of(data, size));
  std::string right;
  try {
    read(folder);
  } catch (const stet::Error& error) {
    if (error.message().find("checksum") != std::string::npos) right = error.expected();
  }
  if (right.empty()) return 0;
  auto json = nlohmann::json::parse(data, data + size);
  json["checksum"] = right;
  folder.write("index.json", json.dump());
  bool accepted = false;
  stet::fuzz::refuse_or_run([&] {
    read(folder);
    accepted = true;
  });
  STET_ASSERT(accepted);
  return 0;
}
