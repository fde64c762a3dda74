// The one-way arrows between the rooms, checked on the sources themselves: who includes whom, against who may use whom
// in framework/CMakeLists.txt. (That calls do not go against the arrows is checked by the linker.)
#include <stet/base/files.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace stet {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;
using Rooms = std::map<std::string, Names>;

const std::vector<std::string> order{"base",       "config",   "comm",         "tensorfile",  "text",   "world",
                                     "data",       "model",    "hugging_face", "plugin",      "sdk",    "train",
                                     "checkpoint", "evaluate", "statistics",   "outcomes",    "report", "plan",
                                     "run",        "schedule", "batch",        "conformance", "cli"};

/// The room and what it USES, of every stet_room(...) outside comments. A room defined twice (with and without MPI) has
/// the union.
Rooms parse_rooms(const std::string& cmake) {
  std::istringstream lines(cmake);
  std::string code, line;
  while (std::getline(lines, line)) code += line.substr(0, line.find('#')) + "\n";
  Rooms rooms;
  const std::regex call(R"(stet_room\(([^)]*)\))");
  for (std::sregex_iterator match(code.begin(), code.end(), call), end; match != end; ++match) {
    std::istringstream words((*match)[1].str());
    std::string room, word;
    words >> room;
    bool uses = false;
    rooms[room];
    while (words >> word) {
      if (word == "USES" || word == "LINK" || word == "TORCH" || word == "COLD") {
        uses = word == "USES";
      } else if (uses) {
        rooms[room].insert(word);
      }
    }
  }
  return rooms;
}

/// The rooms that may be used, directly or through others.
Names closure(const Rooms& rooms, const std::string& room) {
  Names reached, open = rooms.at(room);
  while (!open.empty()) {
    const std::string next = *open.begin();
    open.erase(open.begin());
    if (!reached.insert(next).second) continue;
    if (const auto found = rooms.find(next); found != rooms.end())
      open.insert(found->second.begin(), found->second.end());
  }
  return reached;
}

/// Includes of rooms outside `allowed`, and quoted includes that climb out of their folder.
std::vector<std::string> violations(const std::string& name, const std::string& text, const Names& allowed) {
  std::vector<std::string> found;
  std::istringstream lines(text);
  const std::regex room_include(R"(^\s*#\s*include\s*[<"]stet/([a-z_]+)[/.].*)");  // stet/room.hpp is of the room too
  const std::regex climbing(R"(^\s*#\s*include\s*".*\.\./.*)");
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    std::smatch match;
    const bool wrong = std::regex_match(line, match, room_include) ? !allowed.contains(match[1].str())
                                                                   : std::regex_match(line, climbing);
    if (wrong) found.push_back(name + ":" + std::to_string(number) + ": " + line);
  }
  return found;
}

bool is_source(const fs::path& path) {
  return Names{".hpp", ".cpp", ".h", ".inl", ".ipp"}.contains(path.extension().string());
}

/// Checks every source below the folder; returns how many there were.
std::size_t check_folder(const fs::path& folder, const Names& allowed) {
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || !is_source(entry.path())) continue;
    ++files;
    for (const std::string& wrong : violations(entry.path().string(), read_file(entry.path()), allowed)) {
      ADD_FAILURE() << wrong << "\n  not allowed here";
    }
  }
  return files;
}

/// The arrows of `rooms` that point upwards in `order`, as "a -> b".
Names upward(const Rooms& rooms) {
  const auto rank = [](const std::string& room) { return std::find(order.begin(), order.end(), room) - order.begin(); };
  Names arrows;
  for (const auto& [room, uses] : rooms) {
    for (const std::string& used : uses) {
      if (rank(used) >= rank(room)) arrows.insert(room + " -> " + used);
    }
  }
  return arrows;
}

const fs::path root = STET_SOURCE_DIR;

Rooms the_rooms() { return parse_rooms(read_file(root / "framework" / "CMakeLists.txt")); }

TEST(Rooms, EveryRoomIsInTheBuildAndEveryFolderIsARoom) {
  const Rooms rooms = the_rooms();
  Names known{"cli"};
  for (const auto& [room, uses] : rooms) known.insert(room);
  EXPECT_EQ(known, Names(order.begin(), order.end()));
  for (const auto& entry : fs::directory_iterator(root / "framework" / "stet")) {
    EXPECT_TRUE(known.contains(entry.path().stem().string())) << entry.path();
  }
}

TEST(Rooms, NoArrowPointsUpwards) { EXPECT_EQ(upward(the_rooms()), Names{}); }

TEST(Rooms, IncludesFollowTheArrows) {
  const Rooms rooms = the_rooms();
  std::size_t files = 0;
  for (const auto& [room, uses] : rooms) {
    Names allowed = closure(rooms, room);
    EXPECT_FALSE(allowed.contains(room)) << "a circle through " << room;
    allowed.insert(room);
    files += check_folder(root / "framework" / "stet" / room, allowed);
    const fs::path front = root / "framework" / "stet" / (room + ".hpp");  // a room may have one header for all of it
    if (!fs::exists(front)) continue;
    EXPECT_EQ(violations(front.string(), read_file(front), allowed), std::vector<std::string>{});
  }
  EXPECT_GT(files, 10U) << "the sources were not found";
  check_folder(root / "framework" / "stet" / "cli", Names(order.begin(), order.end()));
}

TEST(Rooms, PluginsUseWhatThePluginRoomMayUse) {
  Names allowed = closure(the_rooms(), "sdk");
  allowed.insert("sdk");
  check_folder(root / "plugins", allowed);
}

TEST(Rooms, TheCheckItselfFindsWhatIsWrong) {
  const Rooms rooms = parse_rooms(
      "# stet_room(ghost USES base)\nfunction(stet_room name)\nstet_room(base LINK fmt::fmt)\n"
      "stet_room(config USES base\n  LINK toml TORCH)\nstet_room(train USES config TORCH)\nstet_room(base USES "
      "train)\n");
  EXPECT_EQ(rooms, (Rooms{{"base", {"train"}}, {"config", {"base"}}, {"train", {"config"}}}));
  EXPECT_EQ(upward(rooms), Names{"base -> train"});
  EXPECT_TRUE(closure(rooms, "base").contains("base"));  // the circle
  const std::string text =
      "#include <stet/base/error.hpp>\n#include <stet/train/a.hpp>\n  #  include \"stet/train/b.hpp\"\n"
      "#include \"../train/c.hpp\"\n#include <stet/train.hpp>\n#include <stet/base.hpp>\n// #include "
      "<stet/train/d.hpp>\n#include <vector>\n#include \"near.hpp\"\n";
  const std::vector<std::string> wrong = violations("f", text, {"base"});
  ASSERT_EQ(wrong.size(), 4U);
  EXPECT_EQ(wrong[0], "f:2: #include <stet/train/a.hpp>");
  EXPECT_EQ(wrong[1].substr(0, 4), "f:3:");
  EXPECT_EQ(wrong[2].substr(0, 4), "f:4:");
  EXPECT_EQ(wrong[3].substr(0, 4), "f:5:");
}

}  // namespace
}  // namespace stet
