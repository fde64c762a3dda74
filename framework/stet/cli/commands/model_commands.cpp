// `stet export` and `stet generate`: models as folders.
#include <stet/cli/commands/commands.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/files.hpp>
#include <stet/base/log.hpp>
#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/json.hpp>
#include <stet/hugging_face/foreign_export.hpp>
#include <stet/hugging_face/own_adapter.hpp>
#include <stet/hugging_face/peft_adapter.hpp>
#include <stet/model/generation.hpp>
#include <stet/plan/base_folder.hpp>
#include <stet/run/record/model_folder.hpp>
#include <stet/run/record/task_record.hpp>
#include <stet/text/tokenizer.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace stet {

namespace {

/// The weights' own precision, so that nothing is lost on the way.
at::ScalarType type_of(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "config.json")) return at::kFloat;
  const ForeignFiles files = ForeignFiles::open(folder);
  for (const TensorFile& file : files.files()) {
    for (const TensorInfo& info : file.tensors()) {
      if (info.dtype == DType::f64) return at::kDouble;
    }
  }
  return at::kFloat;
}

/// The folder in whose form a run's model goes home; nothing if it was not one of Hugging Face's.
std::optional<std::filesystem::path> home_of(const ModelSource& source, const Options& options) {
  const std::filesystem::path folder = options.like.empty() ? std::filesystem::path(source.folder) : options.like;
  if (!std::filesystem::is_directory(folder)) {
    throw Error(ErrorKind::data, "the model that the run began as is not there any more")
        .at(folder.string())
        .expected("its folder, in whose form the run's model is written")
        .hint("--like FOLDER says where it is now");
  }
  if (const std::string content = read_base_folder(folder).content; content != source.content) {
    throw Error(ErrorKind::data, "the run did not begin as this model")
        .at(folder.string())
        .expected("content " + source.content)
        .received("content " + content)
        .hint("--like FOLDER names the folder that it did begin as");
  }
  if (!std::filesystem::exists(folder / "config.json")) return std::nullopt;
  return folder;
}

/// Token ids written as numbers, for folders without a tokenizer.
std::vector<std::int32_t> read_ids(const std::string& text) {
  std::vector<std::int32_t> ids;
  for (const std::string& word : split(text, ' ')) {
    if (word.empty()) continue;
    const auto id = whole_number<std::int32_t>(word);
    if (!id) {
      throw Error(ErrorKind::config, "the folder has no tokenizer.json, so the prompt must be token ids")
          .expected("--prompt \"12 7 301\"")
          .received(word);
    }
    ids.push_back(*id);
  }
  return ids;
}

/// With what the tokenizer's template puts before a text, once: a prompt that begins with it is left as it is.
std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, const std::string& text, bool special) {
  std::vector<TokenId> ids = tokenizer.encode(text);
  const std::span<const TokenId> before = tokenizer.before_text();
  const bool has_it = ids.size() >= before.size() && std::equal(before.begin(), before.end(), ids.begin());
  if (special && !has_it) ids.insert(ids.begin(), before.begin(), before.end());
  return ids;
}

/// What an adapter says that it is for: the name that the model's own config.json gives it, else its folder's.
std::string name_of_base(const std::optional<std::filesystem::path>& home, const AdapterRecord& record) {
  if (!record.source) return "";
  if (home) {
    const nlohmann::json config = parse_json(read_file(*home / "config.json"), (*home / "config.json").string());
    const auto name = config.find("_name_or_path");
    if (name != config.end() && name->is_string() && !name->get<std::string>().empty()) return name->get<std::string>();
  }
  return std::filesystem::path(record.source->folder).filename().string();
}

int export_adapter(const Options& options) {
  if (!options.tokenizer.empty()) throw Error(ErrorKind::config, "an adapter has no tokenizer: leave out --tokenizer");
  if (!std::filesystem::is_directory(options.file))
    throw Error(ErrorKind::data, "there is no such folder").at(options.file.string()).expected("a run's");
  const AdapterRecord record = read_adapter_record(options.file);
  if (!task::finished(options.file))
    throw Error(ErrorKind::data, "the run is not finished").at(options.file.string()).hint("stet run goes on with it");
  const std::optional<std::filesystem::path> home = record.source ? home_of(*record.source, options) : std::nullopt;
  const ForeignModel form = foreign_form(home.value_or(options.file), record.config, ErrorKind::config);
  write_peft_adapter(form, ParameterTable(record.config), record.changes, name_of_base(home, record),
                     options.destination);
  print_shown("{}: a LoRA adapter of {} matrices for {}\n", options.destination.string(), record.changes.size(),
              record.source ? record.source->folder : "the run's base, which `stet export` writes from its folder");
  return 0;
}

}  // namespace

