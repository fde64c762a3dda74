#include <stet/run/run_state.hpp>

#include <stet/base/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>

namespace stet {

void RunState::begin_phase() {
  in_phase = true;
  position = 0;
  best_validation = -1;
  bad_epochs = 0;
  phase_over = false;
}

void RunState::record(std::int32_t phase_index, float epoch, const std::vector<TokenizedSet>& sets,
                      const std::vector<SetScore>& scores) {
  outcomes.step.push_back(step);
  outcomes.epoch.push_back(epoch);
  outcomes.phase.push_back(phase_index);
  for (std::size_t i = 0; i < sets.size(); ++i) {
    report::SetOutcomes& set = outcomes.sets[sets[i].name];
    if (set.fact_ids.empty()) {
      for (const Fact& fact : sets[i].facts) {
        set.fact_ids.push_back(fact.id);
        set.relation.push_back(fact.relation);
      }
    }
    set.correct.insert(set.correct.end(), scores[i].correct.begin(), scores[i].correct.end());
    set.probability.insert(set.probability.end(), scores[i].probability.begin(), scores[i].probability.end());
    set.first_token.insert(set.first_token.end(), scores[i].first_token.begin(), scores[i].first_token.end());
    for (const auto& [extra, values] :
         {std::pair<const char*, const std::vector<float>&>{"confidence", scores[i].confidence},
          {"entropy", scores[i].entropy},
          {"not_attempted", scores[i].not_attempted}}) {
      if (!values.empty()) set.extra[extra].insert(set.extra[extra].end(), values.begin(), values.end());
    }
  }
}

namespace {
/// Appends rows until there are `rows`: the last one again, or zeros.
void fill_rows(std::vector<float>& values, std::size_t rows, std::size_t facts) {
  while (values.size() < rows * facts) {
    if (values.empty()) {
      values.resize(facts);
      continue;
    }
    const std::vector<float> last(values.end() - static_cast<std::ptrdiff_t>(facts), values.end());
    values.insert(values.end(), last.begin(), last.end());
  }
}
}  // namespace

void RunState::record_facts(const std::string& set_name, const std::string& key, std::span<const float> values) {
  report::SetOutcomes& set = outcomes.sets.at(set_name);
  STET_ASSERT(values.size() == set.fact_ids.size() && !outcomes.step.empty());
  std::vector<float>& all = set.extra[key];
  fill_rows(all, outcomes.step.size() - 1, values.size());
  all.resize((outcomes.step.size() - 1) * values.size());  // recorded twice: the later one counts
  all.insert(all.end(), values.begin(), values.end());
  if (std::find(fact_arrays.begin(), fact_arrays.end(), set_name + "/" + key) == fact_arrays.end())
    fact_arrays.push_back(set_name + "/" + key);
}

void RunState::complete_facts() {
  for (const std::string& array : fact_arrays) {
    report::SetOutcomes& set = outcomes.sets.at(array.substr(0, array.find('/')));
    fill_rows(set.extra.at(array.substr(array.find('/') + 1)), outcomes.step.size(), set.fact_ids.size());
  }
}

namespace {
template <class T>
at::Tensor pack_vector(const std::vector<T>& values, at::ScalarType type) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, type);
  static_assert(std::is_trivially_copyable_v<T>);
  STET_ASSERT(tensor.nbytes() == values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(tensor.data_ptr(), values.data(), tensor.nbytes());
  return tensor;
}
template <class T>
std::vector<T> unpack_vector(const at::Tensor& tensor) {
  std::vector<T> values(static_cast<std::size_t>(tensor.numel()));
  STET_ASSERT(tensor.nbytes() == values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.data_ptr(), tensor.nbytes());
  return values;
}
}  // namespace

