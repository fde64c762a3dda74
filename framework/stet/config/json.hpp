// Reading JSON with errors that name file, line and column.
#pragma once

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stet {

/// How deep arrays and objects may be nested: what handles a value may be recursive.
inline constexpr std::size_t deepest_json = 200;

/// What to do with Infinity, -Infinity and NaN, which are not JSON but which Python's writer gives: an error, or the
/// text of that name, so that only who reads the field as a number refuses it.
enum class NonFinite { refuse, as_text };

/// Throws Error (data) at `where`:line:column if `text` is not JSON, holds a NUL byte, or is nested more than
/// `deepest_json` deep. Of members with the same key the last one is kept.
[[nodiscard]] nlohmann::json parse_json(const std::string& text, const std::string& where,
                                        NonFinite non_finite = NonFinite::refuse);

/// Throws Error (data) that names the object and the key if an object in `text`, which must be JSON, has a key twice.
void refuse_duplicate_keys(const std::string& text, const std::string& where);

/// A value as an error message shows it: at most about 80 characters.
[[nodiscard]] std::string excerpt(const nlohmann::json& value);

/// The whole number that a value is (64.0, too), if 64 bits hold it. The library's own conversion takes true for
/// 1, 64.5 for 64, and its result is undefined for 1e300.
[[nodiscard]] std::optional<std::int64_t> as_whole(const nlohmann::json& value);

/// 1-based line of the byte at `offset`.
[[nodiscard]] std::size_t line_of(std::string_view text, std::size_t offset);

/// 1-based line on which element `index` of the JSON array `text` begins (its first byte that is not white space).
/// `text` must be a well-formed array with more than `index` elements.
[[nodiscard]] std::size_t line_of_element(std::string_view text, std::size_t index);

}  // namespace stet
