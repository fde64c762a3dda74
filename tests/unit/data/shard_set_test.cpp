#include <stet/data/shard_build.hpp>
#include <stet/data/shard_file.hpp>
#include <stet/data/shard_set.hpp>

#include <stet/data/input_chunks.hpp>
#include <stet/data/record_tokens.hpp>
#include <stet/tensorfile/tensor_file_writer.hpp>
#include <unit/data/temporary.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace stet {
namespace {

using testing::error_of;
using testing::files_of;
using testing::Folder;
using testing::mixed_lines;
using testing::put;

class ShardsTest : public ::testing::Test {
 protected:
  ShardsTest() {
    testing::small_bpe().save(folder_ / "bpe.json");
    options_.tokenizer = folder_ / "bpe.json";
    options_.inputs = {put(folder_ / "a.jsonl", mixed_lines(200)), put(folder_ / "b.jsonl", mixed_lines(31))};
    options_.out = folder_ / "shards";
    options_.context = 60;
    options_.shard_megabytes = 0.003;
  }
  ShardBuildResult build() { return build_shards(*alone_, options_); }
  [[nodiscard]] std::filesystem::path shard(int number) const {
    return options_.out / shard_name(static_cast<std::uint64_t>(number));
  }
  /// The sequences that the input should become, computed straight from its lines.
  std::vector<TokenSequence> expected() {
    std::vector<TokenSequence> all;
    for (const auto& file : options_.inputs) {
      const InputChunk whole = cut_into_chunks({file}, 1U << 30U).at(0);
      for_each_line(whole, read_chunk(whole), [&](std::string_view line) {
        (void)tokenize_record(testing::small_bpe(), parse_record(line), options_.context, all);
      });
    }
    return all;
  }
  /// Overwrites bytes of a file.
  static void poke(const std::filesystem::path& path, std::size_t offset, std::string_view bytes) {
    std::string content = read_file(path);
    ASSERT_LE(offset + bytes.size(), content.size());
    content.replace(offset, bytes.size(), bytes);
    put(path, content);
  }
  static void replace(const std::filesystem::path& path, const std::string& from, const std::string& to) {
    std::string content = read_file(path);
    const std::size_t at = content.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    put(path, content.replace(at, from.size(), to));
  }
  /// Every sequence, and the error on the way.
  Error reading_error() {
    return error_of([&] {
      ShardSet set = ShardSet::open(options_.out);
      for (std::uint64_t i = 0; i < set.size(); ++i) (void)set.sequence(i);
    });
  }