void RunState::save_to(Checkpoint& checkpoint) const {
  checkpoint.step = step;
  const nlohmann::json json{{"phase", phase},
                            {"in_phase", in_phase},
                            {"position", position},
                            {"best_validation", best_validation},
                            {"bad_epochs", bad_epochs},
                            {"phase_over", phase_over},
                            {"seconds", spent.wall},
                            {"processor_seconds", spent.processor},
                            {"measurements", measurements},
                            {"fact_arrays", fact_arrays},
                            {"acted", acted}};
  checkpoint.metadata["run"] = json.dump();
  checkpoint.tensors["outcome.step"] = pack_vector(outcomes.step, at::kLong);
  checkpoint.tensors["outcome.epoch"] = pack_vector(outcomes.epoch, at::kFloat);
  checkpoint.tensors["outcome.phase"] = pack_vector(outcomes.phase, at::kInt);
  for (const auto& [name, set] : outcomes.sets) {
    const std::string prefix = "outcome." + name + ".";
    checkpoint.tensors[prefix + "fact"] = pack_vector(set.fact_ids, at::kLong);
    checkpoint.tensors[prefix + "relation"] = pack_vector(set.relation, at::kInt);
    checkpoint.tensors[prefix + "correct"] = pack_vector(set.correct, at::kByte);
    checkpoint.tensors[prefix + "probability"] = pack_vector(set.probability, at::kFloat);
    checkpoint.tensors[prefix + "first_token"] = pack_vector(set.first_token, at::kInt);
    for (const auto& [extra, values] : set.extra)
      checkpoint.tensors[prefix + "extra." + extra] = pack_vector(values, at::kFloat);
  }
}

void RunState::load_from(const Checkpoint& checkpoint) {
  try {
    const auto json = nlohmann::json::parse(checkpoint.metadata.at("run"));
    json.at("phase").get_to(phase);
    json.at("in_phase").get_to(in_phase);
    json.at("position").get_to(position);
    json.at("best_validation").get_to(best_validation);
    json.at("bad_epochs").get_to(bad_epochs);
    json.at("phase_over").get_to(phase_over);
    json.at("seconds").get_to(spent.wall);
    spent.processor = json.value("processor_seconds", spent.wall);  // a checkpoint of an older stet has none
    older_metrics = json.value("metrics", std::vector<std::string>());
    json.at("measurements").get_to(measurements);
    json.at("fact_arrays").get_to(fact_arrays);
    acted = json.value("acted", std::set<std::string>{});  // as above
  } catch (const std::exception& error) {
    throw Error(ErrorKind::checkpoint, "the checkpoint's run state cannot be read").received(error.what());
  }
  step = checkpoint.step;
  outcomes.step = unpack_vector<std::int64_t>(checkpoint.tensors.at("outcome.step"));
  outcomes.epoch = unpack_vector<float>(checkpoint.tensors.at("outcome.epoch"));
  outcomes.phase = unpack_vector<std::int32_t>(checkpoint.tensors.at("outcome.phase"));
  outcomes.sets.clear();
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (!name.starts_with("outcome.") || !name.ends_with(".fact") || name.find(".extra.") != std::string::npos)
      continue;
    const std::string prefix = name.substr(0, name.size() - 4);
    report::SetOutcomes& set = outcomes.sets[prefix.substr(8, prefix.size() - 9)];
    set.fact_ids = unpack_vector<std::uint64_t>(tensor);
    set.relation = unpack_vector<std::uint32_t>(checkpoint.tensors.at(prefix + "relation"));
    set.correct = unpack_vector<std::uint8_t>(checkpoint.tensors.at(prefix + "correct"));
    set.probability = unpack_vector<float>(checkpoint.tensors.at(prefix + "probability"));
    set.first_token = unpack_vector<std::int32_t>(checkpoint.tensors.at(prefix + "first_token"));
    for (auto at = checkpoint.tensors.lower_bound(prefix + "extra.");
         at != checkpoint.tensors.end() && at->first.starts_with(prefix + "extra."); ++at) {
      set.extra[at->first.substr(prefix.size() + 6)] = unpack_vector<float>(at->second);
    }
  }
}

}  // namespace stet
