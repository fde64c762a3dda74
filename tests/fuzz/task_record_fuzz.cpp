// finished.json and failed.json of a task.
#include "fuzz_input.hpp"

#include <stet/run/record/task_record.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const stet::fuzz::MemoryFolder folder, copy;
  for (const char* name : {"finished.json", "failed.json"}) folder.write(name, stet::fuzz::text_of(data, size));
  static_cast<void>(stet::task::last_failure(folder.path()));
  stet::fuzz::refuse_or_run([&] {
    const stet::task::Record record = stet::task::record(folder.path());
    stet::task::copy_record(folder.path(), copy.path(), "a hash");
    STET_ASSERT(stet::task::record(copy.path()).ranks == record.ranks);
  });
  return 0;
}
