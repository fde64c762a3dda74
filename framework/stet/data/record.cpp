#include <stet/data/record.hpp>

#include <stet/base/error.hpp>
#include <stet/base/strings.hpp>
#include <stet/base/utf8.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <optional>

namespace stet {

namespace {

constexpr char record_shape[] =
    "exactly {\"prompt\": text, \"completion\": text}, {\"messages\": [{\"role\": ..., \"content\": text}, ...]} or "
    "{\"text\": text}";

std::string shown(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string result = mend_utf8(text.substr(0, longest));
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return "\"" + result + (text.size() > longest ? "...\"" : "\"");
}

/// Builds the record while the parser goes over the line; the first thing that does not belong stops it.
class Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return value("null"); }
  bool boolean(bool b) override { return value(b ? "true" : "false"); }
  bool number_integer(number_integer_t) override { return value("a number"); }
  bool number_unsigned(number_unsigned_t) override { return value("a number"); }
  bool number_float(number_float_t, const string_t&) override { return value("a number"); }
  bool binary(binary_t&) override { return value("binary data"); }
  bool string(string_t& text) override {
    if (place_ == Place::line || place_ == Place::list) return value(shown(text));
    if (key_ == "messages")
      return refuse("\"messages\" is not a list", "a list of {\"role\", \"content\"}", shown(text));
    if (key_ == "role") return role(text);
    (place_ == Place::message ? content_
     : key_ == "prompt"       ? prompt_
     : key_ == "completion"   ? completion_
                              : text_) = std::move(text);
    return true;
  }
  bool start_object(std::size_t) override {
    if (place_ == Place::line) {
      place_ = Place::record;
      return true;
    }
    if (place_ != Place::list) return value("an object");
    place_ = Place::message;
    role_.reset();
    content_.reset();
    return true;
  }
  bool key(string_t& name) override {
    key_ = name;
    if (place_ == Place::message) {
      if (name == "role") return !role_ || twice();
      if (name == "content") return !content_ || twice();
      return refuse("a message with another key", "the keys \"role\" and \"content\"", shown(name));
    }
    if (name == "prompt") return !prompt_ || twice();
    if (name == "completion") return !completion_ || twice();
    if (name == "text") return !text_ || twice();
    if (name == "messages") return !has_messages_ || twice();
    static const std::vector<std::string> keys = {"prompt", "completion", "messages", "text"};
    const std::string near = nearest(name, keys);
    return refuse("a key that does not belong here", record_shape, shown(name),
                  near.empty() ? "" : "did you mean \"" + near + "\"?");
  }
  bool end_object() override {
    if (place_ == Place::record) return true;
    if (!role_ || !content_) {
      return refuse("a message that is not whole", "the keys \"role\" and \"content\"",
                    role_ ? "no \"content\"" : "no \"role\"");
    }
    if (*role_ == Speaker::assistant && content_->empty()) {
      return refuse("an empty assistant turn", "text to learn", "\"\"");
    }
    messages_.push_back({*role_, std::move(*content_)});
    place_ = Place::list;
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::record || key_ != "messages") return value("a list");
    has_messages_ = true;
    place_ = Place::list;
    return true;
  }
  bool end_array() override {
    place_ = Place::record;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) override {
    std::string what = error.what();
    if (const std::size_t column = what.find("column "); column != std::string::npos) {
      if (const std::size_t colon = what.find(": ", column); colon != std::string::npos) what = what.substr(colon + 2);
    }
    return refuse("malformed JSON", "one JSON object a line", fmt::format("at byte {}: {}", position, mend_utf8(what)));
  }

  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

  /// After the whole line.
  [[nodiscard]] Record finish() {
    const int parts = (prompt_ || completion_ ? 1 : 0) + (has_messages_ ? 1 : 0) + (text_ ? 1 : 0);
    if (parts != 1) fail(parts == 0 ? "a record without any key" : "a record of two kinds", record_shape, keys());
    Record record;
    if (has_messages_) {
      record.kind = RecordKind::messages;
      bool answered = false;
      for (const Message& message : messages_) answered = answered || message.role == Speaker::assistant;
      if (!answered)
        fail("no assistant turn to learn", "at least one message with role \"assistant\"",
             fmt::format("{} messages", messages_.size()));
      record.messages = std::move(messages_);
    } else if (text_) {
      if (text_->empty()) fail("an empty text", "text to learn", "\"\"");
      record.text = std::move(*text_);
    } else {
      record.kind = RecordKind::completion;
      if (!prompt_ || !completion_) fail("a record that is not whole", "both \"prompt\" and \"completion\"", keys());
      if (completion_->empty()) fail("an empty completion", "text to learn", "\"\"");
      record.prompt = std::move(*prompt_);
      record.completion = std::move(*completion_);
    }
    return record;
  }

 private:
  enum class Place { line, record, list, message };

  [[nodiscard]] std::string keys() const {
    std::vector<std::string> names;
    if (prompt_) names.emplace_back("prompt");
    if (completion_) names.emplace_back("completion");
    if (has_messages_) names.emplace_back("messages");
    if (text_) names.emplace_back("text");
    return names.empty() ? "{}" : "the keys " + join(names, ", ");
  }
  bool role(const std::string& text) {
    for (const Speaker role : {Speaker::system, Speaker::user, Speaker::assistant}) {
      if (text == name_of(role)) role_ = role;
    }
    return role_ || refuse("an unknown role", "system, user or assistant", shown(text));
  }
  bool twice() { return refuse("a key that occurs twice", "each key once", shown(key_)); }
  /// A value of a type that is wrong wherever it stands.
  bool value(const std::string& received) {
    if (place_ == Place::line) return refuse("a line that is not an object", record_shape, received);
    if (place_ == Place::list) return refuse("a message that is not an object", "{\"role\", \"content\"}", received);
    return refuse(fmt::format("\"{}\" is of another type", key_),
                  key_ == "messages" ? "a list of {\"role\", \"content\"}" : "text", received);
  }
  bool refuse(const std::string& what, const std::string& expected, const std::string& received,
              const std::string& hint = "") {
    failure_ = Error(ErrorKind::data, what).expected(expected).received(received);
    if (!hint.empty()) failure_->hint(hint);
    return false;
  }
  [[noreturn]] void fail(const std::string& what, const std::string& expected, const std::string& received) {
    refuse(what, expected, received);
    throw *failure_;
  }

  Place place_ = Place::line;
  std::string key_;
  std::optional<std::string> prompt_, completion_, text_, content_;
  std::optional<Speaker> role_;
  bool has_messages_ = false;
  std::vector<Message> messages_;
  std::optional<Error> failure_;
};

}  // namespace