  const std::unique_ptr<Communicator> alone_ = make_single_process();
  const Folder folder_;
  ShardBuildOptions options_;
};

TEST_F(ShardsTest, GiveBackWhatWentIn) {
  const ShardBuildResult result = build();
  EXPECT_GT(result.index.shards.size(), 3U);
  EXPECT_EQ(result.reused, 0U);
  const std::vector<TokenSequence> all = expected();
  ShardSet set = ShardSet::open(options_.out);
  ASSERT_EQ(set.size(), all.size());
  ShardCounts totals;
  for (std::uint64_t i = 0; i < set.size(); ++i) {
    const TokenSequence read = set.sequence(i);
    EXPECT_EQ(read.ids, all[i].ids);
    EXPECT_EQ(read.loss_begin, all[i].loss_begin);
    EXPECT_EQ(read.loss_spans, all[i].loss_spans);
    EXPECT_EQ(read.example, i);
    EXPECT_EQ(set.size_of(i).tokens, read.ids.size());
    EXPECT_EQ(set.size_of(i).loss_tokens, read.loss_tokens());
    totals.tokens += read.ids.size();
    totals.loss_tokens += read.loss_tokens();
    totals.longest = std::max<std::uint64_t>(totals.longest, read.ids.size());
  }
  EXPECT_EQ(set.index().totals().tokens, totals.tokens);
  EXPECT_EQ(set.index().totals().loss_tokens, totals.loss_tokens);
  EXPECT_EQ(set.index().totals().longest, totals.longest);
  EXPECT_EQ(set.index().totals().records, (std::array<std::uint64_t, 3>{78, 76, 77}));
  EXPECT_GT(set.index().totals().dropped, 0U);
  for (std::size_t k = 0; k < set.index().shards.size(); ++k) EXPECT_NO_THROW(set.verify(k));
  EXPECT_NO_THROW(set.require_tokenizer(Tokenizer::load(options_.out / "tokenizer.json")));
  EXPECT_EQ(read_file(options_.out / "tokenizer.json"), read_file(options_.tokenizer));
}

TEST_F(ShardsTest, ThreadsChangeNoByte) {
  build();
  const auto one = files_of(options_.out);
  options_.out = folder_ / "threads";
  options_.threads = 4;
  build();
  EXPECT_EQ(files_of(options_.out), one);
}

TEST_F(ShardsTest, LinesLongerThanAChunkLeaveEmptyShards) {
  options_.inputs.erase(options_.inputs.begin());
  options_.shard_megabytes = 20e-6;  // lines have 30 bytes and more
  const ShardBuildResult result = build();
  EXPECT_TRUE(std::any_of(result.index.shards.begin(), result.index.shards.end(),
                          [](const ShardEntry& shard) { return shard.counts.sequences == 0; }));
  const std::vector<TokenSequence> all = expected();
  ShardSet set = ShardSet::open(options_.out, {64 << 20, 3});  // three shards mapped at most
  ASSERT_EQ(set.size(), all.size());
  for (std::uint64_t i = 0; i < set.size(); ++i) EXPECT_EQ(set.sequence(i).ids, all[i].ids);
  for (std::size_t k = 0; k < set.index().shards.size(); ++k) EXPECT_NO_THROW(set.verify(k));
}

TEST_F(ShardsTest, LargeVocabulariesTakeFourBytes) {
  std::vector<std::string> words;
  for (int i = 0; i < 70000; ++i) words.push_back("w" + std::to_string(i));
  make_word_level(words).save(folder_ / "words.json");
  options_.tokenizer = folder_ / "words.json";
  options_.inputs = {put(folder_ / "w.jsonl", "{\"text\": \"w1 w69999 w65535\"}\n")};
  build();
  EXPECT_NE(TensorFile::open(shard(0)).find("tokens"), nullptr);
  EXPECT_EQ(TensorFile::open(shard(0)).require("tokens").dtype, DType::i32);
  EXPECT_EQ(ShardSet::open(options_.out).sequence(0).ids, (std::vector<TokenId>{3, 70001, 65537, 1}));
}

TEST_F(ShardsTest, FinishedShardsAreKeptDamagedOnesMadeAgain) {
  const std::size_t shards = build().index.shards.size();
  const auto whole = files_of(options_.out);
  std::filesystem::remove(options_.out / "index.json");
  EXPECT_EQ(build().reused, shards);
  EXPECT_EQ(files_of(options_.out), whole);

  poke(shard(1), whole.at(shard_name(1)).size() - 3, "\x01");
  put(shard(2), whole.at(shard_name(2)).substr(0, 200));
  std::filesystem::remove(shard(3));
  put(options_.out / "shard-99999.safetensors", "old");
  put(options_.out / "shard-00001.safetensors.tmp.77", "half");
  EXPECT_EQ(build().reused, shards - 3);
  EXPECT_EQ(files_of(options_.out), whole);

  options_.context = 59;  // other shards
  EXPECT_EQ(build().reused, 0U);
  options_.context = 60;
  put(options_.inputs[1], mixed_lines(31) + "{\"text\": \"more\"}\n");
  EXPECT_EQ(build().reused, 0U);
}

TEST_F(ShardsTest, ABuildThatFailsLeavesNoIndex) {
  build();
  const std::string good = mixed_lines(200);
  put(options_.inputs[0], good + "{\"text\": 5}\n");
  const Error error = error_of([&] { build(); });
  EXPECT_EQ(error.where(), options_.inputs[0].string() + ":201");
  EXPECT_FALSE(std::filesystem::exists(options_.out / "index.json"));
  const Error absent = error_of([&] { (void)ShardSet::open(options_.out); });
  EXPECT_EQ(absent.message(), "no shard set here");
  // The first of two.
  put(options_.inputs[0], "{\"text\": 5}\n" + good + "{\"text\": 6}\n");
  options_.threads = 3;
  EXPECT_EQ(error_of([&] { build(); }).where(), options_.inputs[0].string() + ":1");
  // A blank line that used to be the last one is none when lines follow, though its chunk did not change.
  put(options_.inputs[0], good + "\n");
  options_.shard_megabytes = static_cast<double>(good.size() + 1) / 1e6;
  EXPECT_NO_THROW(build());
  put(options_.inputs[0], good + "\n{\"text\": \"x\"}\n");
  EXPECT_EQ(error_of([&] { build(); }).message(), "a blank line");
}

TEST_F(ShardsTest, ImpossibleBuildsAreRefused) {
  ShardBuildOptions options = options_;
  options.inputs = {};
  EXPECT_EQ(error_of([&] { build_shards(*alone_, options); }).kind(), ErrorKind::config);
  options = options_;
  options.context = 1;
  EXPECT_EQ(error_of([&] { build_shards(*alone_, options); }).kind(), ErrorKind::config);
  options = options_;
  options.shard_megabytes = -1;
  EXPECT_EQ(error_of([&] { build_shards(*alone_, options); }).kind(), ErrorKind::config);
  options = options_;
  options.context = 2;  // cuts the texts, leaves out the rest
  options.inputs = {put(folder_ / "c", R"({"prompt": "a", "completion": "bcd"})")};
  EXPECT_EQ(error_of([&] { build_shards(*alone_, options); }).message(), "no sequence came out of the input");
  EXPECT_FALSE(std::filesystem::exists(options.out / "index.json"));
  options.inputs = {put(folder_ / "d", "")};
  EXPECT_EQ(error_of([&] { build_shards(*alone_, options); }).message(), "no sequence came out of the input");
  options = options_;
  options.inputs[0] = folder_ / "nowhere.jsonl";
  EXPECT_NE(error_of([&] { build_shards(*alone_, options); }).where().find("nowhere.jsonl"), std::string::npos);
  std::filesystem::create_directories(options_.out);
  const auto lock = FileLock::try_acquire(options_.out / ".lock");
  EXPECT_EQ(error_of([&] { build(); }).message(), "another build is writing this folder");
}

TEST_F(ShardsTest, DamageIsNamed) {
  build();
  const auto whole = files_of(options_.out);
  const auto restore = [&] {
    for (const auto& [name, bytes] : whole) put(options_.out / name, bytes);
  };
  const auto expect = [&](const std::string& file, const std::string& message) {
    const Error error = reading_error();
    EXPECT_NE(error.where().find(file), std::string::npos) << error.what();
    EXPECT_EQ(error.message(), message);
    EXPECT_EQ(error.kind(), ErrorKind::data);
    restore();
  };
  std::filesystem::remove(shard(1));
  expect(shard_name(1), "a shard of the index is missing");
  put(shard(1), whole.at(shard_name(1)).substr(0, 1000));
  expect(shard_name(1), "a shard of another size than the index says");
  put(shard(0), whole.at(shard_name(1)));
  put(options_.out / "index.json", whole.at("index.json"));
  expect(shard_name(0), whole.at(shard_name(0)).size() == whole.at(shard_name(1)).size()
                            ? "a shard of another checksum than the index says"
                            : "a shard of another size than the index says");
  const std::string hash = testing::small_bpe().hash();
  replace(shard(2), hash, std::string(hash.size(), '0'));
  expect(shard_name(2), "a shard of another tokenizer");
  replace(shard(2), "stet-shard 1", "stet-shard 2");
  expect(shard_name(2), "a shard of another format");
  const std::string checksum = ShardFile::open(shard(2)).checksum();
  replace(shard(2), checksum, std::string(checksum.size(), 'f'));
  expect(shard_name(2), "a shard of another checksum than the index says");

  // What the tensors hold.
  const TensorFile file = TensorFile::open(shard(1));
  const std::size_t data = whole.at(shard_name(1)).size() - file.tensors().back().end;
  const std::size_t tokens = data + file.require("tokens").begin, spans = data + file.require("loss_spans").begin;
  poke(shard(1), tokens + 6, "\xff\xff");
  expect(shard_name(1) + ", sequence 0", "a token id outside the vocabulary");
  poke(shard(1), data + 8, std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8));
  expect(shard_name(1) + ", sequence 0", "impossible token offsets");
  poke(shard(1), data + file.require("span_offsets").begin + 8, std::string("\0\0\0\0\0\0\0\0", 8));
  expect(shard_name(1) + ", sequence 0", "impossible offsets of loss spans");
  poke(shard(1), spans, std::string("\0\0\0\0", 4));
  expect(shard_name(1) + ", sequence 0", "an impossible loss span");
  poke(shard(1), spans + 4, std::string("\xff\xff\xff\xff", 4));
  expect(shard_name(1) + ", sequence 0", "an impossible loss span");

