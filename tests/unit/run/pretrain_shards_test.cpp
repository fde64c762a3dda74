// [pretrain] shards and [data] tokenizer: a base that also learns from token shards.
#include <stet/plan/pretraining_data.hpp>
#include <stet/run/base_model.hpp>

#include <experiment_support.hpp>
#include <stet/base/files.hpp>
#include <stet/config/document.hpp>
#include <stet/data/shard_build.hpp>

#include <fmt/format.h>

namespace stet {
namespace {

using testing::error_of;
using testing::has;

class PretrainShards : public ::testing::Test {
 protected:
  PretrainShards() {
    std::filesystem::create_directories(folder_ / "eq/train");
    static_cast<void>(folder_.write("eq/relation_query_templates.json", R"({"P36": "What is the capital of [X]?"})"));
    std::string questions;
    std::vector<std::string> corpus;
    for (int i = 0; i < 40; ++i) {
      questions += fmt::format("{}{{\"question\": \"What is the capital of Land{}?\", \"answers\": [\"City{}\"]}}",
                               i == 0 ? "[" : ",\n", i, i % 7);
      corpus.push_back(fmt::format("The capital of Land{} is City{}.", i, i % 7));
    }
    static_cast<void>(folder_.write("eq/train/P36.train.json", questions + "]"));
    train_byte_level_bpe(corpus, 300).save(folder_ / "tokenizer.json");
    std::string lines;
    for (int i = 0; i < 90; ++i)
      lines += fmt::format("{{\"prompt\": \"Land{}:\", \"completion\": \" City{}\"}}\n", i, i % 7);
    static_cast<void>(folder_.write("more.jsonl", lines));
    build("shards", 32);
  }
  void build(const std::string& name, std::uint64_t context) {
    const auto alone = make_single_process();
    build_shards(*alone, {{folder_ / "more.jsonl"}, folder_ / "tokenizer.json", "", folder_ / name, context, 0.001, 1});
  }
  [[nodiscard]] std::string text(const std::string& pretrain, const std::string& data) const {
    return "[[phase]]\nname = \"facts\"\nsets = [\"known\"]\n[data]\nworld = \"entity-questions\"\npath = \"" +
           (folder_ / "eq").string() + "\"\n" + data +
           "[data.entity_questions]\nrelations = [\"P36\"]\nfacts_per_relation = 20\nnew_per_relation = 5\nvocabulary "
           "= 290\n"
           "[model]\nwidth = 16\nlayers = 1\nheads = 2\ncontext = 64\n[pretrain]\nepochs = 3\n" +
           pretrain + "[pretrain.train]\nbatch_size = 16\nlearning_rate = 0.003\n";
  }
  [[nodiscard]] RunConfig config(const std::string& pretrain, const std::string& data) const {
    return read_run_config(config::parse(text(pretrain, data), "e.toml"));
  }
  [[nodiscard]] std::string shards(const std::string& name) const {
    return "shards = \"" + (folder_ / name).string() + "\"\n";
  }
  [[nodiscard]] std::string tokenizer() const {
    return "tokenizer = \"" + (folder_ / "tokenizer.json").string() + "\"\n";
  }
  static std::string identity(const RunConfig& config) { return config::to_toml(base_identity_of(config)); }

