// Files that must be refused with a reason, before any of their code runs where that is possible. Out of scope: what
// the static constructors of a well-formed plugin do (exit, abort, a crash) ends the program, as it would in any
// library.
#include "refusal.hpp"

#include <stet/plugin/plugin_access.hpp>
#include <stet/plugin/plugin_file.hpp>

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

namespace stet::testing {
namespace {

namespace fs = std::filesystem;

/// A group that is no user's own, and that this user may give files to: root any, others one of theirs.
gid_t others_group() {
  if (::geteuid() == 0) return 7777777;
  std::vector<gid_t> groups(256);
  groups.resize(static_cast<std::size_t>(std::max(::getgroups(256, groups.data()), 0)));
  for (const gid_t group : groups) {
    if (!is_private_group(group, ::geteuid())) return group;
  }
  return ::getegid();
}

// The trace must be one that a loaded plugin leaves, or its absence would prove nothing.
TEST_F(Refusal, TheTraceIsLeftByAPluginThatLoads) {
  fs::copy_file(good_, folder_ / "good.so");
  registry_.load(folder_ / "good.so");
  EXPECT_TRUE(fs::exists(trace_));
}

// --- not a shared object for this machine

TEST_F(Refusal, TextFile) {
  refused_unrun(write("text.so", "I am a plugin, honestly.\n"),
                {"not an ELF file", "a shared object (.so)", "a file of 25 bytes", "the built plugin, not its source"});
}
TEST_F(Refusal, EmptyFile) {
  refused_unrun(write("empty.so", ""),
                {"not an ELF file", "a shared object (.so)", "an empty file", "the built plugin"});
}
TEST_F(Refusal, FolderNamedLikeAPlugin) {
  fs::create_directory(folder_ / "folder.so");
  refused_unrun(folder_ / "folder.so",
                {"cannot read the plugin", "a shared object", "a folder", "must exist on every node"});
}
TEST_F(Refusal, PipeThatNobodyWrites) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe.so").c_str(), 0600), 0);
  refused_unrun(folder_ / "pipe.so",
                {"cannot read the plugin", "a shared object", "a pipe", "must exist on every node"});
}
TEST_F(Refusal, MissingFile) {
  refused_unrun(folder_ / "absent.so",
                {"cannot read the plugin", "a shared object", "No such file", "must exist on every node"});
}
TEST_F(Refusal, DanglingLink) {
  fs::create_symlink(folder_ / "nowhere", folder_ / "link.so");
  refused_unrun(folder_ / "link.so",
                {"cannot read the plugin", "a shared object", "No such file", "must exist on every node"});
}
TEST_F(Refusal, ThirtyTwoBit) {
  refused_unrun(patched("narrow.so", 4, "\x01"), {"not a shared object of this kind of machine", "64-bit little-endian",
                                                  "a 32-bit file", "build the plugin on this kind"});
}
TEST_F(Refusal, BigEndian) {
  refused_unrun(patched("big.so", 5, "\x02"), {"not a shared object of this kind of machine", "little-endian",
                                               "not little-endian", "build the plugin on this kind"});
}
TEST_F(Refusal, OtherProcessor) {
  const std::string s390("\x16\x00", 2);
  refused_unrun(patched("other.so", 18, s390), {"not a shared object of this kind of machine", "64-bit",
                                                "a file for machine number 22", "build the plugin on this kind"});
}
TEST_F(Refusal, ExecutableInsteadOfALibrary) {
  refused_unrun(patched("program.so", 16, "\x02"), {"not a shared object of this kind of machine", "shared object",
                                                    "ELF type 2", "build the plugin on this kind"});
}
TEST_F(Refusal, TruncatedAnywhere) {
  const std::string whole = read_file(good_);
  std::vector<std::size_t> sizes = {4, 5, 16, 63, 64, 65, 119, 120, 500, whole.size() - 64, whole.size() - 1};
  for (std::size_t part = 1; part < 20; ++part) sizes.push_back(whole.size() * part / 20);
  for (const std::size_t size : sizes) {
    SCOPED_TRACE(size);
    refused_unrun(
        write("cut.so", whole.substr(0, size)),
        {"truncated or damaged", "bytes at", "a file of " + std::to_string(size) + " bytes", "copy or build it again"});
  }
}

// --- facts

TEST_F(Refusal, NoFacts) {
  refused_unrun(hostile_ / "no_section.so", {"no section .stet.plugin", "the facts that STET_PLUGIN puts there",
                                             "a shared object without", "one STET_PLUGIN(...)"});
}
TEST_F(Refusal, NoEntryFunction) {
  refused_unrun(hostile_ / "no_entry.so",
                {"no entry function", "stet_plugin_entry", "a file that does not define it", "do not hide it"});
}
TEST_F(Refusal, OlderAbi) {
  refused_unrun(hostile_ / "older_abi.so",
                {"built for an older plugin ABI", std::to_string(STET_PLUGIN_ABI), "1", "build the plugin again"});
}
TEST_F(Refusal, NewerAbi) {
  refused_unrun(hostile_ / "newer_abi.so",
                {"built for a newer plugin ABI", std::to_string(STET_PLUGIN_ABI), "4711", "a newer stet"});
}
TEST_F(Refusal, OtherLibtorch) {
  refused_unrun(edited("torch.so", "\ntorch=" STET_TORCH_VERSION_TEXT,
                       "\ntorch=9" + std::string(STET_TORCH_VERSION_TEXT).substr(1)),
                {"built for another libtorch", STET_TORCH_VERSION_TEXT, "9.", "build the plugin again"});
}
TEST_F(Refusal, NotAnotherPatchReleaseOfLibtorch) {
  const std::string ours = STET_TORCH_VERSION_TEXT,
                    other = ours.substr(0, ours.size() - 1) + (ours.back() == '9' ? "8" : "9");
  EXPECT_EQ(inspect_plugin(edited("patch.so", "\ntorch=" + ours, "\ntorch=" + other)).facts.torch, other);
}
TEST_F(Refusal, OtherStringAbi) {
  const std::string ours = STET_STRINGIZE(_GLIBCXX_USE_CXX11_ABI), other = ours == "1" ? "0" : "1";
  refused_unrun(edited("strings.so", "\ncxx11_abi=" + ours, "\ncxx11_abi=" + other),
                {"built for another C++ library ABI (_GLIBCXX_USE_CXX11_ABI)", ours, other, "build the plugin again"});
}
TEST_F(Refusal, OtherStandardLibrary) {
  refused_unrun(edited("library.so", "stdlib=libstdc++\nname=", "stdlib=libc++\n_=\nname="),
                {"built for another C++ standard library", "libstdc++", "libc++", "build the plugin again"});
}
TEST_F(Refusal, OtherSizeOfRegistrar) {
  const std::string layout = "layout=Registrar " + std::to_string(sizeof(Registrar)) + "/";
  std::string other = layout;
  other[other.size() - 2] = '9';
  refused_unrun(edited("size.so", layout, other),
                {"another layout of stet's classes", "Registrar 72/8", "Registrar 79/8", "build the plugin again"});
}
TEST_F(Refusal, OtherAlignmentOfRegistrar) {
  refused_unrun(edited("alignment.so", "layout=Registrar 72/8", "layout=Registrar 72/4"),
                {"another layout of stet's classes", "Registrar 72/8", "Registrar 72/4", "build the plugin again"});
}
TEST_F(Refusal, FactsWithoutEqualsSign) {
  refused_unrun(edited("line.so", "\ntorch=", "\ntorch "),
                {"malformed plugin facts", "lines key=value", "torch " STET_TORCH_VERSION_TEXT, "STET_PLUGIN alone"});
}
TEST_F(Refusal, FactsThatLackAKey) {
  refused_unrun(edited("lack.so", "\ntorch=", "\nporch="),
                {"malformed plugin facts", "the key 'torch'", "lack 'torch'", "STET_PLUGIN alone"});
}
TEST_F(Refusal, FactsThatSayAKeyTwice) {
  refused_unrun(edited("twice.so", "\nversion=1.0", "\nabi=3=3=3=3"),
                {"malformed plugin facts", "each key once", "'abi' twice", "STET_PLUGIN alone"});
}
TEST_F(Refusal, FactsWhoseAbiIsNoNumber) {
  refused_unrun(edited("number.so", "abi=" STET_STRINGIZE(STET_PLUGIN_ABI) "\n", "abi=x\n"),
                {"malformed plugin facts", "a whole number for 'abi'", "'x'", "STET_PLUGIN alone"});
}
TEST_F(Refusal, FactsWithControlCharacters) {
  refused_unrun(edited("control.so", "\nauthor=stet", "\nauthor=\x1b[2J"),
                {"malformed plugin facts", "text for 'author'", "'?[2J'", "STET_PLUGIN alone"});
}

// --- who can write it

TEST_F(Refusal, WorldWritableFile) {
  fs::copy_file(good_, folder_ / "open.so");
  fs::permissions(folder_ / "open.so", fs::perms::others_write, fs::perm_options::add);
  refused_unrun(folder_ / "open.so", {"the plugin is writable by everyone", "write permission for its owner alone",
                                      "permission for all", "chmod o-w "});
}
TEST_F(Refusal, WorldWritableFolder) {
  const fs::path shared = folder_ / "shared";
  fs::create_directory(shared);
  fs::copy_file(good_, shared / "open.so");
  for (const fs::perms sticky : {fs::perms::none, fs::perms::sticky_bit}) {
    fs::permissions(shared, fs::perms::all | sticky);
    const Error error = error_of([&] { registry_.load(shared / "open.so"); });
    expect_message(
        error, shared.string(),
        {"the plugin's folder is writable by everyone", "write permission for its owner alone",
         sticky == fs::perms::none ? "permission for all" : "the sticky bit does not keep others from adding files",
         "chmod go-w " + shared.string()});
  }
  EXPECT_FALSE(fs::exists(trace_));
  fs::permissions(shared, fs::perms::owner_all);
  registry_.load(shared / "open.so");
  EXPECT_EQ(registry_.loaded().size(), 1U);
}
TEST_F(Refusal, LinkIntoAWorldWritableFolder) {
  const fs::path shared = folder_ / "shared";
  fs::create_directory(shared);
  fs::copy_file(good_, shared / "good.so");
  fs::create_symlink(shared / "good.so", folder_ / "link.so");
  fs::permissions(shared, fs::perms::all);
  EXPECT_TRUE(has(error_of([&] { registry_.load(folder_ / "link.so"); }), "chmod go-w " + shared.string()));
  EXPECT_FALSE(fs::exists(trace_));
}
TEST_F(Refusal, LinkOutOfAWorldWritableFolder) {
  const fs::path shared = folder_ / "shared";
  fs::create_directory(shared);
  fs::create_symlink(good_, shared / "link.so");
  fs::permissions(shared, fs::perms::all);
  EXPECT_TRUE(has(error_of([&] { registry_.load(shared / "link.so"); }), "chmod go-w " + shared.string()));
  EXPECT_FALSE(fs::exists(trace_));
}
TEST_F(Refusal, LinkToAGoodPluginIsAllowed) {
  fs::create_symlink(good_, folder_ / "link.so");
  registry_.load(folder_ / "link.so");
  ASSERT_EQ(registry_.loaded().size(), 1U);
  EXPECT_EQ(registry_.loaded()[0]->file, folder_ / "link.so");
  registry_.load(good_);  // the same file: nothing happens
  EXPECT_EQ(registry_.loaded().size(), 1U);
}
TEST_F(Refusal, GroupWritableFileAndFolder) {
  const auto give = [](const fs::path& path) {
    fs::permissions(path, fs::perms::owner_all | fs::perms::group_all);
    ASSERT_EQ(::chown(path.c_str(), static_cast<uid_t>(-1), others_group()), 0);
  };
  fs::copy_file(good_, folder_ / "group.so");
  give(folder_ / "group.so");
  fs::create_directory(folder_ / "shared");
  fs::copy_file(good_, folder_ / "shared/good.so");
  give(folder_ / "shared");
  if (is_private_group(others_group(), ::geteuid())) {  // a user who has no group with others
    EXPECT_NO_THROW(registry_.load(folder_ / "group.so"));
    return;
  }
  refused_unrun(folder_ / "group.so",
                {"the plugin is writable by its group", "its owner alone", "mode 0770, owner ", "chmod g-w "});
  EXPECT_TRUE(
      has(error_of([&] { registry_.load(folder_ / "shared/good.so"); }), "chmod g-w " + (folder_ / "shared").string()));
}
TEST_F(Refusal, AFolderFarAboveThatOthersCanWrite) {
  const fs::path above = folder_ / "above", far = above / "a/b";
  fs::create_directories(far);
  fs::copy_file(good_, far / "good.so");
  fs::permissions(above, fs::perms::all);
  const Error error = error_of([&] { registry_.load(far / "good.so"); });
  expect_message(error, above.string(),
                 {"a folder above the plugin is writable by everyone", "its owner alone", "mode 0777, owner ",
                  "chmod go-w " + above.string()});
  EXPECT_FALSE(fs::exists(trace_));
  fs::permissions(above, fs::perms::all | fs::perms::sticky_bit);  // as /tmp: nobody can rename what is not his
  registry_.load(far / "good.so");
  EXPECT_EQ(registry_.loaded().size(), 1U);
}

struct stat status_of(mode_t mode, uid_t owner, gid_t group) {
  struct stat status {};
  status.st_mode = mode;
  status.st_uid = owner;
  status.st_gid = group;
  return status;
}

TEST_F(Refusal, AFolderAboveThatTheProgramLiesInTooIsNotLookedAt) {
  const testing::Folder project;
  for (const char* folder : {"stet/bin", "stet/plugins", "projects/plugins"})
    std::filesystem::create_directories(project / folder);
  const std::filesystem::path root = std::filesystem::canonical(project.path());
  ASSERT_EQ(::chmod(root.c_str(), 0777), 0);
  const std::vector<uid_t> trusted = trusted_owners();
  check_folders(root / "stet" / "plugins", trusted, root / "stet" / "bin" / "stet-engine");
  check_folders(root / "projects" / "plugins", trusted, root / "stet" / "bin" / "stet-engine");
  EXPECT_THROW(check_folders(root / "stet" / "plugins", trusted, "/usr/bin/stet-engine"), Error);
  EXPECT_THROW(check_folders(root, trusted, root / "stet" / "bin" / "stet-engine"), Error);  // the plugin's own
}

TEST_F(Refusal, AnotherUsersFile) {
  const std::vector<uid_t> trusted = {0, 1000, 55};
  for (const uid_t owner : trusted)
    EXPECT_NO_THROW(check_access("a.so", status_of(S_IFREG | 0755, owner, 7), PluginPart::file, trusted));
  const auto refused = [&](mode_t mode, PluginPart part) {
    return error_of([&] { check_access("/x", status_of(mode, 1001, 7), part, trusted); });
  };
  const Parts parts = {"the plugin belongs to another user", "of a folder above it: 0, 1000, 55",
                       "owner 1001; mode 0755", "a folder of your own"};
  expect_message(refused(S_IFREG | 0755, PluginPart::file), "/x", parts);
  for (const auto& [part, what] : {std::pair{PluginPart::folder, "the plugin's folder belongs to another user"},
                                   {PluginPart::above, "a folder above the plugin belongs to another user"}}) {
    for (const mode_t mode : {0755U, 01777U})
      expect_message(refused(S_IFDIR | mode, part), "/x", {what, parts.expected, "owner 1001", parts.hint});
  }
}
TEST_F(Refusal, AGroupOfTheOwnersOwnMayWrite) {
  const std::vector<uid_t> trusted = {0, 1000};
  const auto check = [&](bool private_group, PluginPart part, mode_t mode) {
    check_access("/x", status_of(mode, 1000, 1000), part, trusted, [&](gid_t group, uid_t user) {
      EXPECT_EQ(group, 1000U);
      EXPECT_EQ(user, 1000U);
      return private_group;
    });
  };
  for (const PluginPart part : {PluginPart::file, PluginPart::folder, PluginPart::above}) {
    EXPECT_NO_THROW(check(true, part, S_IFDIR | 0775));
    EXPECT_TRUE(has(error_of([&] { check(false, part, S_IFDIR | 0775); }), "chmod g-w /x"));
    EXPECT_TRUE(has(error_of([&] { check(true, part, S_IFDIR | 0777); }), "chmod go-w /x"));
  }
}
TEST_F(Refusal, PrivateGroups) {
  EXPECT_FALSE(is_private_group(7777777, 0));
  EXPECT_FALSE(is_private_group(0, 12345678));  // nobody's
}
TEST_F(Refusal, TrustedAreRootThisUserAndWhoCanReplaceTheProgram) {
  std::set<uid_t> expected = {0, ::geteuid()};
  for (fs::path part = fs::canonical("/proc/self/exe"); part != part.parent_path(); part = part.parent_path()) {
    struct stat status {};
    ASSERT_EQ(::stat(part.c_str(), &status), 0);
    expected.insert(status.st_uid);
  }
  const std::vector<uid_t> trusted = trusted_owners();
  EXPECT_EQ(std::set<uid_t>(trusted.begin(), trusted.end()), expected);
}
TEST_F(Refusal, AFileOfAnySizeIsNotReadWhole) {
  fs::copy_file(good_, folder_ / "sparse.so");
  fs::resize_file(folder_ / "sparse.so", std::uintmax_t{1} << 40);
  refused_unrun(folder_ / "sparse.so", {"a file too large for a plugin", "at most 4.3 GB", "1.1 TB", "its source"});
}

// --- what only the loader or the plugin's code can tell

TEST_F(Refusal, UnresolvedSymbol) {
  refused_unrun(hostile_ / "unresolved.so", {"cannot be loaded", "symbols are all found",
                                             "undefined symbol: stet_test_function_that_nobody_has", "ldd -r "});
}
TEST_F(Refusal, EntryThatContradictsTheFacts) {
  const std::string hint = "build the plugin again", what = "the plugin's entry function answers another ";
  refused(hostile_ / "lying_abi.so", {what + "plugin ABI", std::to_string(STET_PLUGIN_ABI), "1", hint});
  refused(hostile_ / "lying_size.so", {what + "size of Registrar", std::to_string(sizeof(Registrar)), "71", hint});
  refused(hostile_ / "lying_alignment.so",
          {what + "alignment of Registrar", std::to_string(alignof(Registrar)), "4", hint});
}
TEST_F(Refusal, ThrowsAnExceptionWhileRegistering) {
  refused(hostile_ / "throws_exception.so",
          {"failed while registering", "registers its classes", "the plugin's own trouble", "the plugin's own code"});
}
TEST_F(Refusal, ThrowsAnErrorWhileRegistering) {
  refused(hostile_ / "throws_error.so",
          {"failed while registering", "registers its classes", "no table here", "the plugin's own code"});
}
TEST_F(Refusal, ThrowsANumberWhileRegistering) {
  refused(hostile_ / "throws_number.so",
          {"failed while registering", "registers its classes", "no std::exception", "the plugin's own code"});
}
TEST_F(Refusal, NameThatIsNone) {
  refused(hostile_ / "bad_name.so", {"failed while registering", "letters, digits",
                                     "'../echo now' in the list of its probes", "the key of a TOML table"});
}
TEST_F(Refusal, OneNameTwiceInAFile) {
  refused(hostile_ / "duplicate.so",
          {"two probes are named 'echo'", "a name of its own", "already registered by the same file", "rename one"});
}
TEST_F(Refusal, OneNameInTwoFiles) {
  registry_.load(good_);
  refused(hostile_ / "same_name.so", {"two regularizers are named 'good'", "a name of its own",
                                      "already registered by " + good_.string(), "rename one"});
  EXPECT_EQ(registry_.regularizer("good").create(toml(""))->site(), Site::weights);
}
TEST_F(Refusal, SiteWithoutItsHook) {
  registry_.load(hostile_ / "missing_hooks.so");
  expect_message(error_of([&] { (void)registry_.regularizer("outputs_only").create(toml("")); }),
                 "regularizer.outputs_only",
                 {"declares the site 'outputs' but does not implement output_loss", "an override of output_loss",
                  "none", "override output_loss"});
  expect_message(error_of([&] { (void)registry_.regularizer("weights_only").create(toml("")); }),
                 "regularizer.weights_only",
                 {"declares the site 'weights' but does not implement add_gradient", "an override of add_gradient",
                  "none", "override add_gradient"});
  // One that changes its mind after it was made is refused at the call.
  const auto turncoat = registry_.regularizer("turncoat").create(toml(""));
  EXPECT_EQ(turncoat->site(), Site::outputs);
  EXPECT_TRUE(has(error_of([&] { (void)turncoat->output_loss({}); }), "does not implement output_loss"));
}

}  // namespace
}  // namespace stet::testing
