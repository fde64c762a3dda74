#include <stet/run/certification.hpp>

#include <stet/evaluate/evaluation.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

namespace stet {

namespace {

struct RecallRow {
  std::string wording;
  std::size_t facts = 0;
  double accuracy = 0;
};

}  // namespace

std::string certify(const World& world, const Tokenizer& tokenizer, const Transformer& model, const at::Tensor& weights,
                    Communicator& communicator, Recall& knowledge) {
  const std::vector<Fact>& facts = world.base_facts();
  std::size_t statements = 0, held_out = 0, questions = 0;
  double guess = 0;
  for (const Relation& relation : world.relations()) {
    statements = std::max(statements, relation.statements.size());
    held_out = std::max(held_out, relation.held_out_statements.size());
    questions = std::max(questions, relation.questions.size());
    guess += 1.0 / static_cast<double>(std::max<std::size_t>(relation.answers.size(), 1));
  }
  const auto recall = [&](const std::string& label, std::span<const Fact> chosen, const auto& wording,
                          std::vector<RecallRow>& rows) {
    const TokenizedSet set = tokenize_set(label, chosen, tokenizer, wording);
    SetScore result = score(model, weights, set, communicator);
    rows.push_back({label, chosen.size(), result.accuracy()});
    return result;
  };
  const auto relation_of = [&world](const Fact& fact) -> const Relation& { return world.relations()[fact.relation]; };
  const auto nth = [](const std::vector<std::string>& list, std::size_t i) -> const std::string& {
    return list[i % list.size()];
  };
  std::vector<RecallRow> rows;
  knowledge.assign(facts.size(), {});
  double sum = 0;
  std::vector<RecallRow> scratch;
  for (std::size_t i = 0; i < statements; ++i) {
    const SetScore result = recall(
        "", facts, [&](const Fact& f) -> const std::string& { return nth(relation_of(f).statements, i); }, scratch);
    for (std::size_t k = 0; k < facts.size(); ++k) knowledge[k].push_back(result.correct[k] != 0);
    sum += result.accuracy();
  }
  rows.push_back({"statements of pre-training (mean)", facts.size(),
                  sum / static_cast<double>(std::max<std::size_t>(statements, 1))});
  for (std::size_t i = 0; i < held_out; ++i) {
    static_cast<void>(recall(
        fmt::format("held-out statement {}", i + 1), facts,
        [&](const Fact& f) -> const std::string& { return nth(relation_of(f).held_out_statements, i); }, rows));
  }
  std::vector<Fact> asked, not_asked;
  for (const Fact& fact : facts) (world.asked(fact) ? asked : not_asked).push_back(fact);
  for (const auto& [label, group] :
       {std::pair<const char*, const std::vector<Fact>&>{"asked subjects", asked}, {"other subjects", not_asked}}) {
    if (group.empty()) continue;
    double question_sum = 0;
    for (std::size_t i = 0; i < questions; ++i) {
      question_sum +=
          recall(
              "", group, [&](const Fact& f) -> const std::string& { return nth(relation_of(f).questions, i); }, scratch)
              .accuracy();
    }
    if (questions > 0)
      rows.push_back({fmt::format("questions of pre-training, {} (mean)", label), group.size(),
                      question_sum / static_cast<double>(questions)});
    static_cast<void>(recall(
        fmt::format("fine-tuning wording, {}", label), group,
        [&](const Fact& f) -> const std::string& { return relation_of(f).probe; }, rows));
  }
  // Nothing of the new facts: they are an arm's, and the base may serve arms and experiments with others.
  std::string text = "| wording | facts | recall |\n| --- | ---: | ---: |\n";
  for (const RecallRow& row : rows)
    text += fmt::format("| {} | {} | {:.1f} |\n", row.wording, row.facts, 100 * row.accuracy);
  text += fmt::format("| guessing within the answer pool |  | {:.1f} |\n",
                      100 * guess / static_cast<double>(world.relations().size()));
  double bits = 0;
  std::size_t recalled = 0;
  for (std::size_t k = 0; k < facts.size(); ++k) {
    if (std::find(knowledge[k].begin(), knowledge[k].end(), false) != knowledge[k].end()) continue;
    ++recalled;
    bits += std::log2(static_cast<double>(std::max<std::size_t>(relation_of(facts[k]).answers.size(), 1)));
  }
  const std::int64_t parameters = model.table().total();
  text += fmt::format(
      "\nStored: {:.0f} bits in {} parameters, {:.4f} bits a parameter ({} facts recalled in every statement wording, "
      "log2 of the answer pool each).\n",
      bits, parameters, bits / static_cast<double>(parameters), recalled);
  return text;
}

}  // namespace stet
