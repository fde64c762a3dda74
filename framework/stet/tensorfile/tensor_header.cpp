#include <stet/tensorfile/tensor_header.hpp>

#include <stet/base/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>
#include <utility>

namespace stet {

namespace {

using Json = nlohmann::json;

/// Builds the tensors while the text is read, and stops at the first thing that does not belong there. A tree of the
/// whole text is never made: it could not show duplicate keys, and its depth would be the file's choice.
class HeaderReader final : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderReader(const std::string& file) : file_(file) {}

  TensorHeader take() { return std::move(header_); }

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("true or false"); }
  bool number_integer(Json::number_integer_t) override { return unexpected("a negative number"); }
  bool number_float(Json::number_float_t, const std::string& text) override { return unexpected(printable(text)); }
  bool binary(Json::binary_t&) override { return unexpected("binary data"); }

  bool number_unsigned(Json::number_unsigned_t value) override {
    if (state_ == State::shape) {
      tensor_.shape.push_back(value);
    } else if (state_ == State::offsets && offset_count_ < 2) {
      offsets_[offset_count_++] = value;
    } else {
      unexpected(state_ == State::offsets ? "a third number" : "a number");
    }
    return true;
  }

  bool string(std::string& text) override {
    if (state_ == State::metadata_value) {
      header_.metadata[key_] = text;
      state_ = State::metadata;
    } else if (state_ == State::dtype) {
      const auto type = parse_dtype(text);
      if (!type) {
        throw fail("unknown element type")
            .expected("F64, F32, F16, BF16, I64 ... I8, U64 ... U8 or BOOL")
            .received(printable(text));
      }
      tensor_.dtype = *type;
      state_ = State::tensor;
    } else {
      unexpected("the text " + printable(text));
    }
    return true;
  }

