#include <stet/plugin/abi.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>

#include <charconv>
#include <map>

namespace stet {

AbiFacts host_facts() { return parse_facts(STET_ABI_FACTS "name=stet\nversion=0\nauthor=stet\n", "this program"); }

AbiFacts parse_facts(std::string_view text, const std::string& file) {
  std::map<std::string, std::string> values;
  for (const std::string& line : split(text.substr(0, text.find('\0')), '\n')) {
    if (line.empty()) continue;
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos) {
      throw Error(ErrorKind::plugin, "malformed plugin facts").at(file).expected("key=value lines").received(line);
    }
    values[line.substr(0, equals)] = line.substr(equals + 1);
  }
  const auto get = [&](const char* key) {
    const auto found = values.find(key);
    if (found == values.end()) throw Error(ErrorKind::plugin, std::string("plugin facts lack '") + key + "'").at(file);
    return found->second;
  };
  AbiFacts facts{0, get("torch"), get("cxx11_abi"), get("name"), get("version"), get("author")};
  const std::string abi = get("abi");
  if (std::from_chars(abi.data(), abi.data() + abi.size(), facts.abi).ec != std::errc()) {
    throw Error(ErrorKind::plugin, "plugin ABI is not a number").at(file).received(abi);
  }
  return facts;
}

}  // namespace stet
