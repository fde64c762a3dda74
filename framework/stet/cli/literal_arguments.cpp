#include <stet/cli/literal_arguments.hpp>

namespace stet {

namespace {
constexpr char mark = '\x1f';  // ASCII's unit separator
}

LiteralArguments::LiteralArguments(int argc, const char* const* argv) {
  for (int i = 0; i < argc; ++i) {
    std::string text = argv[i];
    const bool list = text.starts_with('[') && text.ends_with(']');
    if (i > 0 && (list || text == "{}" || text == "%%" || text.starts_with(mark))) text.insert(text.begin(), mark);
    texts_.push_back(std::move(text));
  }
  for (const std::string& text : texts_) pointers_.push_back(text.c_str());
}

std::string LiteralArguments::original(std::string_view argument) {
  if (argument.starts_with(mark)) argument.remove_prefix(1);
  return std::string(argument);
}

}  // namespace stet
