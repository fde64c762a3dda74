// Models from every sort of folder, and exported ones read back.
#include <stet/run/record/model_folder.hpp>

#include <stet/base/files.hpp>
#include <stet/checkpoint/checkpoint_store.hpp>
#include <stet/config/document.hpp>
#include <stet/hugging_face/foreign_export.hpp>
#include <stet/run/base_model.hpp>

#include <experiment_support.hpp>
#include <fixtures_folder.hpp>

namespace stet {
namespace {

using testing::error_of;
using testing::Folder;
using testing::has;

ModelConfig small() {
  ModelConfig config;
  config.vocabulary = 23;
  config.width = 16;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.context = 40;
  config.rope_scaling.factor = 2;
  config.complete();
  return config;
}

/// As write_base() leaves it.
void write_own(const Folder& folder, const std::string& toml, const ModelConfig& config, const at::Tensor& weights) {
  save_own_weights(folder.path(), ParameterTable(config), weights);
  config::Value document = config::Value::table();
  document.set("model", ModelConfig::schema().resolve(config));
  write_file_atomically(folder / toml, config::to_toml(document));
}

TEST(ModelFolderTest, LinksOutOfTheFolderAreNotFollowed) {
  const ModelConfig config = small();
  const at::Tensor weights = initial_values(ParameterTable(config), config, 3, at::kFloat);
  const Folder folder, other;
  write_own(folder, "model.toml", config, weights);
  write_file_atomically(other / "secret", "{}");
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "model.toml", "model.safetensors"}) {
    std::filesystem::remove(folder / name);
    std::filesystem::create_symlink(other / "secret", folder / name);
    const Error error = error_of([&] { (void)open_model_folder(folder.path()); });
    EXPECT_EQ(error.message(), "a symbolic link leads out of its folder");
    EXPECT_EQ(error.where(), folder / name);
    std::filesystem::remove(folder / name);
    write_own(folder, "model.toml", config, weights);
  }
}

TEST(ModelFolderTest, OurOwnFolders) {
  const ModelConfig config = small();
  const at::Tensor weights = initial_values(ParameterTable(config), config, 3, at::kFloat);
  for (const std::string toml : {"base.toml", "model.toml"}) {
    const Folder folder;
    write_own(folder, toml, config, weights);
    const ModelFolder model = open_model_folder(folder.path());
    EXPECT_FALSE(model.foreign.has_value());
    EXPECT_FALSE(model.tokenizer.has_value());
    EXPECT_EQ(model.config, config);
    EXPECT_TRUE(model.weights.equal(weights));
    write_file_atomically(folder / "tokenizer.json", "{}");
    EXPECT_EQ(open_model_folder(folder.path()).tokenizer, folder / "tokenizer.json");

    export_as_foreign(config, ParameterTable(config), weights, 1, folder / "exported");
    const ModelFolder again = open_model_folder(folder / "exported");
    EXPECT_EQ(again.foreign->architecture, "llama");
    EXPECT_EQ(again.config, config);
    EXPECT_EQ(again.foreign->end_tokens, std::vector<std::int32_t>{1});
    EXPECT_TRUE(again.weights.equal(weights));

    ModelConfig other = config;
    other.width = 24;
    other.head_width = 6;
    config::Value document = config::Value::table();
    document.set("model", ModelConfig::schema().resolve(other));
    write_file_atomically(folder / toml, config::to_toml(document));
    EXPECT_TRUE(has(error_of([&] { (void)open_model_folder(folder.path()); }).what(), "another shape"));
    other = config;
    other.layers = 1;
    document.set("model", ModelConfig::schema().resolve(other));
    write_file_atomically(folder / toml, config::to_toml(document));
    EXPECT_TRUE(has(error_of([&] { (void)open_model_folder(folder.path()); }).what(), "does not have"));
    write_file_atomically(folder / toml, "[train]\n");
    EXPECT_TRUE(has(error_of([&] { (void)open_model_folder(folder.path()); }).what(), "[model]"));
  }
}

TEST(ModelFolderTest, WhatARunKeepsIsReadBack) {
  ModelConfig config = small();
  const Tokenizer tokenizer = make_world(DataConfig{}).make_tokenizer();
  config.vocabulary = static_cast<std::int64_t>(tokenizer.vocabulary_size());
  const Transformer model(config);
  const at::Tensor weights = initial_values(model.table(), config, 3, at::kFloat);
  const Folder folder;
  save_model_folder(folder.path(), model, weights, tokenizer);
  const ModelFolder again = open_model_folder(folder.path());
  EXPECT_EQ(again.config, config);
  EXPECT_TRUE(again.weights.equal(weights));
  EXPECT_EQ(again.tokenizer, folder / "tokenizer.json");
  const Folder without;
  write_file_atomically(without / "run.toml", "");
  EXPECT_TRUE(has(error_of([&] { (void)open_model_folder(without.path()); }).what(), "checkpoint.keep_weights=true"));
}

TEST(ModelFolderTest, Checkpoints) {
  const ModelConfig config = small();
  const at::Tensor weights = initial_values(ParameterTable(config), config, 3, at::kFloat);
  const Folder folder;
  const auto alone = make_single_process();
  CheckpointStore store(*alone, folder / "checkpoints");
  store.save({7, {{"weights", weights}, {"moment1", weights}}, {{"model", model_shape_text(config)}}});
  const ModelFolder model = open_model_folder(folder / "checkpoints/step-7", at::kDouble);
  EXPECT_EQ(model.config, config);
  EXPECT_TRUE(model.weights.equal(weights.to(at::kDouble)));
  store.save({8, {{"weights", weights}}, {}});
  EXPECT_EQ(error_of([&] { (void)open_model_folder(folder / "checkpoints/step-8"); }).kind(), ErrorKind::checkpoint);
  ModelConfig other = config;
  other.vocabulary = 24;
  store.save({9, {{"weights", weights}}, {{"model", model_shape_text(other)}}});
  EXPECT_EQ(error_of([&] { (void)open_model_folder(folder / "checkpoints/step-9"); }).kind(), ErrorKind::checkpoint);
}

TEST(ModelFolderTest, ForeignFoldersAndOthers) {
  const ModelFolder foreign = open_model_folder(fixtures_folder() / "models/pythia-tiny");
  EXPECT_EQ(foreign.foreign->architecture, "gpt_neox");
  EXPECT_EQ(foreign.weights.numel(), ParameterTable(foreign.config).total());
  const Folder folder;
  EXPECT_TRUE(has(error_of([&] { (void)open_model_folder(folder.path()); }).what(), "holds no model"));
  EXPECT_TRUE(has(error_of([&] { (void)open_model_folder(folder / "nowhere"); }).what(), "nowhere"));
}

TEST(ModelFolderTest, ShapesAsText) {
  ModelConfig config = small();
  config.norm_epsilon = 1e-7;
  config.parallel_residual = true;
  EXPECT_EQ(read_model_shape(model_shape_text(config), "here"), config);
  EXPECT_TRUE(has(error_of([&] { (void)read_model_shape("width = 3", "here"); }).what(), "vocabulary"));
}

}  // namespace
}  // namespace stet