std::string_view name_of(Speaker role) noexcept {
  constexpr std::array<std::string_view, 3> names = {"system", "user", "assistant"};
  return names[static_cast<std::size_t>(role)];
}

std::string_view name_of(RecordKind kind) noexcept {
  constexpr std::array<std::string_view, record_kinds> names = {"prompt/completion", "messages", "text"};
  return names[static_cast<std::size_t>(kind)];
}

Record parse_record(std::string_view line) {
  if (looks_like_utf16(line)) {
    throw Error(ErrorKind::data, "text that is not UTF-8").expected("UTF-8").received("UTF-16").hint(utf16_hint);
  }
  // The parser takes a NUL byte for the end of the text, and would not look at what hides behind it.
  if (const std::size_t nul = line.find('\0'); nul != std::string_view::npos) {
    throw Error(ErrorKind::data, "malformed JSON")
        .expected("one JSON object a line")
        .received(fmt::format("a NUL byte at byte {} of the line", nul + 1))
        .hint("the file was damaged, by a full disk or a crash while it was written, say: write it again");
  }
  Handler handler;
  if (!nlohmann::json::sax_parse(line.begin(), line.end(), &handler)) {
    // The parser calls bytes that are not UTF-8 malformed too; that has a better name.
    if (const auto bad = find_invalid_utf8(line)) {
      throw Error(ErrorKind::data, "text that is not UTF-8")
          .expected("UTF-8")
          .received(
              fmt::format("byte 0x{:02x} at byte {} of the line", static_cast<unsigned char>(line[*bad]), *bad + 1))
          .hint("convert the file: iconv -f LATIN1 -t UTF-8");
    }
    throw *handler.failure();
  }
  return handler.finish();
}

}  // namespace stet
