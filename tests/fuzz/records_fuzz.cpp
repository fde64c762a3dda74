// Training files in JSON Lines: lines to records to tokens, in chunks of several sizes.
#include "fuzz_input.hpp"

#include <stet/data/input_chunks.hpp>
#include <stet/data/record_tokens.hpp>

#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const stet::Tokenizer tokenizer = stet::make_word_level(std::vector<std::string>{"a", "town", "Rome"});
  const stet::fuzz::MemoryFile file(data, size);
  for (const std::uint64_t chunk_bytes : {std::uint64_t{7}, std::uint64_t{1} << 20}) {
    std::vector<stet::TokenSequence> sequences;
    stet::fuzz::refuse_or_run([&] {
      for (const stet::InputChunk& chunk : stet::cut_into_chunks({file.path()}, chunk_bytes)) {
        stet::for_each_line(chunk, stet::read_chunk(chunk), [&](std::string_view line) {
          static_cast<void>(stet::tokenize_record(tokenizer, stet::parse_record(line), 16, sequences));
        });
      }
    });
    for (const stet::TokenSequence& sequence : sequences) STET_ASSERT(sequence.ids.size() <= 16);
  }
  return 0;
}