  // Any byte: found by verify at the latest.
  for (std::size_t offset = 8; offset < whole.at(shard_name(1)).size(); offset += 97) {
    const std::string flipped(1, static_cast<char>(whole.at(shard_name(1))[offset] ^ 1));
    if (whole.at(shard_name(1))[offset] == ' ') continue;  // padding of the header means nothing
    poke(shard(1), offset, flipped);
    EXPECT_THROW(ShardSet::open(options_.out).verify(1), Error) << offset;
    restore();
  }
  EXPECT_NO_THROW(ShardSet::open(options_.out).verify(1));
}

TEST_F(ShardsTest, AnIndexThatLiesIsFound) {
  build();
  const auto index = options_.out / "index.json";
  const std::string whole = read_file(index);
  const auto expect = [&](const std::string& from, const std::string& to, const std::string& message) {
    replace(index, from, to);
    const Error error = error_of([&] { (void)ShardSet::open(options_.out); });
    EXPECT_EQ(error.where().substr(0, index.string().size()), index.string());
    EXPECT_NE(error.message().find(message), std::string::npos) << error.what();
    put(index, whole);
  };
  expect("\"sequences\": ", "\"sequences\": 1", "sums");
  expect("\"context\": 60", "\"context\": 61", "checksum");
  expect("\"version\": 1", "\"version\": 2", "another version");
  expect("stet-shards", "other", "another format");
  expect("shard-00001", "shard-00002", "not in its place");
  expect("shard-00001", "../../00001", "not in its place");
  expect("\"bytes\": ", "\"bytes\": -", "not a count");
  expect("\"vocabulary\"", "\"vocab\"", "missing");
  expect("}", "", "malformed JSON");
  // Consistent with itself, but not with the shards.
  ShardIndex lying = ShardIndex::read(options_.out);
  ++lying.shards[1].counts.sequences;
  lying.write(options_.out);
  EXPECT_EQ(reading_error().message(), "a shard with other counts than the index says");
  lying = ShardIndex::read(options_.out);
  lying.shards.pop_back();
  lying.write(options_.out);
  EXPECT_NE(lying.checksum(), ShardIndex::read(folder_ / "shards").checksum() + "x");
}

