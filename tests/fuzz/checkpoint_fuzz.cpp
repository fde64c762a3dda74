// manifest.json of a checkpoint, beside a part that is whole: as it is, and with its checksum made right.
#include "fuzz_input.hpp"

#include <stet/base/hash.hpp>
#include <stet/checkpoint/checkpoint_store.hpp>
#include <stet/config/json.hpp>

#include <nlohmann/json.hpp>

namespace {

/// A folder with one checkpoint of one rank; the same bytes every time.
class Whole {
 public:
  Whole() {
    const std::unique_ptr<stet::Communicator> alone = stet::make_single_process();
    stet::CheckpointStore store(*alone, folder_.path());
    store.save({7, {{"moments", at::zeros({2, 3}, at::kDouble)}, {"weights", at::ones({5})}}, {{"position", "12"}}});
  }
  /// Verifies and reads the folder with this manifest.
  void read(std::string_view manifest) const {
    folder_.write("step-7/manifest.json", manifest);
    stet::fuzz::refuse_or_run([&] {
      const stet::CheckpointSummary summary = stet::verify_checkpoint(folder_.path() / "step-7");
      const stet::Checkpoint checkpoint = stet::read_checkpoint(folder_.path() / "step-7");
      STET_ASSERT(checkpoint.step == summary.step && checkpoint.metadata == summary.metadata);
      STET_ASSERT(checkpoint.tensors.size() == summary.shapes.size());
    });
    static_cast<void>(stet::newest_checkpoint(folder_.path()));
  }

 private:
  stet::fuzz::MemoryFolder folder_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Whole whole;
  whole.read(stet::fuzz::text_of(data, size));
  stet::fuzz::refuse_or_run([&] {
    nlohmann::json manifest = stet::parse_json(std::string(stet::fuzz::text_of(data, size)), "manifest.json");
    if (!manifest.is_object()) return;
    manifest.erase("hash");
    manifest["hash"] = stet::hash_hex(manifest.dump());
    whole.read(manifest.dump());
  });
  return 0;
}
