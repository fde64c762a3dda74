#include <stet/text/unicode/normalizer.hpp>

#include <stet/base/error.hpp>
#include <stet/base/utf8.hpp>

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <vector>

namespace stet {
namespace {

void require(utf8proc_ssize_t result) {
  if (result < 0) {
    throw Error(ErrorKind::data, "a text cannot be normalized")
        .received(std::string("utf8proc: ") + utf8proc_errmsg(result));
  }
}

std::vector<utf8proc_int32_t> decomposed(std::string_view text, utf8proc_option_t options) {
  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size());
  std::array<utf8proc_int32_t, 32> parts{};  // the longest decomposition has 18 (U+FDFA)
  int last_boundary = 0;
  for (std::size_t i = 0; i < text.size();) {
    const CodePoint point = decode_code_point(text.substr(i));
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(point.value), parts.data(),
                                static_cast<utf8proc_ssize_t>(parts.size()), options, &last_boundary);
    require(count);
    STET_ASSERT(static_cast<std::size_t>(count) <= parts.size());
    points.insert(points.end(), parts.begin(), parts.begin() + count);
    i += point.size;
  }
  return points;
}

/// Canonical order: each run of marks sorted by its combining class. utf8proc's own sorting is quadratic in the length
/// of a run.
void put_in_order(std::vector<utf8proc_int32_t>& points) {
  const auto combining_class = [](utf8proc_int32_t point) { return utf8proc_get_property(point)->combining_class; };
  const auto is_mark = [&](utf8proc_int32_t point) { return combining_class(point) != 0; };
  for (auto begin = points.begin(); begin != points.end();) {
    begin = std::find_if(begin, points.end(), is_mark);
    const auto end = std::find_if_not(begin, points.end(), is_mark);
    std::stable_sort(begin, end, [&](auto a, auto b) { return combining_class(a) < combining_class(b); });
    begin = end;
  }
}

}  // namespace

std::string_view normalize(std::string_view text, NormalForm form, std::string& buffer) {
  // All code points below U+0300 (first byte 0xCC) are in NFC; for the other forms ASCII is.
  const unsigned char safe = form == NormalForm::nfc ? 0xCC : 0x80;
  if (std::none_of(text.begin(), text.end(), [&](char c) { return static_cast<unsigned char>(c) >= safe; }))
    return text;
  int options = UTF8PROC_STABLE;
  options |= form == NormalForm::nfc || form == NormalForm::nfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == NormalForm::nfkc || form == NormalForm::nfkd) options |= UTF8PROC_COMPAT;
  std::vector<utf8proc_int32_t> points = decomposed(text, static_cast<utf8proc_option_t>(options));
  put_in_order(points);
  const utf8proc_ssize_t size = utf8proc_normalize_utf32(points.data(), static_cast<utf8proc_ssize_t>(points.size()),
                                                         static_cast<utf8proc_option_t>(options));
  require(size);
  points.resize(static_cast<std::size_t>(size));
  buffer.clear();
  for (const utf8proc_int32_t point : points) append_utf8(buffer, static_cast<char32_t>(point));
  return buffer;
}

std::string_view apply(const NormalStep& step, std::string_view text, std::string& buffer) {
  if (step.kind == NormalStep::Kind::form) return normalize(text, step.form, buffer);
  if (step.kind == NormalStep::Kind::prepend) {
    if (text.empty()) return text;
    buffer.assign(step.to).append(text);
    return buffer;
  }
  std::size_t found = text.find(step.from);
  if (found == std::string_view::npos) return text;
  buffer.clear();
  std::size_t from = 0;
  for (; found != std::string_view::npos; from = found + step.from.size(), found = text.find(step.from, from))
    buffer.append(text.substr(from, found - from)).append(step.to);
  buffer.append(text.substr(from));
  return buffer;
}

}  // namespace stet