TEST_F(ShardsTest, AnIndexThatClaimsTerabytesAllocatesNothing) {
  build();
  const ShardIndex honest = ShardIndex::read(options_.out);
  ShardIndex lying = honest;
  lying.shards[0].counts.sequences = std::uint64_t{1} << 44;
  lying.write(options_.out);
  EXPECT_NE(error_of([&] { (void)ShardSet::open(options_.out); }).message().find("than its file has bytes"),
            std::string::npos);
  lying.shards[0].bytes = std::uint64_t{1} << 45;  // consistent with itself
  lying.write(options_.out);
  EXPECT_EQ(ShardSet::open(options_.out).size() >> 44U, 1U);
  EXPECT_EQ(reading_error().message(), "a shard of another size than the index says");
  lying.shards[0].bytes = ~std::uint64_t{0};  // sums would begin again at 0
  lying.write(options_.out);
  EXPECT_NE(error_of([&] { (void)ShardSet::open(options_.out); }).message().find("256 TiB"), std::string::npos);
}

TEST_F(ShardsTest, LinksOutOfTheFolderAreNotFollowed) {
  build();
  std::filesystem::rename(shard(1), folder_ / "elsewhere");
  std::filesystem::create_symlink(folder_ / "elsewhere", shard(1));
  EXPECT_EQ(reading_error().message(), "a symbolic link leads out of its folder");
  const auto index = options_.out / "index.json";
  std::filesystem::rename(index, folder_ / "index.json");
  std::filesystem::create_symlink(folder_ / "index.json", index);
  EXPECT_EQ(error_of([&] { (void)ShardSet::open(options_.out); }).where(), index.string());
}

