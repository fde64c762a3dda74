#include <stet/text/normalizer.hpp>

#include <stet/base/error.hpp>

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace stet {

std::string_view normalize(std::string_view text, NormalForm form, std::string& buffer) {
  // All code points below U+0300 (first byte 0xCC) are in NFC; for the other forms ASCII is.
  const unsigned char safe = form == NormalForm::nfc ? 0xCC : 0x80;
  if (std::none_of(text.begin(), text.end(), [&](char c) { return static_cast<unsigned char>(c) >= safe; })) return text;
  int options = UTF8PROC_STABLE;
  options |= form == NormalForm::nfc || form == NormalForm::nfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == NormalForm::nfkc || form == NormalForm::nfkd) options |= UTF8PROC_COMPAT;
  utf8proc_uint8_t* result = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &result, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(result, std::free);
  if (size < 0) {
    throw Error(ErrorKind::data, "a text cannot be normalized").received(std::string("utf8proc: ") + utf8proc_errmsg(size));
  }
  buffer.assign(reinterpret_cast<const char*>(result), static_cast<std::size_t>(size));
  return buffer;
}

}  // namespace stet
