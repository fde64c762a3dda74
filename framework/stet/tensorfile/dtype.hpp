// Element types of tensor files (safetensors), their names and sizes, and the C++ types that hold them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

namespace stet {

enum class DType { f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, boolean };

/// Bytes of one element: 1, 2, 4 or 8.
[[nodiscard]] std::uint64_t size_of(DType type) noexcept;
/// The name in the file: "F64", "F32", "F16", "BF16", "I64", ..., "U8", "BOOL".
[[nodiscard]] std::string_view name_of(DType type) noexcept;
/// The type of a name (exact, upper case); nothing for other names, 8-bit floats included.
[[nodiscard]] std::optional<DType> parse_dtype(std::string_view name) noexcept;

/// The element type that holds values of the C++ type T. There is none for f16 and bf16, which C++20 has no type for:
/// those tensors are read and written as bytes.
template <class T>
[[nodiscard]] consteval DType dtype_of() {
  if constexpr (std::is_same_v<T, double>)
    return DType::f64;
  else if constexpr (std::is_same_v<T, float>)
    return DType::f32;
  else if constexpr (std::is_same_v<T, bool>)
    return DType::boolean;
  else {
    static_assert(std::is_integral_v<T> && !std::is_same_v<T, char> && !std::is_same_v<T, wchar_t>,
                  "tensor files hold float, double, bool and fixed-width integers");
    if constexpr (std::is_signed_v<T>) {
      return sizeof(T) == 8 ? DType::i64 : sizeof(T) == 4 ? DType::i32 : sizeof(T) == 2 ? DType::i16 : DType::i8;
    } else {
      return sizeof(T) == 8 ? DType::u64 : sizeof(T) == 4 ? DType::u32 : sizeof(T) == 2 ? DType::u16 : DType::u8;
    }
  }
}

}  // namespace stet
