// Files that must be refused with a reason, before any of their code runs where that is possible.
#include "support.hpp"

#include <stet/base/files.hpp>

#include <algorithm>
#include <fstream>

namespace stet::testing {
namespace {

namespace fs = std::filesystem;

const fs::path good = fs::path(STET_PLUGIN_FOLDER) / "l2_sp.so", broken = STET_BROKEN_FOLDER;

class Loading : public PluginTest {
 protected:
  Error refused(const fs::path& file) {
    Error error = error_of([&] { registry_.load(file); });
    EXPECT_EQ(error.kind(), ErrorKind::plugin);
    EXPECT_NE(error.where().find(file.filename().string()), std::string::npos) << error.what();
    // A refusal leaves nothing behind.
    EXPECT_EQ(std::count_if(registry_.loaded().begin(), registry_.loaded().end(),
                            [&](const auto& plugin) { return plugin->file == file; }), 0);
    return error;
  }
  fs::path write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  Folder folder_;
};

TEST_F(Loading, FactsAndOffers) {
  for (const char* name : {"self_distillation", "l2_sp", "freeze", "drift"}) {
    registry_.load(fs::path(STET_PLUGIN_FOLDER) / (std::string(name) + ".so"));
    ASSERT_NE(registry_.origin(name), nullptr);
    EXPECT_EQ(registry_.origin(name)->facts.name, name);
    EXPECT_EQ(registry_.origin(name)->facts.abi, STET_PLUGIN_ABI);
    EXPECT_EQ(registry_.origin(name)->hash.size(), 32U);
  }
  registry_.load(good);  // again: nothing happens
  EXPECT_EQ(registry_.loaded().size(), 4U);
  for (const config::FieldInfo& field : registry_.regularizer("l2_sp").fields) EXPECT_FALSE(field.help.empty());
  EXPECT_EQ(registry_.origin("nobody"), nullptr);
}

TEST_F(Loading, TextFile) {
  EXPECT_TRUE(has(refused(write("text.so", "I am a plugin, honestly.\n")), "not an ELF file"));
  EXPECT_TRUE(has(refused(write("empty.so", "")), "not an ELF file"));
}

TEST_F(Loading, TruncatedAnywhere) {
  const std::string whole = read_file(good);
  for (const std::size_t size : {std::size_t{5}, std::size_t{63}, std::size_t{64}, whole.size() / 2, whole.size() - 1}) {
    EXPECT_TRUE(has(refused(write("cut.so", whole.substr(0, size))), "truncated")) << size;
  }
}

TEST_F(Loading, AnotherMachine) {
  std::string whole = read_file(good);
  whole[4] = 1;  // EI_CLASS: 32 bits
  EXPECT_TRUE(has(refused(write("narrow.so", whole)), "64-bit"));
}

TEST_F(Loading, NoSection) {
  EXPECT_TRUE(has(refused(broken / "no_section.so"), "no section .stet.plugin"));
  EXPECT_EQ(std::getenv("STET_FOREIGN_CODE_RAN"), nullptr);
}

TEST_F(Loading, OtherAbiBeforeItsCodeRuns) {
  const Error error = refused(broken / "wrong_abi.so");
  EXPECT_TRUE(has(error, "built for another plugin ABI"));
  EXPECT_TRUE(has(error, "4711"));
  EXPECT_EQ(std::getenv("STET_FOREIGN_CODE_RAN"), nullptr);
}

TEST_F(Loading, FactsEditedInTheFile) {
  std::string whole = read_file(good);
  const std::size_t at = whole.find("\ntorch=");
  ASSERT_NE(at, std::string::npos);
  whole[at + 7] = '9';
  EXPECT_TRUE(has(refused(write("other_torch.so", whole)), "built for another libtorch"));
  whole = read_file(good);
  whole[whole.find("\ntorch=")] = '#';  // `abi=1#torch=...`, so a key is missing
  EXPECT_TRUE(has(refused(write("no_torch.so", whole)), "lack 'torch'"));
}

TEST_F(Loading, ThrowsWhileRegistering) {
  const Error error = refused(broken / "throws.so");
  EXPECT_TRUE(has(error, "failed while registering"));
  EXPECT_TRUE(has(error, "the plugin's own trouble"));
}

TEST_F(Loading, DuplicateNames) {
  EXPECT_TRUE(has(refused(broken / "duplicate.so"), "two regularizers are named 'l2_sp'"));
  registry_.load(good);
  const Error error = refused(broken / "duplicate.so");
  EXPECT_TRUE(has(error, "already registered by " + good.string()));
  EXPECT_EQ(registry_.regularizer("l2_sp").create(toml(""))->site(), Site::weights);
}

TEST_F(Loading, WorldWritable) {
  fs::copy_file(good, folder_ / "open.so");
  fs::permissions(folder_ / "open.so", fs::perms::others_write, fs::perm_options::add);
  EXPECT_TRUE(has(refused(folder_ / "open.so"), "writable by everyone"));
  fs::permissions(folder_ / "open.so", fs::perms::others_write, fs::perm_options::remove);
  fs::permissions(folder_.path(), fs::perms::others_write, fs::perm_options::add);
  const Error error = error_of([&] { registry_.load(folder_ / "open.so"); });
  EXPECT_TRUE(has(error, "chmod o-w " + folder_.path().string()));
  fs::permissions(folder_.path(), fs::perms::others_write, fs::perm_options::remove);
  registry_.load(folder_ / "open.so");
  EXPECT_EQ(registry_.loaded().size(), 1U);
}

TEST_F(Loading, MissingNameListsWhereItLooked) {
  PluginRegistry registry(*alone_, {folder_.path(), STET_PLUGIN_FOLDER});
  const Error error = error_of([&] { (void)registry.regularizer("l2_ps"); });
  EXPECT_EQ(error.kind(), ErrorKind::plugin);
  EXPECT_TRUE(has(error, folder_.path().string()));
  EXPECT_TRUE(has(error, STET_PLUGIN_FOLDER));
  EXPECT_TRUE(has(error, "did you mean 'l2_sp'?"));
  EXPECT_TRUE(has(error_of([&] { (void)registry.regularizer("../stet-broken/throws"); }), "is known"));
  EXPECT_TRUE(has(error_of([&] { (void)registry.regularizer("freeze"); }), "offers no regularizer 'freeze'"));
  refused(folder_ / "absent.so");
}

TEST_F(Loading, EarlierFoldersWinAndAreAllLoaded) {
  fs::copy_file(good, folder_ / "l2_sp.so");
  write("bad.so", "text");
  PluginRegistry registry(*alone_, {folder_.path(), STET_PLUGIN_FOLDER});
  (void)registry.regularizer("l2_sp");
  EXPECT_EQ(registry.origin("l2_sp")->file, folder_ / "l2_sp.so");
  const std::vector<std::string> failures = registry.load_all();  // bad.so, and the second l2_sp
  EXPECT_EQ(failures.size(), 2U);
  EXPECT_EQ(registry.loaded().size(), 4U);
}

TEST_F(Loading, UsualSearch) {
  ::setenv("STET_PLUGIN_PATH", "/one::/two", 1);
  const std::vector<fs::path> search = PluginRegistry::usual_search({"/first"});
  ::unsetenv("STET_PLUGIN_PATH");
  ASSERT_EQ(search.size(), 4U);
  EXPECT_EQ(search[0], "/first");
  EXPECT_EQ(search[1], "/one");
  EXPECT_EQ(search[2], "/two");
  EXPECT_EQ(search[3], STET_PLUGIN_FOLDER);  // beside the program: bin/.., lib/stet-plugins
}

}  // namespace
}  // namespace stet::testing
