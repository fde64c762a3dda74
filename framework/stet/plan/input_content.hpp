// What the files hold that an experiment reads facts from: part of the identity of whatever is made from them, wherever
// they lie.
#pragma once

#include <stet/comm/communicator.hpp>
#include <stet/plan/run_config.hpp>

#include <map>
#include <string>
#include <utility>

namespace stet {

/// Reads each data set once a plan, however many arms use it.
class InputContent {
 public:
  explicit InputContent(Communicator& communicator) : communicator_(communicator) {}

  /// Collective. Fills config.base.content and config.model from the folder of [base], if there is one; and
  /// config.data.base_files and all_files with the hash of every EntityQuestions file, by its name below the data's
  /// folder, or of every file of own questions, by its number; nothing for a synthetic world. With prompt.chat it fills
  /// config.prompt and slick.separator with the form of the folder of [base]. Rank 0 reads. Throws Error (data) on all
  /// ranks for files that are not there or hold no model, and for a folder without a known chat form.
  void fill(RunConfig& config);

 private:
  struct Content {
    config::Value base, all;
  };
  struct Chat {
    PromptConfig prompt;
    std::string separator;
  };
  Communicator& communicator_;
  std::map<std::string, Content> known_;  // by what chooses the files
  std::map<std::string, BaseFolder> bases_;
  std::map<std::pair<std::string, std::string>, std::string> adapters_;  // folder and adapter: content
  std::map<std::string, Chat> chats_;                                    // by folder

  void fill_base(RunConfig& config);
  void fill_chat(RunConfig& config);
};

}  // namespace stet
