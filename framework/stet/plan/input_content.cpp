#include <stet/plan/input_content.hpp>

#include <stet/base/hash.hpp>
#include <stet/base/strings.hpp>
#include <stet/config/document.hpp>
#include <stet/model/own_model.hpp>

#include <fmt/format.h>

namespace stet {

namespace {

config::Value hashes_of(const EntityQuestionsOptions& options) {
  const EntityQuestionsFiles files = entity_questions_files(options);
  config::Value base = config::Value::table(), all = config::Value::table();
  for (const auto& file : files.all) all.set(file.generic_string(), hash_file(files.folder / file));
  for (const auto& file : files.base) base.set(file.generic_string(), *all.find(file.generic_string()));
  config::Value both = config::Value::table();
  both.set("base", base);
  both.set("all", all);
  return both;
}

/// By their numbers: what they are called does not count.
config::Value hashes_of(const FactsOptions& options) {
  config::Value all = config::Value::table();
  for (std::size_t i = 0; i < options.files.size(); ++i) {
    require_facts_file(options.files[i]);
    all.set(fmt::format("{}", i + 1), hash_file(options.files[i]));
  }
  config::Value both = config::Value::table();
  both.set("base", all);
  both.set("all", all);
  return both;
}

}  // namespace

void InputContent::fill_base(RunConfig& config) {
  const std::string& folder = config.base.folder;
  auto found = bases_.find(folder);
  if (found == bases_.end()) {
    std::string shape, content;
    collectively(communicator_, [&] {
      if (communicator_.rank() != 0) return;
      const BaseFolder read = read_base_folder(folder);
      shape = model_shape_text(read.shape);
      content = read.content;
    });
    shape = communicator_.broadcast_text(shape, 0);
    found =
        bases_.emplace(folder, BaseFolder{read_model_shape(shape, folder), communicator_.broadcast_text(content, 0)})
            .first;
  }
  config.model = found->second.shape;
  config.base.content = found->second.content;
  const std::string& adapter = config.base.adapter;
  if (adapter.empty()) return;
  auto content = adapters_.find({folder, adapter});
  if (content == adapters_.end()) {
    std::string text;
    collectively(communicator_, [&] {
      if (communicator_.rank() != 0) return;
      static_cast<void>(read_base_adapter(adapter, folder, config.model));  // that it is one of this model
      text = adapter_content(adapter);
    });
    content = adapters_.emplace(std::pair(folder, adapter), communicator_.broadcast_text(text, 0)).first;
  }
  config.base.adapter_content = content->second;
}

void InputContent::fill_chat(RunConfig& config) {
  const std::string& folder = config.base.folder;
  auto found = chats_.find(folder);
  if (found == chats_.end()) {
    PromptConfig prompt;
    std::string form;
    collectively(communicator_, [&] {
      if (communicator_.rank() != 0) return;
      const ChatForm& read = read_chat_form(folder);
      prompt.take(read, base_tokenizer(folder), folder);
      form = read.name;
    });
    prompt.pattern = communicator_.broadcast_text(prompt.pattern, 0);
    prompt.head = communicator_.broadcast_text(prompt.head, 0);
    const ChatForm& known = chat_form(communicator_.broadcast_text(form, 0));
    found = chats_.emplace(folder, Chat{std::move(prompt), std::string(known.separator)}).first;
  }
  config.prompt = found->second.prompt;
  config.slick.separator = found->second.separator;
}

void InputContent::fill(RunConfig& config) {
  if (config.base.given()) fill_base(config);
  if (config.prompt.chat) fill_chat(config);
  if (config.data.world == WorldKind::synthetic) return;
  const bool own = config.data.world == WorldKind::facts;
  const EntityQuestionsOptions& o = config.data.entity_questions;
  const std::string key = own ? "facts\n" + join(config.data.facts.files, "\n")
                              : fmt::format("{}\n{}\n{}\n{}", o.path, join(o.relations, ","),
                                            static_cast<int>(o.base_from), static_cast<int>(o.new_from));
  auto found = known_.find(key);
  if (found == known_.end()) {
    std::string text;  // every rank goes by what rank 0 reads
    collectively(communicator_, [&] {
      if (communicator_.rank() == 0) text = config::to_toml(own ? hashes_of(config.data.facts) : hashes_of(o));
    });
    const config::Value both = config::parse(communicator_.broadcast_text(text, 0), "hashes of the data");
    found = known_.emplace(key, Content{*both.find("base"), *both.find("all")}).first;
  }
  config.data.base_files = found->second.base;
  config.data.all_files = found->second.all;
}

}  // namespace stet
