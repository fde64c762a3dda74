#include <stet/text/end_token.hpp>

#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/files.hpp>
#include <stet/base/log.hpp>
#include <stet/config/json.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace stet {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* tokenizer_config = "tokenizer_config.json";

/// The object in a file; an empty one if there is no such file.
json read_object(const fs::path& file) {
  if (!fs::exists(file)) return json::object();
  json value = parse_json(read_file(stays_within(file.parent_path(), file)), file.string(), NonFinite::as_text);
  if (!value.is_object())
    throw Error(ErrorKind::data, "the file is not a JSON object").at(file.string()).received(excerpt(value));
  return value;
}

std::optional<TokenId> as_id(const json& value) {
  constexpr std::int64_t largest = std::numeric_limits<TokenId>::max();
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > static_cast<std::uint64_t>(largest))
    return std::nullopt;
  return value.get<TokenId>();
}

/// eos_token of a file, if it says.
std::optional<std::string> end_name(const fs::path& file) {
  const json object = read_object(file);
  const auto found = object.find("eos_token");
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_object() && found->contains("content") && (*found)["content"].is_string())
    return (*found)["content"].get<std::string>();
  throw Error(ErrorKind::data, "field 'eos_token' has the wrong type")
      .at(file.string())
      .expected("a text, or an object with \"content\"")
      .received(excerpt(*found));
}

}  // namespace

std::vector<TokenId> read_end_ids(const fs::path& folder) {
  for (const char* name : {"generation_config.json", "config.json"}) {
    const json object = read_object(folder / name);
    const auto found = object.find("eos_token_id");
    if (found == object.end() || found->is_null() || (found->is_array() && found->empty())) continue;
    std::vector<TokenId> ids;
    for (const json& value : found->is_array() ? *found : json::array({*found})) {
      const auto id = as_id(value);
      if (!id)
        throw Error(ErrorKind::data, "field 'eos_token_id' has the wrong type")
            .at((folder / name).string())
            .expected("an id or a list of ids")
            .received(excerpt(*found));
      ids.push_back(*id);
    }
    return ids;
  }
  return {};
}

std::optional<TokenId> told_end_token(const fs::path& folder, const Tokenizer& tokenizer) {
  const auto is_special = [&](TokenId id) {
    return static_cast<std::size_t>(id) < tokenizer.vocabulary_size() && tokenizer.is_special(id);
  };
  std::optional<TokenId> named;
  for (const char* name : {tokenizer_config, "special_tokens_map.json"}) {
    const auto token = end_name(folder / name);
    if (!token) continue;
    named = tokenizer.id_of(*token);
    if (named && is_special(*named)) break;
    log::once(log::Level::warning,
              fmt::format("{}: \"{}\" is no special token of the tokenizer, so no text ends with it",
                          (folder / name).string(), *token));
    named.reset();
  }
  const std::vector<TokenId> ids = read_end_ids(folder);
  if (named && (ids.empty() || std::find(ids.begin(), ids.end(), *named) != ids.end())) return named;
  const auto found = std::find_if(ids.begin(), ids.end(), is_special);
  if (found != ids.end()) return *found;
  if (!ids.empty()) {
    log::once(log::Level::info,
              fmt::format("{}: its eos_token_id {} is no special token of the tokenizer, so no text ends with it",
                          folder.string(), ids[0]));
  }
  return named;
}

void write_told_end_token(const fs::path& folder, std::string_view token) {
  json object = read_object(folder / tokenizer_config);
  object["eos_token"] = token;
  write_file_atomically(folder / tokenizer_config, object.dump(1) + "\n");
}

}  // namespace stet
