#include <stet/run/given_base.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/files.hpp>
#include <stet/base/shown.hpp>
#include <stet/config/document.hpp>
#include <stet/run/record/model_folder.hpp>
#include <stet/run/record/task_record.hpp>

#include <fmt/format.h>

#include <utility>

namespace stet {

at::Tensor read_given_weights(const BaseConfig& base, const ModelConfig& shape) {
  ModelFolder model = open_model_folder(base.folder);
  const auto changed = [](const char* what, const std::string& where) {
    return Error(ErrorKind::data, fmt::format("the {}'s folder has changed since the experiment was planned", what))
        .at(where)
        .hint("the same command again plans with what is there now");
  };
  if (!(model.config == shape) || (!base.content.empty() && read_base_folder(base.folder).content != base.content))
    throw changed("model", base.folder);
  if (!base.adapter_content.empty() && adapter_content(base.adapter) != base.adapter_content)
    throw changed("adapter", base.adapter);
  if (base.weights == BaseWeights::bfloat16) model.weights = model.weights.to(at::kBFloat16).to(at::kFloat);
  if (!base.adapter.empty()) {
    add_changes(ParameterTable(shape), read_base_adapter(base.adapter, base.folder, shape), model.weights);
    if (!at::isfinite(model.weights).all().item<bool>())
      throw Error(ErrorKind::data, "the model with its adapter has values that are not numbers").at(base.adapter);
  }
  return model.weights;
}

void adopt_base(const PlannedBase& base, const std::filesystem::path& folder, Communicator& communicator) {
  const TaskStopwatch watch;
  collectively(communicator, [&] {
    if (communicator.rank() != 0) return;
    const BaseConfig& given = base.config.base;
    const ParameterTable table(base.config.model);
    const at::Tensor weights = read_given_weights(given, base.config.model);
    if (!at::isfinite(weights).all().item<bool>()) {
      throw Error(ErrorKind::data, "the model's weights are not all numbers")
          .at(given.folder)
          .hint("stet model verify names a folder's tensors");
    }
    const Tokenizer tokenizer = base_tokenizer(given.folder);
    write_file_atomically(
        folder / "certification.md",
        fmt::format("{}{}: {} parameters in {} tensors, {} tokens, texts end with {}; weights in {}; content {}.\n",
                    markdown_text(std::filesystem::path(given.folder).filename().string()),
                    given.adapter.empty() ? ""
                                          : " with the adapter " +
                                                markdown_text(std::filesystem::path(given.adapter).filename().string()),
                    table.total(), table.size(), tokenizer.vocabulary_size(),
                    markdown_text(tokenizer.token(tokenizer.end_of_text())),
                    given.weights == BaseWeights::bfloat16 ? "bfloat16" : "float32", given.content));
    write_file_atomically(folder / "base.toml", config::to_toml(base_identity_of(base.config)));
    fault_point("base.record");
    task::mark_finished(folder, watch.spent(), communicator.size(), "");
  });
}

std::unique_ptr<BaseModel> read_given_base(const PlannedBase& base, const World& world,
                                           const std::filesystem::path& folder) {
  Transformer model(base.config.model);
  at::Tensor weights = read_given_weights(base.config.base, model.config());
  // Which of the world's facts it knows is asked by SLiCK alone.
  Recall knowledge(world.base_facts().size());
  return std::make_unique<BaseModel>(BaseModel{base_tokenizer(base.config.base.folder), std::move(model),
                                               std::move(weights), std::move(knowledge),
                                               read_file(stays_within(folder, folder / "certification.md"))});
}

}  // namespace stet
