#include <stet/world/synthetic_wordings.hpp>

#include <stet/config/document.hpp>
#include <stet/config/schema.hpp>

#include <world_wordings.hpp>

namespace stet {
namespace {

SyntheticWordings read_synthetic_wordings() {
  using Of = RelationWordings;
  config::Schema<Of> relation("relation");
  relation.field("name", &Of::name, "").field("statements", &Of::statements, "").field("held_out", &Of::held_out, "");
  relation.field("questions", &Of::questions, "").field("probe", &Of::probe, "").field("neutral", &Of::neutral, "");
  config::Schema<SyntheticWordings> all("wordings");
  all.field("records", &SyntheticWordings::records, "").field("neutral", &SyntheticWordings::neutral, "");
  all.table("relation", &SyntheticWordings::relations, relation);
  return all.read(config::parse(synthetic_toml, "synthetic.toml"));
}

}  // namespace

const SyntheticWordings& synthetic_wordings() {
  static const SyntheticWordings all = read_synthetic_wordings();  // a constant table
  return all;
}

}  // namespace stet
