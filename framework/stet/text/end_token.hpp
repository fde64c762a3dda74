// The token that ends a text, as the files beside a tokenizer.json say: generation_config.json and config.json
// (`eos_token_id`, a number or a list), tokenizer_config.json and special_tokens_map.json (`eos_token`, a text or an
// object with `content`).
#pragma once

#include <stet/text/tokenizer.hpp>

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace stet {

/// `eos_token_id` of generation_config.json, else of config.json: every token at which a generated text ends, in the
/// file's order. Empty if neither file is there or says. Throws Error (data) for a value that is neither an id nor a
/// list of ids.
[[nodiscard]] std::vector<TokenId> read_end_ids(const std::filesystem::path& folder);

/// The one that is put behind a text of training. Of several ids the one that `eos_token` names, else the first. An id
/// or a name that is no special token of the tokenizer is not taken (config.json may hold a default of its writer),
/// which is said once. Nothing if no file says.
[[nodiscard]] std::optional<TokenId> told_end_token(const std::filesystem::path& folder, const Tokenizer& tokenizer);

/// Sets `eos_token` in the folder's tokenizer_config.json; what else is in it stays.
void write_told_end_token(const std::filesystem::path& folder, std::string_view token);

}  // namespace stet
