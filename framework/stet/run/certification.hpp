// What a base model that was pre-trained here recalls of its world (Table 0).
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/model/transformer.hpp>
#include <stet/plan/eligible_facts.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/world/world.hpp>

#include <string>

namespace stet {

/// Collective. Table 0, as Markdown: what the base recalls, by wording, against guessing within the answer pools.
/// `knowledge` becomes, for every base fact, which statement wordings it completes right.
[[nodiscard]] std::string certify(const World& world, const Tokenizer& tokenizer, const Transformer& model,
                                  const at::Tensor& weights, Communicator& communicator, Recall& knowledge);

}  // namespace stet
