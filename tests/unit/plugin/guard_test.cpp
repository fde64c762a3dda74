#include <stet/plugin/guard.hpp>

#include <stet/model/torch.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <stdexcept>

namespace stet {
namespace {

Error thrown_by(const std::function<void()>& hook) {
  FlightRecorder recorder;
  try {
    guarded(recorder, "regularizer", "mine", "output_loss", hook);
  } catch (const Error& error) {
    EXPECT_EQ(recorder.own().place, "");
    return error;
  }
  return Error(ErrorKind::internal, "nothing was thrown");
}

TEST(Guard, GivesBackWhatTheHookReturnsAndPublishesIt) {
  FlightRecorder recorder;
  const std::string place = guarded(recorder, "probe", "p", "measure", [&] { return recorder.own().place; });
  EXPECT_EQ(place, "probe 'p', measure");
}

TEST(Guard, AnyExceptionNamesPluginAndHook) {
  const Error standard = thrown_by([] { throw std::runtime_error("boom"); });
  EXPECT_EQ(standard.kind(), ErrorKind::plugin);
  EXPECT_EQ(standard.message(), "std::runtime_error: boom");
  EXPECT_EQ(standard.where(), "regularizer 'mine', output_loss");
  EXPECT_EQ(thrown_by([] { throw 3; }).where(), "regularizer 'mine', output_loss");
  EXPECT_EQ(thrown_by([] { throw std::bad_alloc(); }).message(), "out of memory (std::bad_alloc)");
}

TEST(Guard, AnErrorKeepsItsKindAndPlace) {
  const Error own = thrown_by([] { throw Error(ErrorKind::numerical, "not finite").at("row 3"); });
  EXPECT_EQ(own.kind(), ErrorKind::numerical);
  EXPECT_EQ(own.where(), "regularizer 'mine', output_loss: row 3");
  const Error key = thrown_by([] { throw Error(ErrorKind::config, "unknown key").at("a.toml:3:1"); });
  EXPECT_EQ(key.where(), "a.toml:3:1");
  EXPECT_EQ(thrown_by([] { throw Error(ErrorKind::data, "x").at("rank 1").known_to_all(); }).where(), "rank 1");
}

TEST(Guard, AMessageIsShortAndTheStackInTheRecord) {
  const Error shapes = thrown_by([] { static_cast<void>(at::ones({2, 3}).matmul(at::ones({4, 5}))); });
  EXPECT_NE(shapes.message().find("2x3 and 4x5"), std::string::npos) << shapes.message();
  EXPECT_NE(shapes.message().find("c10::Error"), std::string::npos) << shapes.message();
  EXPECT_NE(shapes.detail().find("frame #0"), std::string::npos);
  const Error talkative = thrown_by([] {
    std::string many;
    for (int i = 0; i < 200; ++i) many += "line\n";
    throw Error(ErrorKind::plugin, many).at("here").expected(many).received(many).hint(many);
  });
  const std::string text = talkative.what();
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 13);
  EXPECT_NE(talkative.message().find("more lines in the run's record"), std::string::npos);
  EXPECT_GT(talkative.detail().size(), 3000U);
}

}  // namespace
}  // namespace stet