int export_command(const Options& options) {
  if (options.adapter) return export_adapter(options);
  const at::ScalarType type = type_of(options.file);
  const ModelFolder model = open_model_folder(options.file, type);
  const ParameterTable table(model.config);
  const std::optional<std::filesystem::path> tokenizer =
      options.tokenizer.empty() ? model.tokenizer : std::optional<std::filesystem::path>(options.tokenizer);
  std::string architecture;
  if (!options.like.empty() && !model.source)
    throw Error(ErrorKind::config, "--like is for a run's model that began as somebody else's")
        .received(options.like.string());
  const std::optional<std::filesystem::path> home = model.source ? home_of(*model.source, options) : std::nullopt;
  if (home) {
    const ForeignModel foreign = read_foreign_config(*home);
    architecture = foreign.architecture;
    export_like(*home, foreign, table, model.weights, options.destination);
  } else if (model.foreign) {
    architecture = model.foreign->architecture;
    export_like(options.file, *model.foreign, table, model.weights, options.destination);
  } else {
    std::optional<std::int64_t> end;
    if (tokenizer) end = Tokenizer::load(*tokenizer).end_of_text();
    architecture = foreign_architecture_of(model.config).value_or("");
    export_as_foreign(model.config, table, model.weights, end, options.destination);
  }
  // With the source's companions came its own tokenizer.
  if (tokenizer && (!home || !options.tokenizer.empty()))
    write_file_atomically(options.destination / "tokenizer.json", read_file(*tokenizer));
  print_shown("{}: {}, {} parameters in {} tensors{}\n", options.destination.string(), architecture,
              format_count(static_cast<double>(table.total())),
              foreign_layout({architecture, model.config}, table).size(),
              tokenizer ? ", with its tokenizer" : ", without a tokenizer");
  return 0;
}

int generate_command(const Options& options) {
  const ModelFolder folder = open_model_folder(options.file);
  const Transformer model(folder.config);
  std::optional<Tokenizer> tokenizer;
  if (folder.tokenizer) tokenizer = Tokenizer::load(*folder.tokenizer);
  Decoding decoding;
  decoding.greedy = options.temperature == 0;
  if (decoding.greedy && options.samples > 1) {
    throw Error(ErrorKind::config, "greedy continuations are all the same")
        .received(fmt::format("--samples {}", options.samples))
        .hint("add --temperature 0.8");
  }
  decoding.samples = decoding.greedy ? 0 : options.samples;
  decoding.temperature = options.temperature;
  decoding.top_k = options.top_k;
  decoding.seed = options.seed;
  if (folder.foreign) decoding.stop_tokens = folder.foreign->end_tokens;
  if (tokenizer && !options.end_token.empty()) {
    decoding.stop_tokens = {tokenizer->with_end_of_text(options.end_token).end_of_text()};
  } else if (tokenizer && decoding.stop_tokens.empty()) {
    decoding.stop_tokens = {tokenizer->end_of_text()};
  }
  const Prompt prompt{
      tokenizer ? encode_prompt(*tokenizer, options.prompt, !options.no_special) : read_ids(options.prompt), 0};
  const std::int64_t room = model.config().context - static_cast<std::int64_t>(prompt.tokens.size()) + 1;
  decoding.max_new_tokens = std::max<std::int64_t>(1, std::min<std::int64_t>(options.max_tokens, room));
  Generator generator(model, folder.weights);
  const Stopwatch watch;
  const auto results = generator.generate(std::span(&prompt, 1), decoding);
  std::size_t tokens = 0;
  for (std::size_t i = 0; i < results[0].size(); ++i) {
    std::vector<std::int32_t> ids = results[0][i].tokens;
    tokens += ids.size();
    std::string text;
    if (tokenizer) {  // embeddings are often padded beyond the tokenizer's ids
      std::erase_if(ids, [&](std::int32_t id) { return static_cast<std::size_t>(id) >= tokenizer->vocabulary_size(); });
      text = tokenizer->decode(ids);
    } else {
      text = fmt::format("{}", fmt::join(ids, " "));
    }
    if (results[0].size() == 1) {
      print_shown("{}\n", text);
    } else {
      print_shown("[{}] {}\n", i + 1, text);
    }
  }
  log::debug("{} tokens in {:.2f} s, {:.0f} tokens/s", tokens, watch.seconds(),
             static_cast<double>(tokens) / watch.seconds());
  return 0;
}

}  // namespace stet
