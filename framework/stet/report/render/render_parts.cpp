#include <stet/base/strings.hpp>
#include <stet/report/render/render_parts.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace stet::report {

namespace {

const ColumnSpec* column_of(const Table& table, const std::string& set, Measure measure) {
  const auto& columns = table.spec.columns;
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const ColumnSpec& c) { return c.set == set && c.measure == measure; });
  return found == columns.end() ? nullptr : &*found;
}

}  // namespace

std::string subject(const Table& table, const std::string& set, Measure measure) {
  const ColumnSpec* column = column_of(table, set, measure);
  if (column != nullptr) return column->label;
  std::string words(name_of(measure));
  std::replace(words.begin(), words.end(), '_', ' ');
  return fmt::format("{}, {}", set, words);
}

bool percent_of(const Table& table, const std::string& set, Measure measure) {
  const ColumnSpec* column = column_of(table, set, measure);
  return column == nullptr || column->percent;
}

std::string label_of(const Table& table, const std::string& arm) {
  for (const auto& [name, label] : table.spec.arms) {
    if (name == arm) return label;
  }
  return arm;
}

std::string contrast(const Table& table, const std::string& arm, const std::string& baseline, const Contrast& than) {
  if (baseline.empty()) return label_of(table, arm);
  const std::string difference = fmt::format("{} - {}", label_of(table, arm), label_of(table, baseline));
  return than.named() ? fmt::format("({}) - ({})", difference, contrast(table, than.arm, than.baseline)) : difference;
}

namespace {

/// "A", "A less B" where a second difference is of another set.
std::string subject_less(const Table& table, const std::string& set, Measure measure, const Contrast& than) {
  const std::string first = subject(table, set, measure);
  return than.named() && than.set != set ? fmt::format("{} less {}", first, subject(table, than.set, measure)) : first;
}

std::string criterion(const Table& table, const ClaimSpec& claim) {
  const bool percent = percent_of(table, claim.set, claim.measure);
  const std::string what = fmt::format("{} ({})", contrast(table, claim.arm, claim.baseline, claim.than),
                                       subject_less(table, claim.set, claim.measure, claim.than));
  const double threshold = claim.direction == Direction::less && !claim.baseline.empty() ? -claim.margin : claim.margin;
  const std::string number = format_number(threshold, percent);
  switch (claim.direction) {
    case Direction::less: return fmt::format("{} < {}", what, number);
    case Direction::greater: return fmt::format("{} > {}", what, number);
    case Direction::equivalent: break;
  }
  return fmt::format("{} within +/-{}", what, number);
}

}  // namespace

std::string confidence_of(const Table& table) { return fmt::format("{:g} %", 100 * table.spec.bootstrap.confidence); }

std::string effect_legend(const Table& table) {
  return fmt::format(
      "d_z: mean over standard deviation of the differences, with Hedges' correction [{} interval: noncentral t].",
      confidence_of(table));
}

