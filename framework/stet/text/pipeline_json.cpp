// The fields of tokenizer.json around the model: normalizer, pre-tokenizer, post-processor.
#include <stet/text/tokenizer_reader.hpp>

#include <algorithm>
#include <variant>

namespace stet {
namespace {

using nlohmann::json;

const json& member(const json& object, const char* key) { return TokenizerReader::member(object, key); }

template <class Value>
Value one_of(const TokenizerReader& reader, const json& received, const std::string& field,
             std::initializer_list<std::pair<const char*, Value>> values) {
  std::string expected;
  for (const auto& [name, value] : values) {
    if (received == name) return value;
    expected += (expected.empty() ? "\"" : ", \"") + std::string(name) + "\"";
  }
  throw reader.unsupported(field, expected, received);
}

Pattern read_pattern(const TokenizerReader& reader, const json& value, const std::string& field) {
  reader.require_object(value, field);
  reader.only(value, field + ".", {"Regex", "String"});
  if (value.size() != 1) throw reader.malformed(field, "either \"Regex\" or \"String\"", value);
  if (value.contains("String")) {
    constexpr std::size_t longest = 4096;
    const std::string text = reader.text(value, field + ".", "String");
    if (text.size() > longest) throw reader.unsupported(field + ".String", "at most 4096 bytes", value["String"]);
    return Pattern::literal(text);
  }
  auto compiled = Pattern::regex(reader.text(value, field + ".", "Regex"));
  if (auto* problem = std::get_if<std::string>(&compiled)) {
    throw reader
        .unsupported(field + ".Regex", "a regular expression that means the same to Oniguruma and to PCRE2",
                     value["Regex"])
        .hint("not supported: " + *problem);
  }
  return std::get<Pattern>(std::move(compiled));
}

/// The pattern of a Replace, which is a text.
std::string literal_of(const TokenizerReader& reader, const json& value, const std::string& field) {
  const json& pattern = member(value, "pattern");
  reader.require_object(pattern, field + ".pattern");
  reader.only(pattern, field + ".pattern.", {"String"});
  return reader.text(pattern, field + ".pattern.", "String");
}
std::string content_of(const TokenizerReader& reader, const json& value, const std::string& field) {
  if (const json& content = member(value, "content"); content.is_string()) return content.get<std::string>();
  throw reader.malformed(field + ".content", "a text", member(value, "content"));
}

void read_split(const TokenizerReader& reader, const json& value, const std::string& field, TokenizerParts& parts) {
  reader.only(value, field + ".", {"type", "pattern", "behavior", "invert"});
  const auto behavior = one_of<SplitBehavior>(reader, member(value, "behavior"), field + ".behavior",
                                              {{"Removed", SplitBehavior::removed},
                                               {"Isolated", SplitBehavior::isolated},
                                               {"MergedWithPrevious", SplitBehavior::merged_with_previous},
                                               {"MergedWithNext", SplitBehavior::merged_with_next},
                                               {"Contiguous", SplitBehavior::contiguous}});
  parts.pre_tokenizer.splits.push_back({read_pattern(reader, member(value, "pattern"), field + ".pattern"), behavior,
                                        reader.flag(value, field + ".", "invert")});
}

void read_digits(const TokenizerReader& reader, const json& value, const std::string& field, TokenizerParts& parts) {
  reader.only(value, field + ".", {"type", "individual_digits"});
  const bool individual = reader.flag(value, field + ".", "individual_digits");
  parts.pre_tokenizer.splits.push_back({std::get<Pattern>(Pattern::regex("\\p{N}")),  // Rust's char::is_numeric
                                        individual ? SplitBehavior::isolated : SplitBehavior::contiguous, false});
}

void read_step(const TokenizerReader& reader, const json& value, const std::string& field, bool last,
               TokenizerParts& parts) {
  reader.require_object(value, field);
  const json& type = member(value, "type");
  if (type == "Sequence") {
    reader.only(value, field + ".", {"type", "pretokenizers"});
    const json& steps = reader.array(value, field + ".", "pretokenizers");
    if (steps.empty()) throw reader.malformed(field + ".pretokenizers", "at least one", steps);
    for (std::size_t i = 0; i < steps.size(); ++i) {
      read_step(reader, steps[i], fmt::format("{}.pretokenizers[{}]", field, i), last && i + 1 == steps.size(), parts);
    }
    return;
  }
  if (last != (type == "ByteLevel")) {
    throw reader.unsupported(field + ".type",
                             last ? "\"ByteLevel\" as the last step" : "\"Split\", \"Digits\" or \"Sequence\"", type);
  }
  if (type == "Split") {
    read_split(reader, value, field, parts);
  } else if (type == "Digits") {
    read_digits(reader, value, field, parts);
  } else if (type == "ByteLevel") {
    reader.byte_level_flags(value, field + ".");
    parts.pre_tokenizer.prefix_space = reader.flag(value, field + ".", "add_prefix_space");
    if (reader.flag(value, field + ".", "use_regex", true)) parts.pre_tokenizer.words = Pattern::gpt2_words();
  } else {
    throw reader.unsupported(field + ".type", "\"Split\", \"Digits\" or \"Sequence\"", type);
  }
}

/// {"id": .., "type_id": ..} of a piece; type ids do not matter here.
std::string read_piece(const TokenizerReader& reader, const json& value, const std::string& field) {
  reader.require_object(value, field);
  reader.only(value, field + ".", {"id", "type_id"});
  if (!member(value, "type_id").is_number_unsigned()) {
    throw reader.malformed(field + ".type_id", "a number from 0", member(value, "type_id"));
  }
  return reader.text(value, field + ".", "id");
}

/// The ids of a template's special token, checked against the vocabulary.
std::vector<TokenId> read_special(const TokenizerReader& reader, const json& value, const std::string& name,
                                  const std::string& field, const TokenizerParts& parts) {
  reader.require_object(value, field);
  reader.only(value, field + ".", {"id", "ids", "tokens"});
  if (member(value, "id") != name) throw reader.malformed(field + ".id", json(name).dump(), member(value, "id"));
  const json& ids = reader.array(value, field + ".", "ids");
  const json& tokens = reader.array(value, field + ".", "tokens");
  if (ids.size() != tokens.size()) throw reader.malformed(field + ".tokens", "as many as \"ids\"", tokens);
  std::vector<TokenId> out;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const bool known = ids[i].is_number_unsigned() && ids[i].get<std::uint64_t>() < parts.tokens.size();
    if (!known || tokens[i] != parts.tokens[ids[i].get<std::size_t>()]) {
      throw reader.malformed(fmt::format("{}.ids[{}]", field, i), "the id of the token of that name", ids[i]);
    }
    out.push_back(ids[i].get<TokenId>());
  }
  return out;
}

void read_template(const TokenizerReader& reader, const json& value, const std::string& field, TokenizerParts& parts) {
  reader.only(value, field + ".", {"type", "single", "pair", "special_tokens"});
  const json& specials = member(value, "special_tokens");
  reader.require_object(specials, field + ".special_tokens");
  for (const auto& [name, special] : specials.items()) {
    static_cast<void>(
        read_special(reader, special, name, fmt::format("{}.special_tokens[\"{}\"]", field, name), parts));
  }
  for (const char* which : {"single", "pair"}) {  // pairs of texts are not encoded here, but must make sense
    const json& pieces = reader.array(value, field + ".", which);
    const bool single = which == std::string_view("single");
    std::size_t texts = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const std::string at = fmt::format("{}.{}[{}]", field, which, i);
      reader.require_object(pieces[i], at);
      reader.only(pieces[i], at + ".", {"SpecialToken", "Sequence"});
      if (pieces[i].size() != 1) throw reader.malformed(at, "either \"SpecialToken\" or \"Sequence\"", pieces[i]);
      if (pieces[i].contains("Sequence")) {
        const std::string id = read_piece(reader, pieces[i]["Sequence"], at + ".Sequence");
        if (id != "A" && (single || id != "B")) {
          throw reader.malformed(at + ".Sequence.id", single ? "\"A\"" : "\"A\" or \"B\"", id);
        }
        ++texts;
        continue;
      }
      const std::string name = read_piece(reader, pieces[i]["SpecialToken"], at + ".SpecialToken");
      if (!specials.contains(name)) {
        throw reader.malformed(at + ".SpecialToken.id", "a name in \"special_tokens\"", name);
      }
      if (!single) continue;
      const auto ids = read_special(reader, specials[name], name, field + ".special_tokens", parts);
      auto& side = texts == 0 ? parts.before : parts.after;
      side.insert(side.end(), ids.begin(), ids.end());
    }
    if (single && texts != 1) throw reader.unsupported(field + ".single", "\"A\" exactly once", pieces);
  }
}

