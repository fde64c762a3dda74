// Hostile and broken tensor files, each made here byte by byte. The list follows the published attacks on other readers
// (shape overflow, out-of-bounds offsets, hidden overlaps, polyglots, ...): every one must be refused with a reason.
#include "temporary.hpp"

#include <stet/tensorfile/tensor_file.hpp>

#include <sys/stat.h>

namespace stet {
namespace {

struct Attack {
  const char* name;
  std::string bytes;
  const char* reason;  // a part of the message
};

std::string tensor(const std::string& shape, const std::string& offsets, const std::string& dtype = "F32") {
  return R"({"dtype":")" + dtype + R"(","shape":[)" + shape + R"(],"data_offsets":[)" + offsets + "]}";
}
std::string one(const std::string& shape, const std::string& offsets) {
  return R"({"a":)" + tensor(shape, offsets) + "}";
}
std::string two(const std::string& a, const std::string& b) { return R"({"a":)" + a + R"(,"b":)" + b + "}"; }
std::string length_only(std::uint64_t length, const std::string& rest) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + rest;
}

std::vector<Attack> attacks() {
  const std::string deep(100'000, '[');
  return {
      // The outer frame.
      {"empty", "", "at least 8 bytes"},
      {"seven_bytes", std::string(7, '\0'), "at least 8 bytes"},
      {"no_header", file_of(""), "begins with '{'"},
      {"header_longer_than_file", length_only(1000, "{}"), "ends inside its header"},
      {"header_one_byte_longer", length_only(3, "{}"), "ends inside its header"},
      {"header_length_maximal", length_only(~std::uint64_t{0}, "{}"), "at most 100000000 bytes"},
      {"header_length_wraps", length_only(~std::uint64_t{0} - 7, "{}"), "at most 100000000 bytes"},
      {"header_over_100_megabytes", length_only(100'000'001, "{}"), "at most 100000000 bytes"},
      {"git_lfs_pointer", "version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
      {"torch_archive", std::string("PK\x03\x04 and so on, with more", 26), "torch.save"},
      // JSON.
      {"leading_space", file_of(" {}"), "begins with '{'"},
      {"byte_order_mark", file_of("\xEF\xBB\xBF{}"), "begins with '{'"},
      {"array", file_of("[]"), "begins with '{'"},
      {"not_closed", file_of("{"), "not valid JSON"},
      {"text_after_object", file_of("{} x"), "not valid JSON"},
      {"second_object", file_of("{}{}"), "not valid JSON"},
      {"hidden_behind_zero", file_of(std::string("{}\0 hidden", 10)), "control character"},
      {"comment", file_of("{}/* hidden */"), "not valid JSON"},
      {"invalid_utf8", file_of("{\"\xff\":" + tensor("1", "0,4") + "}", 4), "not valid JSON"},
      {"trailing_comma", file_of(R"({"a":)" + tensor("1", "0,4") + ",}", 4), "not valid JSON"},
      {"deep_nesting", file_of(R"({"a":)" + deep), "received: an array"},
      {"deep_nesting_in_shape", file_of(R"({"a":{"dtype":"F32","shape":)" + deep), "received: an array"},
      {"deep_objects", file_of(R"({"a":{"dtype":{"b":{}}}})"), "received: an object"},
      // Entries.
      {"duplicate_tensor", file_of(R"({"a":)" + tensor("1", "0,4") + R"(,"a":)" + tensor("1", "0,4") + "}", 4),
       "same name"},
      {"duplicate_by_escape", file_of(R"({"a":)" + tensor("1", "0,4") + R"(,"\u0061":)" + tensor("1", "0,4") + "}", 4),
       "same name"},
      {"duplicate_metadata", file_of(R"({"__metadata__":{},"__metadata__":{}})"), "same name"},
      {"duplicate_metadata_key", file_of(R"({"__metadata__":{"k":"1","k":"2"}})"), "same key twice"},
      {"metadata_number", file_of(R"({"__metadata__":{"k":1}})"), "only texts"},
      {"metadata_null", file_of(R"({"__metadata__":{"k":null}})"), "only texts"},
      {"metadata_object", file_of(R"({"__metadata__":{"k":{}}})"), "only texts"},
      {"metadata_not_object", file_of(R"({"__metadata__":"k"})"), "the text 'k'"},
      {"tensor_not_object", file_of(R"({"a":3})"), "a number"},
      {"duplicate_dtype", file_of(R"({"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4),
       "dtype twice"},
      {"duplicate_shape", file_of(R"({"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}})", 4),
       "shape twice"},
      {"missing_dtype", file_of(R"({"a":{"shape":[1],"data_offsets":[0,4]}})", 4), "no dtype"},
      {"missing_shape", file_of(R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4), "no shape"},
      {"missing_offsets", file_of(R"({"a":{"dtype":"F32","shape":[1]}})", 4), "no data_offsets"},
      {"empty_entry", file_of(R"({"a":{}})"), "no dtype"},
      {"unknown_entry", file_of(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", 4), "unknown entry"},
      {"unknown_dtype", file_of(R"({"a":)" + tensor("1", "0,4", "F33") + "}", 4), "unknown element type"},
      {"lower_case_dtype", file_of(R"({"a":)" + tensor("1", "0,4", "f32") + "}", 4), "unknown element type"},
      {"dtype_number", file_of(R"({"a":{"dtype":32,"shape":[1],"data_offsets":[0,4]}})", 4), "element type"},
      {"shape_text", file_of(R"({"a":{"dtype":"F32","shape":"1","data_offsets":[0,4]}})", 4), "the text '1'"},
      {"shape_negative", file_of(one("-1", "0,4"), 4), "negative"},
      {"shape_minus_zero", file_of(one("-0", "0,0")), "negative"},
      {"shape_fraction", file_of(one("1.0", "0,4"), 4), "whole numbers"},
      {"shape_exponent", file_of(one("1e0", "0,4"), 4), "whole numbers"},
      {"shape_beyond_64_bits", file_of(one("18446744073709551617", "0,4"), 4), "whole numbers"},
      {"shape_null", file_of(one("null", "0,4"), 4), "received: null"},
      {"shape_nested", file_of(one("[1]", "0,4"), 4), "received: an array"},
      {"offsets_one", file_of(one("1", "0"), 4), "[begin, end]"},
      {"offsets_none", file_of(one("1", ""), 4), "[begin, end]"},
      {"offsets_three", file_of(one("1", "0,4,8"), 4), "third number"},
      {"offsets_negative", file_of(one("1", "-4,0"), 4), "negative"},
      // Sizes.
      {"product_overflows", file_of(one("4294967296,4294967296,4294967296", "0,4"), 4), "64 bits"},
      {"product_wraps_to_one", file_of(one("3,12297829382473034411", "0,4"), 4),
       "64 bits"},  // 3 * (2^65 + 1) / 3 = 2^65 + 1
      {"product_wraps_to_zero", file_of(one("4294967296,4294967296", "0,0")), "64 bits"},
      {"bytes_overflow", file_of(one("4611686018427387905", "0,4"), 4), "64 bits"},  // (2^62 + 1) * 4 = 2^64 + 4
      {"overflow_before_zero", file_of(one("4294967296,4294967296,0", "0,0")), "64 bits"},
      {"end_before_begin", file_of(one("1", "4,0"), 4), "ends before it begins"},
      {"end_before_begin_wraps", file_of(one("1", "18446744073709551612,0"), 4), "ends before it begins"},
      {"fewer_bytes_than_shape", file_of(one("2", "0,4"), 4), "do not agree"},
      {"more_bytes_than_shape", file_of(one("1", "0,8"), 8), "do not agree"},
      {"zero_elements_with_bytes", file_of(one("0", "0,4"), 4), "do not agree"},
      {"out_of_bounds", file_of(one("1000", "0,4000"), 4), "outside the file"},
      {"far_out_of_bounds", file_of(one("1", "9223372036854775804,9223372036854775808"), 4), "outside the file"},
      {"body_truncated_by_one", file_of(one("2", "0,8"), 7), "outside the file"},
      {"no_body", file_of(one("2", "0,8")), "cut off"},
      // The cover.
      {"hole_at_start", file_of(one("1", "4,8"), 8), "belong to no tensor"},
      {"hole_between", file_of(two(tensor("1", "0,4"), tensor("1", "8,12")), 12), "belong to no tensor"},
      {"trailing_bytes", file_of(one("1", "0,4"), 5), "after the last tensor"},
      {"data_without_tensors", file_of("{}", 1), "after the last tensor"},
      {"data_with_metadata_only", file_of(R"({"__metadata__":{}})", 16), "after the last tensor"},
      {"same_bytes_twice", file_of(two(tensor("1", "0,4"), tensor("1", "0,4")), 4), "overlap"},
      {"partial_overlap", file_of(two(tensor("2", "0,8"), tensor("2", "4,12")), 12), "overlap"},
      {"contained", file_of(two(tensor("3", "0,12"), tensor("1", "4,8")), 12), "overlap"},
      {"overlap_in_reverse_order", file_of(two(tensor("2", "4,12"), tensor("2", "0,8")), 12), "overlap"},
      {"zero_size_inside_another", file_of(two(tensor("2", "0,8"), tensor("0", "4,4")), 8), "overlap"},
      {"zero_size_beyond_the_end", file_of(two(tensor("2", "0,8"), tensor("0", "12,12")), 8), "outside the file"},
      {"overlap_hidden_by_zero_size",
       file_of(
           R"({"a":)" + tensor("2", "0,8") + R"(,"z":)" + tensor("0", "4,4") + R"(,"b":)" + tensor("2", "4,12") + "}",
           12),
       "overlap"},
  };
}

class Attacks : public ::testing::TestWithParam<Attack> {};

TEST_P(Attacks, AreRefusedWithAReason) {
  const Folder folder;
  const auto path = folder / "attack.safetensors";
  put(path, GetParam().bytes);
  const Error error = error_of([&] { (void)TensorFile::open(path); });
  EXPECT_EQ(error.kind(), ErrorKind::data);
  EXPECT_NE(error.where().find("attack.safetensors"), std::string::npos) << error.what();
  EXPECT_NE(std::string(error.what()).find(GetParam().reason), std::string::npos) << error.what();
}
INSTANTIATE_TEST_SUITE_P(All, Attacks, ::testing::ValuesIn(attacks()),
                         [](const auto& test) { return test.param.name; });

// The counterpart: what only looks suspicious is read.
struct Honest {
  const char* name;
  std::string bytes;
  std::size_t tensors;
};

class HonestFiles : public ::testing::TestWithParam<Honest> {};

TEST_P(HonestFiles, AreRead) {
  const Folder folder;
  put(folder / "honest", GetParam().bytes);
  EXPECT_EQ(TensorFile::open(folder / "honest").tensors().size(), GetParam().tensors);
}
INSTANTIATE_TEST_SUITE_P(
    All, HonestFiles,
    ::testing::Values(Honest{"no_tensors", file_of("{}"), 0}, Honest{"padded", file_of("{}   \n"), 0},
                      Honest{"scalar", file_of(one("", "0,4"), 4), 1},
                      Honest{"names_in_another_order", file_of(two(tensor("1", "4,8"), tensor("1", "0,4")), 8), 2},
                      Honest{"zero_size_on_a_border", file_of(two(tensor("1", "0,4"), tensor("7,0", "4,4")), 4), 2},
                      Honest{"zero_size_first", file_of(two(tensor("1", "0,4"), tensor("0", "0,0")), 4), 2},
                      Honest{"name_of_metadata_key",
                             file_of(R"({"__metadata__":{"a":"b"},"a":)" + tensor("1", "0,4") + "}", 4), 1},
                      Honest{"empty_name", file_of(R"({"":)" + tensor("1", "0,4") + "}", 4), 1}),
    [](const auto& test) { return test.param.name; });

TEST(Attack, EveryCutOfAGoodFileIsRefused) {
  const Folder folder;
  const std::string good = file_of(two(tensor("2", "0,8"), tensor("1", "8,12")), 12);
  put(folder / "good", good);
  EXPECT_EQ(TensorFile::open(folder / "good").tensors().size(), 2U);
  for (std::size_t length = 0; length < good.size(); ++length) {
    put(folder / "cut", good.substr(0, length));
    EXPECT_THROW((void)TensorFile::open(folder / "cut"), Error) << length;
  }
}

TEST(Attack, EveryChangedHeaderByteIsReadOrRefusedButNeverOutOfBounds) {
  const Folder folder;
  const std::string good = file_of(two(tensor("2", "0,8"), tensor("1", "8,12")), 12);
  std::size_t refused = 0;
  for (std::size_t at = 0; at < good.size() - 12; ++at) {
    for (const char replacement : {'\0', '0', '9', '"', '}', '\xff'}) {
      std::string bad = good;
      bad[at] = replacement;
      put(folder / "bad", bad);
      try {
        const TensorFile file = TensorFile::open(folder / "bad");
        std::uint64_t covered = 0;
        for (const TensorInfo& info : file.tensors()) covered += file.bytes(info).size();
        EXPECT_EQ(covered, 12U);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::data);
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 500U);
}

TEST(Attack, HostileNamesDoNotReachTheTerminal) {
  const Folder folder;
  put(folder / "file", file_of(R"({"\u001b[2J)" + std::string(5000, 'x') + R"(":)" + tensor("2", "0,4") + "}", 4));
  const std::string text = error_of([&] { (void)TensorFile::open(folder / "file"); }).what();
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 1000U);
}

TEST(Attack, ThingsThatAreNotFiles) {
  const Folder folder;
  EXPECT_NE(std::string(error_of([&] { (void)TensorFile::open(folder.path()); }).what()).find("regular file"),
            std::string::npos);
  EXPECT_NE(std::string(error_of([&] { (void)TensorFile::open(folder / "missing"); }).what()).find("No such file"),
            std::string::npos);
  const auto pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROW((void)TensorFile::open(pipe), Error);  // and does not wait for a writer
}

}  // namespace
}  // namespace stet