  bool key(std::string& text) override {
    if (state_ == State::top) {
      tensor_ = {text, DType::u8, {}, 0, 0};
      if (!names_.insert(text).second) throw fail("the same name twice").hint("one of the two would be lost silently");
      state_ = State::entry;
    } else if (state_ == State::metadata) {
      if (header_.metadata.contains(text)) throw fail("the same key twice in __metadata__").received(printable(text));
      header_.metadata[text];
      key_ = text;
      state_ = State::metadata_value;
    } else {
      read_member(text);
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (state_ == State::before) {
      state_ = State::top;
    } else if (state_ == State::entry && tensor_.name == "__metadata__") {
      state_ = State::metadata;
    } else if (state_ == State::entry) {
      seen_ = {};
      state_ = State::tensor;
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool end_object() override {
    if (state_ == State::tensor) {
      for (std::size_t i = 0; i < members.size(); ++i) {
        if (!seen_[i]) throw fail(fmt::format("the tensor has no {}", members[i]));
      }
      header_.tensors.push_back(std::move(tensor_));
    }
    state_ = state_ == State::top ? State::after : State::top;
    return true;
  }

  bool start_array(std::size_t) override {
    if (state_ == State::shape_start) {
      state_ = State::shape;
    } else if (state_ == State::offsets_start) {
      offset_count_ = 0;
      state_ = State::offsets;
    } else {
      unexpected("an array");
    }
    return true;
  }

  bool end_array() override {
    if (state_ == State::offsets) {
      if (offset_count_ != 2) throw fail("data_offsets must be [begin, end]").received("fewer than two numbers");
      std::tie(tensor_.begin, tensor_.end) = std::pair(offsets_[0], offsets_[1]);
    }
    state_ = State::tensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    throw Error(ErrorKind::data, "the header is not valid JSON")
        .at(file_)
        .received(fmt::format("an error at byte {} of the header", position));
  }

 private:
  enum class State {
    before,
    top,
    entry,
    metadata,
    metadata_value,
    tensor,
    dtype,
    shape_start,
    shape,
    offsets_start,
    offsets,
    after
  };
  static constexpr std::array<std::string_view, 3> members{"dtype", "shape", "data_offsets"};

  void read_member(const std::string& text) {
    const auto found = std::find(members.begin(), members.end(), text);
    if (found == members.end()) {
      throw fail("unknown entry of a tensor").expected("dtype, shape and data_offsets").received(printable(text));
    }
    const auto which = static_cast<std::size_t>(found - members.begin());
    if (seen_[which]) throw fail(fmt::format("{} twice", text));
    seen_[which] = true;
    state_ = std::array{State::dtype, State::shape_start, State::offsets_start}[which];
  }

  /// An error at the tensor that is being read.
  Error& fail(const std::string& message) {
    error_ = Error(ErrorKind::data, message);
    const bool inside = state_ != State::before && state_ != State::after && !tensor_.name.empty();
    error_.at(inside ? fmt::format("{}, tensor {}", file_, printable(tensor_.name)) : file_);
    return error_;
  }

  [[noreturn]] bool unexpected(const std::string& what) {
    const char* expected = "";
    switch (state_) {
      case State::before:
      case State::after: expected = "one JSON object"; break;
      case State::top:
      case State::entry:
      case State::tensor: expected = "an object for each tensor"; break;
      case State::metadata:
      case State::metadata_value: expected = "only texts in __metadata__"; break;
      case State::dtype: expected = "the name of an element type"; break;
      case State::shape_start:
      case State::shape: expected = "shape: an array of whole numbers below 2^64"; break;
      case State::offsets_start:
      case State::offsets: expected = "data_offsets: [begin, end], whole numbers"; break;
    }
    throw fail("the header is not that of a tensor file").expected(expected).received(what);
  }

  const std::string& file_;
  TensorHeader header_;
  std::set<std::string> names_;
  State state_ = State::before;
  TensorInfo tensor_{};
  std::string key_;
  std::array<bool, 3> seen_{};
  std::array<std::uint64_t, 2> offsets_{};
  std::size_t offset_count_ = 0;
  Error error_{ErrorKind::data, ""};
};

/// Each tensor by itself: offsets in order and inside the data, and as many bytes as shape and type ask for.
void check_size(const TensorInfo& tensor, std::uint64_t data_bytes, const std::string& file) {
  const auto fail = [&](const std::string& message) {
    return Error(ErrorKind::data, message).at(fmt::format("{}, tensor {}", file, printable(tensor.name)));
  };
  if (tensor.end < tensor.begin) {
    throw fail("the data ends before it begins").received(fmt::format("[{}, {}]", tensor.begin, tensor.end));
  }
  const auto bytes = checked_byte_count(tensor.shape, tensor.dtype);
  if (!bytes) throw fail("the shape has more elements than 64 bits can count");
  if (*bytes != tensor.end - tensor.begin) {
    throw fail("shape and data do not agree")
        .expected(fmt::format("{} bytes, from shape and element type", *bytes))
        .received(fmt::format("{} bytes, from data_offsets", tensor.end - tensor.begin));
  }
  if (tensor.end > data_bytes) {
    throw fail("the data lies outside the file")
        .expected(fmt::format("at least {} bytes of data", tensor.end))
        .received(fmt::format("{} bytes of data", data_bytes))
        .hint("the file is cut off: was the disk full, or a download interrupted?");
  }
}

/// All tensors together (sorted): no hole, no overlap, no rest. A tensor without elements must lie on a border between
/// others, so it cannot stand for bytes inside them.
void check_cover(std::span<const TensorInfo> tensors, std::uint64_t data_bytes, const std::string& file) {
  std::uint64_t reached = 0;
  for (const TensorInfo& tensor : tensors) {
    if (tensor.begin != reached) {
      throw Error(ErrorKind::data, tensor.begin < reached ? "two tensors overlap" : "bytes that belong to no tensor")
          .at(fmt::format("{}, tensor {}", file, printable(tensor.name)))
          .expected(fmt::format("its data to begin at byte {}, where the one before it ends", reached))
          .received(fmt::format("byte {}", tensor.begin));
    }
    reached = tensor.end;
  }
  if (reached != data_bytes) {
    throw Error(ErrorKind::data, "bytes after the last tensor that belong to none")
        .at(file)
        .expected(fmt::format("{} bytes of data", reached))
        .received(fmt::format("{} bytes of data", data_bytes));
  }
}

}  // namespace

TensorHeader parse_tensor_header(std::string_view header, std::uint64_t data_bytes, const std::string& file) {
  if (header.empty() || header.front() != '{') {
    throw Error(ErrorKind::data, "not a tensor file").at(file).expected("a header that begins with '{'");
  }
  // The parser takes a zero byte for the end of the text, and would not look at what hides behind it.
  const auto stray = std::find_if(header.begin(), header.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
  if (stray != header.end()) {
    throw Error(ErrorKind::data, "the header is not valid JSON")
        .at(file)
        .received(fmt::format("a control character at byte {} of the header", stray - header.begin()));
  }

  HeaderReader reader(file);
  Json::sax_parse(header.data(), header.data() + header.size(), &reader);
  TensorHeader result = reader.take();
  for (const TensorInfo& tensor : result.tensors) check_size(tensor, data_bytes, file);
  std::stable_sort(result.tensors.begin(), result.tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  check_cover(result.tensors, data_bytes, file);
  return result;
}

std::optional<std::uint64_t> checked_byte_count(std::span<const std::uint64_t> shape, DType type) noexcept {
  std::uint64_t product = 1;
  for (const std::uint64_t extent : shape) {
    if (__builtin_mul_overflow(product, extent, &product)) return std::nullopt;
  }
  if (__builtin_mul_overflow(product, size_of(type), &product)) return std::nullopt;
  return product;
}

std::string printable(std::string_view name) {
  constexpr std::size_t longest = 100;
  std::string text = "'";
  for (const char c : name.substr(0, longest)) {
    const auto code = static_cast<unsigned char>(c);
    text += code < 0x20 || code == 0x7f ? '?' : c;
  }
  return text + (name.size() > longest ? "...'" : "'");
}

}  // namespace stet