void read_processor(const TokenizerReader& reader, const json& value, const std::string& field, bool& has_template,
                    TokenizerParts& parts) {
  reader.require_object(value, field);
  const json& type = member(value, "type");
  if (type == "ByteLevel") {  // changes offsets alone
    reader.byte_level_flags(value, field + ".");
  } else if (type == "TemplateProcessing") {
    if (has_template) throw reader.unsupported(field + ".type", "one TemplateProcessing alone", type);
    has_template = true;
    read_template(reader, value, field, parts);
  } else if (type == "Sequence") {
    reader.only(value, field + ".", {"type", "processors"});
    const json& steps = reader.array(value, field + ".", "processors");
    for (std::size_t i = 0; i < steps.size(); ++i) {
      read_processor(reader, steps[i], fmt::format("{}.processors[{}]", field, i), has_template, parts);
    }
  } else {
    throw reader.unsupported(field + ".type", "\"ByteLevel\", \"TemplateProcessing\" or \"Sequence\"", type);
  }
}

}  // namespace

void read_normalizer(const TokenizerReader& reader, const json& value, const std::string& field,
                     TokenizerParts& parts) {
  if (value.is_null()) return;
  reader.require_object(value, field);
  const json& type = member(value, "type");
  if (type == "Sequence") {
    reader.only(value, field + ".", {"type", "normalizers"});
    const json& steps = reader.array(value, field + ".", "normalizers");
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const std::string at = fmt::format("{}.normalizers[{}]", field, i);
      reader.require_object(steps[i], at);
      read_normalizer(reader, steps[i], at, parts);
    }
    return;
  }
  using Kind = NormalStep::Kind;
  // One of each, and short: several in a row can make any text as large as memory.
  constexpr std::size_t longest = 64;
  for (const auto& [name, kind] : {std::pair{"Prepend", Kind::prepend}, std::pair{"Replace", Kind::replace}}) {
    const bool again = std::any_of(parts.normalizers.begin(), parts.normalizers.end(),
                                   [kind = kind](const NormalStep& step) { return step.kind == kind; });
    if (parts.on_characters && type == name && again)
      throw reader.unsupported(field + ".type", fmt::format("one {} alone", name), type);
  }
  if (parts.on_characters && type == "Prepend") {
    reader.only(value, field + ".", {"type", "prepend"});
    parts.normalizers.push_back({Kind::prepend, {}, "", reader.text(value, field + ".", "prepend")});
    if (parts.normalizers.back().to.size() > longest)
      throw reader.unsupported(field + ".prepend", "at most 64 bytes", member(value, "prepend"));
    return;
  }
  if (parts.on_characters && type == "Replace") {
    reader.only(value, field + ".", {"type", "pattern", "content"});
    parts.normalizers.push_back(
        {Kind::replace, {}, literal_of(reader, value, field), content_of(reader, value, field)});
    if (parts.normalizers.back().to.size() > longest)
      throw reader.unsupported(field + ".content", "at most 64 bytes", member(value, "content"));
    return;
  }
  reader.only(value, field + ".", {"type"});
  parts.normalizers.push_back({Kind::form,
                               one_of<NormalForm>(reader, type, field + ".type",
                                                  {
                                                      {"NFC", NormalForm::nfc},
                                                      {"NFD", NormalForm::nfd},
                                                      {"NFKC", NormalForm::nfkc},
                                                      {"NFKD", NormalForm::nfkd},
                                                  }),
                               "", ""});
}

