// Variables of the environment that look like secrets: no job gets them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stet::batch {

/// Whether a variable of this name is likely to hold a secret: *_PWD, a part PASSWORD, or one of TOKEN, KEY,
/// SECRET, PASS, ... between underscores, in upper or lower case. Not what launchers and stet itself set.
[[nodiscard]] bool is_secret(std::string_view name);

/// The names of those that are set, ascending.
[[nodiscard]] std::vector<std::string> secrets_in_environment();

}  // namespace stet::batch
