#include <stet/run/knowledge_labels.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/base/fault.hpp>
#include <stet/base/file/contained_path.hpp>
#include <stet/base/files.hpp>
#include <stet/base/shown.hpp>
#include <stet/base/strings.hpp>
#include <stet/checkpoint/checkpoint_store.hpp>
#include <stet/checkpoint/stopping.hpp>
#include <stet/config/document.hpp>
#include <stet/run/record/checkpoint_identity.hpp>
#include <stet/run/record/task_record.hpp>
#include <stet/tensorfile/tensor_file.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <unordered_set>

namespace stet {

namespace {

/// The question as the fine-tuning wording asks it; the space before the answer is not part of it.
SlickFact as_asked(const World& world, const Fact& fact) {
  std::vector<std::string> answers = {fact.answer};
  answers.insert(answers.end(), fact.aliases.begin(), fact.aliases.end());
  return {fact.id, render(world.relations()[fact.relation].probe, fact).prompt, std::move(answers)};
}

/// Shares of the categories, base facts and new facts apart.
std::string shares(const World& world, std::span<const SlickRelation> relations,
                   std::span<const std::vector<SlickLabel>> labels, const SlickOptions& options, double seconds) {
  std::unordered_set<std::uint64_t> fresh;
  for (const Fact& fact : world.new_facts()) fresh.insert(fact.id);
  std::string text = fmt::format(
      "SLiCK: {} prompts of {} shots, {}{} samples at T {}, top-k {}; answers compared after normalization "
      "(ends trimmed, white space and ASCII case ignored, final full stop dropped).\n\n"
      "| relation | facts |",
      options.prompts, options.shots, options.greedy ? "1 greedy answer and " : "", options.samples,
      options.temperature, options.top_k);
  for (int c = 0; c < knowledge_category_count; ++c)
    text += fmt::format(" {} |", name_of(static_cast<KnowledgeCategory>(c)));
  text += "\n| --- | ---: | ---: | ---: | ---: | ---: |\n";
  std::size_t all = 0;
  for (const bool is_new : {false, true}) {
    std::vector<SlickLabel> sum;
    const auto row = [&](const std::string& name, std::span<const SlickLabel> group) {
      if (group.empty()) return;
      text += fmt::format("| {} | {} |", name, group.size());
      for (const std::size_t count : count_categories(group)) {
        text += fmt::format(" {:.1f} |", 100 * static_cast<double>(count) / static_cast<double>(group.size()));
      }
      text += "\n";
    };
    const char* kind = is_new ? "new facts" : "base facts";
    for (std::size_t r = 0; r < relations.size(); ++r) {
      std::vector<SlickLabel> group;
      for (const SlickLabel& label : labels[r]) {
        if (fresh.contains(label.id) == is_new) group.push_back(label);
      }
      row(fmt::format("{}, {}", markdown_text(relations[r].name), kind), group);
      sum.insert(sum.end(), group.begin(), group.end());
    }
    row(fmt::format("all, {}", kind), sum);
    all += sum.size();
  }
  text += fmt::format("\n{} facts in {}: {} for 1,000 facts.\n", all, format_duration(seconds),
                      format_duration(1000 * seconds / static_cast<double>(std::max<std::size_t>(all, 1))));
  return text;
}

constexpr std::array files_of_labels = {"labels.safetensors"};

std::vector<std::int64_t> values_of(const at::Tensor& tensor) {
  return {tensor.data_ptr<std::int64_t>(), tensor.data_ptr<std::int64_t>() + tensor.numel()};
}

}  // namespace

std::vector<SlickRelation> slick_questions(const World& world) {
  std::vector<SlickRelation> relations;
  for (const Relation& relation : world.relations()) relations.push_back({relation.name, {}, {}});
  const bool own = world.development_facts().empty();
  for (const Fact& fact : world.development_facts())
    relations[fact.relation].development.push_back(as_asked(world, fact));
  for (const Fact& fact : world.base_facts()) {
    SlickRelation& relation = relations[fact.relation];
    (own && world.asked(fact) ? relation.development : relation.facts).push_back(as_asked(world, fact));
  }
  for (const Fact& fact : world.new_facts()) relations[fact.relation].facts.push_back(as_asked(world, fact));
  return relations;
}

SlickOptions slick_options(const RunConfig& config, const World& world) {
  SlickOptions protocol = config.slick;
  if (protocol.separator.empty())  // what our pre-training puts between texts; what others' models know from prompts
    protocol.separator = config.base.given() ? "\n" : std::string(end_of_text_token);
  protocol.head = config.prompt.head;
  protocol.answer_lead = parse_template(world.relations().at(0).probe).answer_lead;
  return protocol;
}

void label_facts(const PlannedLabels& labels, const BaseModel& base, const World& world,
                 const std::filesystem::path& folder, Communicator& communicator, const ProgressSink& progress) {
  const TaskStopwatch watch;
  const std::vector<SlickRelation> relations = slick_questions(world);
  const SlickOptions options = slick_options(labels.config, world);
  bool advanced = false;  // since the last checkpoint
  const auto report = [&](double share) {
    advanced = true;
    fault_point("label.batch");
    if (progress && communicator.rank() == 0)
      progress({task_name(labels), share, 0, watch.spent().wall, labels.identity});
  };
  CheckpointStore store(communicator, folder / "checkpoints", static_cast<int>(labels.config.checkpoint.keep));
  SlickState state;
  TimeSpent before;  // in earlier attempts
  std::int64_t saves = 0;
  if (const std::optional<Checkpoint> checkpoint = store.load_newest()) {
    refuse_other_identity(*checkpoint, labels_identity_of(labels.config), folder / "checkpoints");
    state = {values_of(checkpoint->tensors.at("done")), values_of(checkpoint->tensors.at("right"))};
    before = {std::stod(checkpoint->metadata.at("seconds")), std::stod(checkpoint->metadata.at("processor_seconds"))};
    saves = checkpoint->step;
  }
  const auto spent = [&] {
    TimeSpent all = before;
    return all += watch.spent();
  };
  Stopwatch since_saved;
  const auto pause = [&] {
    return stop_requested() || take_save_request() ||
           (advanced && since_saved.seconds() > labels.config.checkpoint.seconds);
  };
  std::vector<std::vector<SlickLabel>> result;
  while (true) {
    result = slick(base.model, base.weights, base.tokenizer, relations, options, communicator, report, pause, &state);
    if (!result.empty() || relations.empty()) break;
    const TimeSpent so_far = spent();
    Checkpoint checkpoint{
        ++saves,
        {{"done", at::tensor(state.done)}, {"right", at::tensor(state.right)}},
        {{"seconds", std::to_string(so_far.wall)}, {"processor_seconds", std::to_string(so_far.processor)}}};
    write_identity(checkpoint, labels_identity_of(labels.config));
    store.save(checkpoint);
    since_saved.restart();
    advanced = false;
    std::vector<double> stop = {stop_requested() ? 1.0 : 0.0};
    communicator.all_reduce_max(std::span<double>(stop));
    if (stop[0] > 0) throw Stopped{};
  }
  collectively(communicator, [&] {
    if (communicator.rank() != 0) return;
    std::vector<std::int64_t> ids;  // bits of the 64-bit hash
    std::vector<std::int32_t> greedy, sampled;
    std::vector<std::uint8_t> category;
    for (const auto& group : result) {
      for (const SlickLabel& label : group) {
        ids.push_back(static_cast<std::int64_t>(label.id));
        greedy.push_back(static_cast<std::int32_t>(label.greedy_right));
        sampled.push_back(static_cast<std::int32_t>(label.samples_right));
        category.push_back(static_cast<std::uint8_t>(label.category));
      }
    }
    const std::vector<TensorView> views = {view_of<std::int64_t>("id", ids, {ids.size()}),
                                           view_of<std::int32_t>("greedy_right", greedy, {ids.size()}),
                                           view_of<std::int32_t>("samples_right", sampled, {ids.size()}),
                                           view_of<std::uint8_t>("category", category, {ids.size()})};
    write_tensor_file(folder / "labels.safetensors", views);
    write_file_atomically(folder / "slick.md", shares(world, relations, result, options, spent().wall));
    write_file_atomically(folder / "slick.toml", config::to_toml(labels_identity_of(labels.config)));
    task::mark_finished(folder, spent(), communicator.size(), task::content_hash(folder, files_of_labels));
  });
  store.clear();
}

KnowledgeLabels load_labels(const std::filesystem::path& folder) {
  const TensorFile file = TensorFile::open(stays_within(folder, folder / "labels.safetensors"));
  const auto ids = file.values<std::int64_t>("id");
  const auto greedy = file.values<std::int32_t>("greedy_right"), sampled = file.values<std::int32_t>("samples_right");
  const auto category = file.values<std::uint8_t>("category");
  if (greedy.size() != ids.size() || sampled.size() != ids.size() || category.size() != ids.size()) {
    throw Error(ErrorKind::data, "the label file's tensors differ in length").at(file.path().string());
  }
  KnowledgeLabels labels;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (category[i] >= knowledge_category_count) {
      throw Error(ErrorKind::data, "no such category").at(file.path().string()).received(std::to_string(category[i]));
    }
    const auto id = static_cast<std::uint64_t>(ids[i]);
    labels.of.emplace(id, SlickLabel{id, greedy[i], sampled[i], static_cast<KnowledgeCategory>(category[i])});
  }
  task::refuse_altered(folder, files_of_labels);
  labels.table = read_file(stays_within(folder, folder / "slick.md"));
  return labels;
}

}  // namespace stet