void read_metaspace(const TokenizerReader& reader, const json& value, TokenizerParts& parts) {
  const std::string field = "pre_tokenizer.";
  if (value.is_null()) return;
  reader.type(value, "pre_tokenizer", "Metaspace");
  reader.only(value, field, {"type", "replacement", "prepend_scheme", "split", "add_prefix_space"});
  Metaspace metaspace{reader.text(value, field, "replacement")};
  const bool prepends = reader.flag(value, field, "add_prefix_space", true);  // older files say it so
  if (value.contains("prepend_scheme")) {
    metaspace.prepend = one_of<Metaspace::Prepend>(reader, member(value, "prepend_scheme"), field + "prepend_scheme",
                                                   {{"always", Metaspace::Prepend::always},
                                                    {"first", Metaspace::Prepend::first},
                                                    {"never", Metaspace::Prepend::never}});
  } else if (!prepends) {
    metaspace.prepend = Metaspace::Prepend::never;
  }
  metaspace.split = reader.flag(value, field, "split", true);
  parts.metaspace = std::move(metaspace);
}

void read_character_decoder(const TokenizerReader& reader, const json& value, TokenizerParts& parts) {
  reader.type(value, "decoder", "Sequence");
  reader.only(value, "decoder.", {"type", "decoders"});
  const json& steps = reader.array(value, "decoder.", "decoders");
  const std::vector<std::string> wanted = {"Replace", "ByteFallback", "Fuse", "Strip"};
  if (steps.size() != 3 && steps.size() != 4) throw reader.unsupported("decoder.decoders", "3 or 4 steps", steps);
  for (std::size_t i = 0; i < steps.size(); ++i)
    reader.type(steps[i], fmt::format("decoder.decoders[{}]", i), wanted[i].c_str());
  const std::string replace = "decoder.decoders[0]", strip = "decoder.decoders[3].";
  reader.only(steps[0], replace + ".", {"type", "pattern", "content"});
  parts.blank = literal_of(reader, steps[0], replace);
  const json& space = member(steps[0], "content");
  if (space != " ") throw reader.unsupported(replace + ".content", "\" \"", space);
  for (std::size_t i : {1, 2}) reader.only(steps[i], fmt::format("decoder.decoders[{}].", i), {"type"});
  if (steps.size() == 3) return;
  reader.only(steps[3], strip, {"type", "content", "start", "stop"});
  if (member(steps[3], "content") != " ")
    throw reader.unsupported(strip + "content", "\" \"", member(steps[3], "content"));
  if (member(steps[3], "stop") != 0) throw reader.unsupported(strip + "stop", "0", member(steps[3], "stop"));
  parts.strip_first_blank = member(steps[3], "start") == 1;
  if (!parts.strip_first_blank && member(steps[3], "start") != 0)
    throw reader.unsupported(strip + "start", "0 or 1", member(steps[3], "start"));
}

void read_pre_tokenizer(const TokenizerReader& reader, const json& value, TokenizerParts& parts) {
  read_step(reader, value, "pre_tokenizer", true, parts);
}

void read_post_processor(const TokenizerReader& reader, const json& value, TokenizerParts& parts) {
  bool has_template = false;
  if (!value.is_null()) read_processor(reader, value, "post_processor", has_template, parts);
}

}  // namespace stet
