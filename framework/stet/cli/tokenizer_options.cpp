#include <stet/cli/tokenizer_options.hpp>

#include <stet/cli/literal_arguments.hpp>

#include <CLI/CLI.hpp>

namespace stet {

void add_tokenizer_options(CLI::App& app, Options& options) {
  Options* o = &options;
  auto* tokenizer = app.add_subcommand("tokenizer", "tokenizers");
  tokenizer->require_subcommand(1);

  auto* train = tokenizer->add_subcommand("train", "train byte-level BPE on text files or JSON lines with \"text\"");
  add_literal_list(*train, "inputs", o->inputs, "text files, a text a line; .jsonl: an object a line")->required();
  train->add_option("--out", o->file, "the tokenizer.json to write")->required();
  train->add_option("--vocabulary", o->vocabulary, "number of tokens, at least 257")->required();
  train->add_option("--min-frequency", o->min_frequency, "merge no pair that is rarer (default: 2)");
  train->callback([o] { o->command = Options::Command::tokenizer_train; });

  auto* encode = tokenizer->add_subcommand("encode", "texts to ids, a line for a text");
  encode->add_option("tokenizer", o->file, "tokenizer.json, or its folder")->required();
  add_literal_list(*encode, "text", o->inputs, "texts (default: the lines of standard input)");
  encode->add_flag("--special", o->special, "add what the post-processor puts around a text");
  encode->add_flag("--tokens", o->tokens, "show the pieces, not the ids");
  encode->callback([o] { o->command = Options::Command::tokenizer_encode; });

  auto* decode = tokenizer->add_subcommand("decode", "ids to text");
  decode->add_option("tokenizer", o->file, "tokenizer.json, or its folder")->required();
  add_literal_list(*decode, "id", o->inputs, "ids (default: the lines of standard input)");
  decode->add_flag("--special", o->special, "keep special tokens");
  decode->callback([o] { o->command = Options::Command::tokenizer_decode; });

  auto* verify = tokenizer->add_subcommand("verify", "compare a folder's expected ids and texts with ours");
  verify->add_option("folder", o->file, "tokenizer.json, expected.json")->required();
  verify->callback([o] { o->command = Options::Command::tokenizer_verify; });
}

}  // namespace stet
