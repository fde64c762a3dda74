// Facts as controls train them: with another's answer, with a refusal, or with a distractor behind the subject. Ids
// stay those of the facts that they were made from, so that outcomes can be paired between arms.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include <stet/world/fact.hpp>

namespace stet {

/// Deals the answers of each relation anew among its facts: the answers' frequencies stay. No fact keeps an answer
/// equal to its own unless more than half of its relation's facts have that answer. A function of (facts, seed).
void shuffle_answers(std::span<Fact> facts, std::uint64_t seed);

/// Every answer becomes `answer`.
void replace_answers(std::span<Fact> facts, const std::string& answer);

/// Appends " " + suffix(i) to the subject of the i-th subject among `facts`, in order of first occurrence: all facts of
/// a subject get the same.
void append_to_subjects(std::span<Fact> facts, const std::function<std::string(std::uint64_t)>& suffix);

}  // namespace stet
