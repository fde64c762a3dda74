// tokenizer.json: what loads encodes and decodes a text, and is written as it was read.
#include "fuzz_input.hpp"

#include <stet/text/tokenizer.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string json(stet::fuzz::text_of(data, size));
  stet::fuzz::refuse_or_run([&] {
    const stet::Tokenizer tokenizer = stet::Tokenizer::from_json(json, "tokenizer.json");
    // What is written is read as an equal tokenizer: with no Error.
    bool equal = false;
    try {
      equal = stet::Tokenizer::from_json(tokenizer.to_json(), "written").to_json() == tokenizer.to_json();
    } catch (const stet::Error& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    STET_ASSERT(equal);
    for (const std::string_view text :
         {"A town of 2 harbours,  it's na\u00efve \u2603\n\t<|endoftext|> e\u0301 \U0001F600", " a"}) {
      stet::fuzz::refuse_or_run([&] {
        const auto ids = tokenizer.encode(text, stet::SpecialTokens::add);
        for (const stet::TokenId id : ids)
          STET_ASSERT(id >= 0 && static_cast<std::size_t>(id) < tokenizer.vocabulary_size());
        static_cast<void>(tokenizer.decode(ids, false));
        static_cast<void>(tokenizer.decode(ids));
      });
    }
    static_cast<void>(tokenizer.hash());
    static_cast<void>(tokenizer.end_of_text());
  });
  return 0;
}