namespace {

/// Whether something may be read as "hardly any forgetting": a mean below five points.
bool shows_small_forgetting(const Table& table) {
  const auto kind = [](Measure measure) { return measure == Measure::forgetting || measure == Measure::drop; };
  constexpr double small = 0.05;
  for (std::size_t column = 0; column < table.spec.columns.size(); ++column) {
    if (!kind(table.spec.columns[column].measure)) continue;
    for (const auto& row : table.cells) {
      if (row[column] && row[column]->estimate.mean < small) return true;
    }
  }
  return std::any_of(table.claims.begin(), table.claims.end(), [&](const Claim& claim) {
    return kind(claim.spec.measure) && claim.spec.baseline.empty() && claim.estimate.mean < small;
  });
}

constexpr std::string_view small_forgetting =
    "Forgetting is at least 0 by its definition, since the best evaluation may be the last: chance alone makes a small "
    "one. Look at the final accuracy beside it.";

/// How intervals over as many seeds as the table has were made.
std::string intervals_of(const Table& table) {
  std::set<std::size_t> seeds;
  for (const auto& row : table.cells) {
    for (const auto& cell : row) {
      if (cell) seeds.insert(cell->seeds);
    }
  }
  for (const Comparison& comparison : table.comparisons) seeds.insert(comparison.n);
  for (const Claim& claim : table.claims) seeds.insert(claim.n);
  seeds.erase(0);
  const bool many = seeds.empty() || *seeds.rbegin() >= least_seeds,
             few = !seeds.empty() && *seeds.begin() < least_seeds;
  std::string text = confidence_of(table) + " interval: ";
  if (many)
    text += fmt::format("{} hierarchical bootstrap draws over seeds and facts, expanded for few seeds",
                        table.spec.bootstrap.draws);
  if (many && few) text += fmt::format("; below {} seeds ", least_seeds);
  if (few) text += "Student's t over seeds";
  if (seeds.contains(1)) text += ", with one seed none";
  return text;
}

/// How the numbers came about, and how many facts each set has.
std::string cells_legend(const Table& table) {
  std::vector<std::string> facts;
  std::set<std::string> seen;
  for (std::size_t column = 0; column < table.spec.columns.size(); ++column) {
    const ColumnSpec& spec = table.spec.columns[column];
    const std::string set = split_recorded_set(spec.set, spec.measure).set;
    if (!seen.insert(set).second) continue;
    std::size_t least = 0, most = 0;
    for (const auto& row : table.cells) {
      if (!row[column]) continue;
      least = most == 0 ? row[column]->facts : std::min(least, row[column]->facts);
      most = std::max(most, row[column]->facts);
    }
    if (most == 0) continue;
    facts.push_back(least == most ? fmt::format("{} {}", set, most) : fmt::format("{} {} to {}", set, least, most));
  }
  std::string text = fmt::format("Mean over seeds [{}].", intervals_of(table));
  if (!facts.empty()) text += fmt::format(" Facts: {}.", join(facts, ", "));
  if (shows_small_forgetting(table)) text += fmt::format(" {}", small_forgetting);
  return text;
}

Part cells_part(const Table& table) {
  Part part;
  for (std::size_t arm = 0; arm < table.cells.size(); ++arm) {
    const auto& [name, label] = table.spec.arms[arm];
    Row row(part);
    row.words("Arm", label);
    std::vector<std::string> seeds;
    for (std::size_t column = 0; column < table.cells[arm].size(); ++column) {
      const ColumnSpec& spec = table.spec.columns[column];
      const auto& cell = table.cells[arm][column];
      Record& record = part.record("cell").set("arm", name).set("arm_label", label).set("column", spec.label);
      record.of(table, spec).set("seeds", "0");
      if (cell) record.estimate(cell->estimate, cell->seed_list).set("facts", cell->facts);
      row.number(spec.label, cell ? format_estimate(cell->estimate, spec.percent) : "n/a");
      seeds.push_back(fmt::format("{}", cell ? cell->seeds : 0));
    }
    // One number where all columns agree, else one a column.
    const bool same = std::adjacent_find(seeds.begin(), seeds.end(), std::not_equal_to<>()) == seeds.end();
    row.number("seeds", same ? seeds.front() : join(seeds, "/"));
  }
  part.legend = cells_legend(table);
  return part;
}

template <class Results>
bool have_bases(const Results& results) {
  return std::any_of(results.begin(), results.end(), [](const auto& result) { return !result.by_base.empty(); });
}

std::string comparisons_legend(const Table& table) {
  bool exact = true;
  bool odds = false, one_way = false;
  for (const Comparison& comparison : table.comparisons) {
    exact = exact && comparison.test.exact;
    odds = odds || comparison.odds.has_value();
    one_way = one_way || (comparison.odds && std::isnan(comparison.odds->value));
  }
  const std::size_t family = table.comparisons.size() + table.matched.size();
  std::string text =
      fmt::format("Paired by seed. p: two-sided sign-flip test over seeds ({}); Holm over {} {}.",
                  exact ? "exact" : "sampled above 20 seeds", family, family == 1 ? "comparison" : "comparisons");
  if (have_bases(table.comparisons)) {
    text +=
        " By base: the mean on each base model; seeds share them, so intervals and p speak of new seeds on these base "
        "models.";
  }
  text += " " + effect_legend(table);
  if (odds) {
    text +=
        " Odds ratio: of a right answer, the same facts in both arms, given that the arms differ on the fact "
        "(conditional, McNemar's; not the ratio of the arms' own "
        "odds) [Student's t over the seeds' log odds; an end is 0 or inf where at some seed no fact is right in one "
        "arm alone].";
    if (one_way)
      text +=
          " n/a (0:9): no fact is right in the arm alone, 9 in the baseline alone; a ratio of them would be made up.";
  }
  return text;
}

/// "-0.1, -24.9"
std::string format_bases(const std::vector<double>& by_base, bool percent) {
  std::vector<std::string> parts;
  for (const double mean : by_base) parts.push_back(format_number(mean, percent));
  return join(parts, ", ");
}

std::string format_odds(const std::optional<OddsRatio>& odds) {
  if (!odds) return "n/a";
  if (std::isnan(odds->value)) return fmt::format("n/a ({}:{})", odds->only_a, odds->only_b);
  if (std::isnan(odds->low)) return fmt::format("{:.2f} [n/a]", odds->value);
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", odds->value, odds->low, odds->high);
}

Part comparisons_part(const Table& table) {
  Part part;
  const bool bases = have_bases(table.comparisons);
  for (const Comparison& c : table.comparisons) {
    const bool percent = percent_of(table, c.spec.set, c.spec.measure);
    Row row(part, "comparison");
    row.record().of(table, c.spec).list("by_base", c.by_base);
    row.words("Comparison", contrast(table, c.spec.arm, c.spec.baseline, c.spec.than));
    row.words("On", subject_less(table, c.spec.set, c.spec.measure, c.spec.than));
    row.estimate("Difference", c.difference, percent, c.seed_list);
    if (bases) row.number("by base", format_bases(c.by_base, percent));
    row.test(c.n, c.test, c.p_holm, c.d_z).number("odds ratio", format_odds(c.odds)).number("seeds", c.n);
    if (!c.odds) continue;
    row.record().set("odds_ratio", c.odds->value).set("odds_low", c.odds->low).set("odds_high", c.odds->high);
    row.record().set("only_arm", c.odds->only_a).set("only_baseline", c.odds->only_b);
  }
  part.legend = comparisons_legend(table);
  return part;
}

Part claims_part(const Table& table) {
  Part part;
  const bool tested = std::any_of(table.claims.begin(), table.claims.end(),
                                  [](const Claim& claim) { return claim.spec.direction == Direction::equivalent; });
  for (const Claim& c : table.claims) {
    Row row(part, "claim");
    row.record().of(table, c.spec).list("by_base", c.by_base);
    row.record().set("direction", name_of(c.spec.direction)).set("margin", c.spec.margin);
    row.record().set("verdict", name_of(c.verdict)).set("text", c.spec.text).set("p_tost", c.p_equivalent);
    row.words("Verdict", std::string(name_of(c.verdict))).words("Claim", c.spec.text);
    row.words("Criterion", criterion(table, c.spec));
    row.estimate("Estimate", c.estimate, percent_of(table, c.spec.set, c.spec.measure), c.seed_list);
    if (tested) row.number("p (TOST)", std::isnan(c.p_equivalent) ? "n/a" : format_p(c.p_equivalent));
    row.number("seeds", c.n);
  }
  if (table.spec.columns.empty() && shows_small_forgetting(table)) part.legend = small_forgetting;
  return part;
}

}  // namespace

std::vector<Part> parts_of(const Table& table) {
  std::vector<Part> parts;
  if (!table.spec.columns.empty()) parts.push_back(cells_part(table));
  if (!table.comparisons.empty()) parts.push_back(comparisons_part(table));
  if (!table.matched.empty()) parts.push_back(matched_part(table));
  if (!table.fronts.empty()) parts.push_back(fronts_part(table));
  if (!table.shares.empty()) parts.push_back(shares_part(table));
  for (const Regression& regression : table.regressions) {
    parts.push_back(regression_part(table, regression));
    parts.push_back(mediation_part(table, regression));
  }
  if (!table.claims.empty()) parts.push_back(claims_part(table));
  return parts;
}

}  // namespace stet::report