TEST_F(ShardsTest, AnotherTokenizerIsRefused) {
  build();
  const ShardSet set = ShardSet::open(options_.out);
  const Error error = error_of([&] { set.require_tokenizer(make_word_level(std::vector<std::string>{"a"})); });
  EXPECT_NE(std::string(error.what()).find("tokenizer.json"), std::string::npos);
}

/// Resident bytes of mapped files, from /proc/self/status.
std::uint64_t resident_file_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "RssFile:") continue;
    std::uint64_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

TEST(ShardSetMemory, StaysWithinItsBudget) {
  const Folder folder;
  const Tokenizer bpe = testing::small_bpe();
  ShardIndex index{bpe.hash(), bpe.vocabulary_size(), 512, {}};
  for (std::uint64_t k = 0; k < 4; ++k) {
    ShardContent content;
    TokenSequence sequence;
    for (std::uint64_t s = 0; s < 10000; ++s) {
      sequence.ids.assign(512, static_cast<TokenId>((s + k) % 256));
      content.add(sequence);
    }
    index.shards.push_back(content.write(folder.path(), k, {bpe.hash(), bpe.vocabulary_size(), 512, ""}));
  }
  index.write(folder.path());
  constexpr std::uint64_t budget = 8 << 20;
  ShardSet set = ShardSet::open(folder.path(), {budget, 1024});  // 41 MB
  const std::uint64_t before = resident_file_bytes();
  std::uint64_t most = 0;
  for (std::uint64_t i = 0; i < set.size(); ++i) {
    const std::uint64_t at = i % 2 == 0 ? i : i * 7919 % set.size();  // in order, and anywhere
    ASSERT_EQ(set.sequence(at).ids[100], static_cast<TokenId>((at % 10000 + at / 10000) % 256));
    EXPECT_LE(set.touched_bytes(), budget);
    if (i % 500 == 0) most = std::max(most, resident_file_bytes());
  }
  EXPECT_LT(most, before + budget + (2 << 20));
  ShardSet greedy = ShardSet::open(folder.path(), {1 << 30, 1024});
  for (std::uint64_t i = 0; i < set.size(); ++i) (void)greedy.sequence(i);
  EXPECT_GT(resident_file_bytes(), before + (35 << 20));  // the measure itself sees what is mapped
}

}  // namespace
}  // namespace stet
