// `stet tokenizer train|encode|decode|verify`.
#include <stet/cli/commands/commands.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/base/utf8.hpp>
#include <stet/config/json.hpp>
#include <stet/text/bpe/bpe_trainer.hpp>
#include <stet/text/encoder.hpp>
#include <stet/text/unicode/byte_level.hpp>
#include <stet/text/verify.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>

namespace stet {
namespace {

Tokenizer load_tokenizer(const std::filesystem::path& path) {
  return Tokenizer::load(std::filesystem::is_directory(path) ? stays_within(path, path / "tokenizer.json") : path);
}

/// Bytes as a line of a terminal can show them: control characters, quotes and parts of characters are escaped.
std::string readable(std::string_view bytes) {
  std::string out = "'";
  for (std::size_t i = 0; i < bytes.size();) {
    const CodePoint point = decode_code_point(bytes.substr(i));
    const bool control = point.value < 0x20 || (point.value >= 0x7F && point.value < 0xA0) || point.value == 0x2028 ||
                         point.value == 0x2029;
    if (!point.valid || (control && point.value < 0x80)) {
      for (std::size_t b = 0; b < point.size; ++b) {
        out += bytes[i] == '\n' ? "\\n" : fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[i + b]));
      }
    } else if (control) {
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(point.value));
    } else {
      if (point.value == '\'' || point.value == '\\') out += '\\';
      out += bytes.substr(i, point.size);
    }
    i += point.size;
  }
  return out + "'";
}

std::string readable_token(const Tokenizer& tokenizer, TokenId id) {
  const std::string& token = tokenizer.token(id);
  return readable(tokenizer.is_word_level() ? token : characters_to_bytes(token).value_or(token));
}

/// The given texts, or the lines of standard input.
void for_each_input(const Options& options, const std::function<void(const std::string&)>& use) {
  for (const std::string& input : options.inputs) use(input);
  if (!options.inputs.empty()) return;
  std::string line;
  while (std::getline(std::cin, line)) use(line);
}

void add_file(BpeTrainer& trainer, const std::filesystem::path& file, double& bytes) {
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) {
    throw Error(ErrorKind::data, "a file of the corpus cannot be opened").at(file.string());
  }
  const bool json_lines = file.extension() == ".jsonl" || file.extension() == ".ndjson";
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const std::string where = fmt::format("{}:{}", file.string(), number);
    if (!json_lines) {
      if (!in.eof()) line += '\n';
      trainer.add(line, where);
      bytes += static_cast<double>(line.size());
      continue;
    }
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const nlohmann::json item = parse_json(line, where);
    if (!item.is_object() || !item.contains("text") || !item["text"].is_string()) {
      throw Error(ErrorKind::data, "a line of the corpus is malformed")
          .at(where)
          .expected("an object with \"text\"")
          .received(excerpt(item));
    }
    const auto& text = item["text"].get_ref<const std::string&>();
    trainer.add(text, where);
    bytes += static_cast<double>(text.size());
  }
  if (in.bad()) throw Error(ErrorKind::data, "a file of the corpus cannot be read").at(file.string());
}

TokenId parse_id(std::string_view text, const Tokenizer& tokenizer) {
  const TokenId id = whole_number<TokenId>(text).value_or(-1);
  if (id < 0 || static_cast<std::size_t>(id) >= tokenizer.vocabulary_size()) {
    throw Error(ErrorKind::config, "no token has this id")
        .expected(fmt::format("a number from 0 to {}", tokenizer.vocabulary_size() - 1))
        .received(mend_utf8(text));
  }
  return id;
}

}  // namespace

int tokenizer_train_command(const Options& options) {
  const Stopwatch all;
  BpeTrainer trainer;
  double bytes = 0;
  for (const std::string& input : options.inputs) add_file(trainer, input, bytes);
  const double counted = all.seconds();
  const Tokenizer tokenizer = trainer.train(options.vocabulary, options.min_frequency);
  tokenizer.save(options.file);
  fmt::print("{}: {} tokens from {}, {} different words; {} to count, {} to merge; hash {}\n", options.file.string(),
             tokenizer.vocabulary_size(), format_bytes(bytes), trainer.distinct_words(), format_duration(counted),
             format_duration(all.seconds() - counted), tokenizer.hash());
  if (tokenizer.vocabulary_size() < options.vocabulary) {
    fmt::print("fewer than {} tokens: no other pair occurs {} times\n", options.vocabulary, options.min_frequency);
  }
  return 0;
}

int tokenizer_encode_command(const Options& options) {
  const Tokenizer tokenizer = load_tokenizer(options.file);
  Encoder encoder(tokenizer);
  std::vector<TokenId> ids;
  for_each_input(options, [&](const std::string& text) {
    ids.clear();
    encoder.encode(text, ids, options.special ? SpecialTokens::add : SpecialTokens::leave_out);
    if (!options.tokens) {
      fmt::print("{}\n", fmt::join(ids, " "));
      return;
    }
    std::vector<std::string> pieces;
    for (const TokenId id : ids) pieces.push_back(readable_token(tokenizer, id));
    fmt::print("{}\n", fmt::join(pieces, " "));
  });
  return 0;
}

namespace {
/// Exactly, for another program; what a terminal would obey is shown.
void print_text(const std::string& text) {
  fmt::print("{}\n", ::isatty(STDOUT_FILENO) != 0 ? terminal_text(text) : text);
}
}  // namespace

int tokenizer_decode_command(const Options& options) {
  const Tokenizer tokenizer = load_tokenizer(options.file);
  std::vector<TokenId> ids;
  const auto add = [&](const std::string& text) {
    std::string separated = text;
    for (char& c : separated) c = c == ',' || c == '\t' || c == '\r' ? ' ' : c;
    for (const std::string& id : split(separated, ' ')) {
      if (!id.empty()) ids.push_back(parse_id(id, tokenizer));
    }
  };
  for_each_input(options, [&](const std::string& text) {
    add(text);
    if (!options.inputs.empty()) return;  // the ids of a command line are one text, but every line of the input is one
    print_text(tokenizer.decode(ids, !options.special));
    ids.clear();
  });
  if (!options.inputs.empty()) print_text(tokenizer.decode(ids, !options.special));
  return 0;
}

int tokenizer_verify_command(const Options& options) {
  constexpr std::size_t shown = 5;
  const TokenizerVerification result = verify_tokenizer(options.file);
  fmt::print("{}: {} of {} texts agree: {}\n", options.file.string(), result.agreeing, result.texts,
             result.passed() ? "agrees" : "DIFFERS");
  for (std::size_t i = 0; i < std::min(shown, result.differences.size()); ++i) {
    const TokenizerDifference& difference = result.differences[i];
    fmt::print("  text {}: {}\n    ours     {} {}\n    expected {} {}\n", difference.item, readable(difference.text),
               difference.what, difference.ours, difference.what, difference.expected);
  }
  if (result.differences.size() > shown) fmt::print("  and {} more\n", result.differences.size() - shown);
  return result.passed() ? 0 : static_cast<int>(ErrorKind::data);
}

}  // namespace stet
