#include <stet/tensorfile/dtype.hpp>

#include <array>
#include <utility>

namespace stet {

namespace {
struct Entry {
  DType type;
  std::string_view name;
  std::uint64_t size;
};
constexpr std::array<Entry, 13> table{{{DType::f64, "F64", 8},
                                       {DType::f32, "F32", 4},
                                       {DType::f16, "F16", 2},
                                       {DType::bf16, "BF16", 2},
                                       {DType::i64, "I64", 8},
                                       {DType::i32, "I32", 4},
                                       {DType::i16, "I16", 2},
                                       {DType::i8, "I8", 1},
                                       {DType::u64, "U64", 8},
                                       {DType::u32, "U32", 4},
                                       {DType::u16, "U16", 2},
                                       {DType::u8, "U8", 1},
                                       {DType::boolean, "BOOL", 1}}};

// The table is in the order of the enumeration, so that the value is the index.
constexpr bool in_order() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].type) != i) return false;
  }
  return true;
}
static_assert(in_order());
}  // namespace

std::uint64_t size_of(DType type) noexcept { return table[static_cast<std::size_t>(type)].size; }

std::string_view name_of(DType type) noexcept { return table[static_cast<std::size_t>(type)].name; }

std::optional<DType> parse_dtype(std::string_view name) noexcept {
  for (const Entry& entry : table) {
    if (entry.name == name) return entry.type;
  }
  return std::nullopt;
}

}  // namespace stet
