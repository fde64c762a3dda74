// Whose identity a key belongs to, said where the key is declared. The identity of something that is made (a base
// model, its labels, a run) is the hash of the keys that it depends on; a key that is forgotten there gives yesterday's
// result for today's file.
#pragma once

#include <functional>
#include <utility>

namespace stet::config {

/// What is made, each with an identity of its own.
enum class IdentityPart : unsigned { base = 1, labels = 2, run = 4 };

/// A set of parts.
class Parts {
 public:
  constexpr Parts() = default;  ///< none
  constexpr Parts(IdentityPart part) : bits_(static_cast<unsigned>(part)) {}

  [[nodiscard]] constexpr bool has(IdentityPart part) const { return (bits_ & static_cast<unsigned>(part)) != 0; }
  [[nodiscard]] constexpr Parts operator|(Parts other) const { return Parts(bits_ | other.bits_); }
  [[nodiscard]] constexpr bool operator==(const Parts&) const = default;

 private:
  constexpr explicit Parts(unsigned bits) : bits_(bits) {}
  unsigned bits_ = 0;
};
[[nodiscard]] constexpr Parts operator|(IdentityPart a, IdentityPart b) { return Parts(a) | Parts(b); }

/// The key changes nothing of what is made: where files lie, how often to save.
inline constexpr Parts no_part{};
/// The key counts for whatever the table that it stands in counts for.
inline constexpr Parts every_part = IdentityPart::base | IdentityPart::labels | IdentityPart::run;

/// How an identity holds derived keys, such as the content of a file: by their value, or only that there is one.
enum class Content { hashed, named };

/// The declaration of one key of a T.
template <class T>
class Identity {
 public:
  Identity(Parts parts) : parts_(parts) {}
  Identity(IdentityPart part) : parts_(part) {}

  /// The key counts for `parts` too, but only while `condition` holds.
  [[nodiscard]] Identity and_if(Parts parts, std::function<bool(const T&)> condition) && {
    conditional_ = parts;
    condition_ = std::move(condition);
    return std::move(*this);
  }
  /// The key came after results had been made; its default is what was done before. While it has it, it is left out.
  [[nodiscard]] Identity came_later() && {
    later_ = true;
    return std::move(*this);
  }

  [[nodiscard]] bool counts(IdentityPart part, const T& object) const {
    return parts_.has(part) || (conditional_.has(part) && condition_(object));
  }
  [[nodiscard]] bool may_count(IdentityPart part) const { return (parts_ | conditional_).has(part); }
  [[nodiscard]] bool is_later() const noexcept { return later_; }

 private:
  Parts parts_, conditional_;
  std::function<bool(const T&)> condition_;
  bool later_ = false;
};

}  // namespace stet::config
