// TOML documents as values: reading, inheritance between files, command-line overrides, and writing.
// All errors are Error (config) with file, line and column.
#pragma once

#include <stet/config/value.hpp>

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace stet::config {

/// Parses TOML. `file` is only the name used in sources. Syntax errors, and dates and times (which no setting of ours
/// is), throw with line and column.
[[nodiscard]] Value parse(std::string_view text, const std::string& file);

/// Reads a file. A top-level string `inherit = "other.toml"` (relative to the file) is loaded first and the file is
/// merged over it, recursively; a cycle is an error that names the chain; `inherit` is not in the result. Then the
/// overrides "a.b.c=VALUE" are applied in order.
[[nodiscard]] Value load(const std::filesystem::path& file, std::span<const std::string> overrides = {});

/// Merges `over` into `base`. Tables merge by key. Two arrays of tables whose elements all have a string `name` merge
/// by that name: new names are appended, and a name given twice in one array is an error. Everything else is replaced;
/// so an empty array empties the one below it. Merged tables take the source of `over`.
void merge(Value& base, const Value& over);

/// Applies "a.b=VALUE". VALUE is TOML; what is not TOML and does not begin like a quoted string, an array or an inline
/// table is taken as a string, so that `--set data.path=/tmp/x` needs no quotes. A path component names a key (quoted
/// if it has dots: a."b.c"=1), or, in an array of tables, the element with that `name`. Missing tables on the way are
/// created; a missing element is an error with a suggestion, and so is a way through something that is not a table.
void apply_override(Value& root, const std::string& assignment);
/// The same for an assignment that does not come from the command line: `source` is where its value is written.
void apply_assignment(Value& root, const std::string& assignment, const Source& source);

/// Readable TOML that parses back to an equal value: plain members first, nested tables as [a.b], arrays of tables as
/// [[a]]; reals in their shortest form that reads back exactly and always recognisable as reals.
/// Throws if `table` is not a table, or if a string in it is not UTF-8 (TOML could not express it).
[[nodiscard]] std::string to_toml(const Value& table);

/// One value as TOML on one line: `3`, `"a"`, `[1, 2]`, `{ a = 1 }`. Throws like to_toml.
[[nodiscard]] std::string inline_toml(const Value& value);

/// One line with sorted keys, for hashing: equal content gives equal text whatever the order, and the reverse.
[[nodiscard]] std::string canonical(const Value& value);

/// stet::hash_hex of canonical().
[[nodiscard]] std::string config_hash(const Value& value);

}  // namespace stet::config
