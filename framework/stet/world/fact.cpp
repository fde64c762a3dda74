#include <stet/world/fact.hpp>

#include <stet/base/error.hpp>
#include <stet/base/hash.hpp>

namespace stet {

std::uint64_t fact_id(std::string_view relation_name, std::string_view subject, std::string_view answer) {
  const std::string hex = Hasher().add(relation_name).add(subject).add(answer).hex();
  return std::stoull(hex.substr(16), nullptr, 16);
}

Template parse_template(std::string_view wording) {
  const auto refuse = [&](const char* what) {
    return Error(ErrorKind::data, what)
        .expected("a wording with [X] once and, after it, [Y] once, such as \"[X] was born in [Y] .\"")
        .received("\"" + std::string(wording) + "\"");
  };
  const std::size_t x = wording.find("[X]"), y = wording.find("[Y]");
  if (x == std::string_view::npos) throw refuse("a wording has no place for the subject");
  if (y == std::string_view::npos) throw refuse("a wording has no place for the answer");
  if (wording.find("[X]", x + 3) != std::string_view::npos || wording.find("[Y]", y + 3) != std::string_view::npos) {
    throw refuse("a wording has two places for the subject or the answer");
  }
  if (y < x) throw refuse("a wording has the answer before the subject");
  const bool space = wording[y - 1] == ' ';
  return {std::string(wording.substr(0, space ? y - 1 : y)), space ? " " : "", std::string(wording.substr(y + 3))};
}

Example render(const std::string& wording, const Fact& fact) {
  Template parts = parse_template(wording);
  parts.before.replace(parts.before.find("[X]"), 3, fact.subject);
  return {std::move(parts.before), parts.answer_lead + fact.answer + parts.after, fact.id};
}

}  // namespace stet
