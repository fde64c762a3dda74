// A world made from EntityQuestions (Sciavolino et al. 2021): questions about Wikidata subjects and their answers.
// Reads `relation_query_templates.json` and the splits that the options name of the published data; part of the
// subjects become base facts, stated in pre-training, the others new facts, which pre-training never mentions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <stet/world/world.hpp>

namespace stet {

/// A published split of a relation's questions.
enum class EntityQuestionsSplit {
  train,       ///< train/PXX.train.json
  test,        ///< test/PXX.test.json
  no_overlap,  ///< no-overlap/PXX/PXX_no_overlap.train.json (P19, P159, P170): subjects hardly share a word with those
               ///< of `test`
};

struct EntityQuestionsOptions {
  /// Folder of the data. Empty: the environment variable STET_DATA, or its subfolder "entity-questions".
  std::string path;
  std::vector<std::string> relations = {"P17", "P19", "P36", "P50"};  ///< Wikidata properties
  std::size_t facts_per_relation = 1000;                              ///< base facts of each relation
  std::size_t new_per_relation = 250;                                 ///< new facts of each relation
  /// Whose facts become base facts, and whose new ones. Where they differ, base facts do not depend on the new ones,
  /// and new facts are taken among those whose answer some base fact of the relation has.
  EntityQuestionsSplit base_from = EntityQuestionsSplit::train, new_from = EntityQuestionsSplit::train;
  std::uint64_t seed = 1;
  double asked_fraction = 0.5;
  double question_share = 0.3;
  double neutral_share = 0.05;
  std::size_t vocabulary = 4096;  ///< size of the byte-level BPE vocabulary
  bool drop_ambiguous = true;     ///< leave out questions with several answers; otherwise take the first answer
  /// As Gekhman et al. 2024 (arXiv 2405.05904): of `train` and `no_overlap` the questions about a subject that some
  /// question of `test` is about, of any relation and with any number of answers, are left out. With drop_ambiguous
  /// this gives the numbers of training facts by relation that they print (7,890 of P17, 81,700 of their twelve).
  bool without_test_subjects = false;
  std::size_t max_subject_chars = 60;  ///< longer subjects (in code points) are left out
};

/// A function of the options and files alone. Throws Error (data) naming file and line for malformed data, with a hint
/// where to get it if it is missing, and Error (config) if there are fewer facts than asked for.
[[nodiscard]] World make_entity_questions_world(const EntityQuestionsOptions& options);

/// Looks whether all files are there that the world of these options is made from, without reading them. Throws what
/// make_entity_questions_world() would, once for all missing files.
void check_entity_questions_files(const EntityQuestionsOptions& options);

/// The files that such a world is read from, relative to `folder`.
struct EntityQuestionsFiles {
  std::filesystem::path folder;
  std::vector<std::filesystem::path> base;  ///< base facts and the texts of pre-training depend on these alone
  std::vector<std::filesystem::path>
      all;  ///< these, those of the new facts, and those of the development facts that are there
};
/// Throws as check_entity_questions_files() does.
[[nodiscard]] EntityQuestionsFiles entity_questions_files(const EntityQuestionsOptions& options);

}  // namespace stet