  const testing::Folder folder_;
};

TEST_F(PretrainShards, ContentsAreTheIdentityAndNotThePlace) {
  const std::string plain = identity(config("", ""));
  EXPECT_EQ(plain.find("\nshards = "), std::string::npos);  // bases of earlier versions keep their identity
  EXPECT_EQ(plain.find("tokenizer"), std::string::npos);
  const std::string with = identity(config(shards("shards"), tokenizer()));
  EXPECT_TRUE(has(with, "\nshards = \"" + ShardIndex::read(folder_ / "shards").checksum()));
  EXPECT_EQ(with.find(folder_.path().string()), std::string::npos);
  build("copy", 32);
  EXPECT_EQ(identity(config(shards("copy"), tokenizer())), with);
  build("other", 31);
  EXPECT_NE(identity(config(shards("other"), tokenizer())), with);
}

TEST_F(PretrainShards, AnEpochIsTheWorldsTextAndTheShards) {
  const RunConfig c = config(shards("shards"), tokenizer());
  const World world = make_world(c.data);
  const Tokenizer own = make_tokenizer(c.data, world);
  EXPECT_EQ(own.hash(), Tokenizer::load(folder_ / "tokenizer.json").hash());
  const TrainingData data = make_pretraining_data(c, world, own, 0);
  EXPECT_EQ(data.epoch_size, world.epoch_size() + 90);
  const TokenSequence last = data.sequence(0, data.epoch_size - 1);
  EXPECT_EQ(own.decode(last.ids), "Land89: City5");
  EXPECT_GT(last.loss_begin, 1U);
  EXPECT_EQ(data.sequence(1, 3).ids, tokenize(own, world.pretraining_example(1, 3), true, 3).ids);
  EXPECT_EQ(make_pretraining_sampler(c, data, 0).size(), data.epoch_size);
}

TEST_F(PretrainShards, ABaseIsTrainedOnThem) {
  const auto alone = make_single_process();
  std::vector<at::Tensor> weights;
  for (const std::string& which : {shards("shards"), std::string()}) {
    const PlannedBase base{"x", 0, config(which, tokenizer())};
    const std::filesystem::path folder = folder_ / ("base" + std::to_string(weights.size()));
    std::filesystem::create_directories(folder);
    const World world = make_world(base.config.data);
    train_base(base, world, folder, *alone, {});
    const std::unique_ptr<BaseModel> model = load_base(base, world, folder);
    EXPECT_EQ(model->tokenizer.hash(), Tokenizer::load(folder_ / "tokenizer.json").hash());
    weights.push_back(model->weights);
  }
  EXPECT_FALSE(weights[0].equal(weights[1]));
  // Another world under the same folder, even of as many facts, is refused and not counted.
  for (const auto& [which, folder] : {std::pair{shards("shards"), "base1"}, std::pair{std::string(), "base0"}}) {
    const PlannedBase base{"x", 0, config(which, tokenizer())};
    const World world = make_world(base.config.data);
    const Error other = error_of([&] { (void)load_base(base, world, folder_ / folder); });
    EXPECT_EQ(other.kind(), ErrorKind::data);
    EXPECT_TRUE(has(other.what(), "made from another world, or otherwise"));
    EXPECT_TRUE(has(other.what(), "base.toml"));
  }
}

TEST_F(PretrainShards, WhatDoesNotFitIsRefused) {
  const auto refused = [&](const RunConfig& c) {
    const World world = make_world(c.data);
    const Tokenizer own = make_tokenizer(c.data, world);
    return error_of([&] { (void)make_pretraining_data(c, world, own, 0); });
  };
  const Error other = refused(config(shards("shards"), ""));
  EXPECT_EQ(other.kind(), ErrorKind::config);
  EXPECT_TRUE(has(other.what(), "data.tokenizer = \""));
  RunConfig narrow = config(shards("shards"), tokenizer());
  narrow.model.context = 3;
  EXPECT_TRUE(has(refused(narrow).what(), "--context 3"));
  EXPECT_EQ(error_of([&] { (void)base_identity_of(config(shards("nowhere"), tokenizer())); }).kind(), ErrorKind::data);
  const Error synthetic = error_of([&] {
    (void)read_run_config(
        config::parse("[[phase]]\nname = \"a\"\nsets = [\"known\"]\n[data]\n" + tokenizer(), "e.toml"));
  });
  EXPECT_TRUE(has(synthetic.what(), "a synthetic world makes its own tokenizer"));
  EXPECT_TRUE(has(synthetic.what(), "e.toml:5"));
  // A damaged shard is found before training begins.
  std::string bytes = read_file(folder_ / "shards/shard-00001.safetensors");
  bytes[bytes.size() - 2] = static_cast<char>(bytes[bytes.size() - 2] ^ 1);
  static_cast<void>(folder_.write("shards/shard-00001.safetensors", bytes));
  const auto alone = make_single_process();
  std::filesystem::create_directories(folder_ / "base");
  const Error damaged = error_of([&] {
    const PlannedBase base{"x", 0, config(shards("shards"), tokenizer())};
    train_base(base, make_world(base.config.data), folder_ / "base", *alone, {});
  });
  EXPECT_TRUE(has(damaged.what(), "shard-00001.safetensors"));
}

}  // namespace
}  // namespace stet
