#include <stet/text/verify.hpp>

#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/config/json.hpp>
#include <stet/text/encoder.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace stet {
namespace {

using nlohmann::json;

bool are_ids(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), [](const json& id) {
           return id.is_number_unsigned() && id.get<std::uint64_t>() <= 0x7FFFFFFF;
         });
}

}  // namespace

TokenizerVerification verify_tokenizer(const std::filesystem::path& folder) {
  const Tokenizer tokenizer = Tokenizer::load(folder / "tokenizer.json");
  const std::string file = (folder / "expected.json").string(), text_of_file = read_file(file);
  const json items = parse_json(text_of_file, file);
  if (!items.is_array() || items.empty()) {
    throw Error(ErrorKind::data, "expectations are malformed")
        .at(file)
        .expected("an array of {text, ids}")
        .received(excerpt(items));
  }
  TokenizerVerification result;
  Encoder encoder(tokenizer);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const json& item = items[i];
    const auto good = [&](const char* key, bool required, auto&& check) {
      return item.contains(key) ? check(item[key]) : !required;
    };
    const auto is_text = [](const json& value) { return value.is_string(); };
    if (!item.is_object() || !good("text", true, is_text) || !good("ids", true, are_ids) ||
        !good("ids_without_special", false, are_ids) || !good("decoded", false, is_text)) {
      throw Error(ErrorKind::data, "an expectation is malformed")
          .at(file, line_of_element(text_of_file, i))
          .expected("{\"text\": .., \"ids\": [..]}, and \"ids_without_special\": [..] and \"decoded\": .. if known")
          .received(excerpt(item));
    }
    const auto text = item["text"].get<std::string>();
    const std::size_t before = result.differences.size();
    std::vector<TokenId> ids, plain;
    encoder.encode(text, ids, SpecialTokens::add);
    encoder.encode(text, plain);
    const auto differs = [&](const char* what, const auto& ours, const auto& expected) {
      result.differences.push_back({i, what, text, fmt::format("{}", ours), fmt::format("{}", expected)});
    };
    if (const auto expected = item["ids"].get<std::vector<TokenId>>(); ids != expected) differs("ids", ids, expected);
    if (item.contains("ids_without_special")) {
      const auto expected = item["ids_without_special"].get<std::vector<TokenId>>();
      if (plain != expected) differs("ids_without_special", plain, expected);
    }
    if (item.contains("decoded")) {
      const auto expected = item["decoded"].get<std::string>();
      const std::string decoded = tokenizer.decode(plain, false);
      if (decoded != expected) differs("decoded", decoded, expected);
    }
    ++result.texts;
    result.agreeing += result.differences.size() == before ? 1 : 0;
  }
  return result;
}

}  // namespace stet
