#include <stet/plugin/abi.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/plugin/registrar.hpp>

#include <algorithm>
#include <map>

namespace stet {

namespace {

constexpr std::size_t longest_section = 64 * 1024;  // bytes; ours has a few hundred

/// What a message can show of a text of unknown origin.
std::string shown(std::string_view text) {
  std::string result(text.substr(0, 80));
  std::replace_if(
      result.begin(), result.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
  return "'" + result + (text.size() > 80 ? "...'" : "'");
}

Error malformed(const std::string& file, const std::string& expected, const std::string& received) {
  return Error(ErrorKind::plugin, "malformed plugin facts in section .stet.plugin")
      .at(file)
      .expected(expected)
      .received(received)
      .hint("build the plugin again; its facts are written by STET_PLUGIN alone");
}

}  // namespace

AbiFacts host_facts() {
  static constexpr auto facts = plugin_facts(STET_ABI_FACTS "name=stet\nversion=0\nauthor=stet\n");
  return parse_facts(facts.text, "this program");
}

AbiFacts parse_facts(std::string_view text, const std::string& file) {
  if (text.size() > longest_section) {
    throw malformed(file, "at most " + std::to_string(longest_section) + " bytes",
                    std::to_string(text.size()) + " bytes");
  }
  std::map<std::string, std::string> values;
  for (const std::string& line : split(text.substr(0, text.find('\0')), '\n')) {
    if (line.empty()) continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) throw malformed(file, "lines key=value", shown(line));
    if (!values.emplace(line.substr(0, equals), line.substr(equals + 1)).second) {
      throw malformed(file, "each key once", "'" + line.substr(0, equals) + "' twice");
    }
  }
  const auto get = [&](const char* key) {
    const auto found = values.find(key);
    if (found == values.end())
      throw malformed(file, std::string("the key '") + key + "'", "facts that lack '" + std::string(key) + "'");
    const bool printable =
        std::all_of(found->second.begin(), found->second.end(), [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
    if (!printable) throw malformed(file, std::string("text for '") + key + "'", shown(found->second));
    return found->second;
  };
  AbiFacts facts;
  // The ABI number first: a plugin of another number may have other keys.
  const std::string abi = get("abi");
  facts.abi = whole_number<decltype(facts.abi)>(abi).value_or(-1);
  if (facts.abi < 0) throw malformed(file, "a whole number for 'abi'", shown(abi));
  facts.torch = get("torch");
  facts.cxx11_abi = get("cxx11_abi");
  facts.name = get("name");
  facts.version = get("version");
  facts.author = get("author");
  if (facts.abi != STET_PLUGIN_ABI) return facts;
  facts.stdlib = get("stdlib");
  facts.layout = get("layout");
  return facts;
}

}  // namespace stet
