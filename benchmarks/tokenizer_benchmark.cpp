// Encoding the questions of EntityQuestions with the three shared tokenizers: an Encoder with its memory for words,
// warm and cold, beside the same without a memory. One thread. Both are checked to give the same ids first.
#include <measure.hpp>

#include <stet/base/files.hpp>
#include <stet/config/json.hpp>
#include <stet/text/encoder.hpp>
#include <stet/text/tokenizer.hpp>
#include <stet/text/unicode/pattern.hpp>

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace stet::benchmarks {
namespace {

std::filesystem::path shared_folder() {
  const char* given = std::getenv("STET_SHARED");
  return given != nullptr ? std::filesystem::path(given) : std::filesystem::path(STET_SOURCE_DIR) / ".." / "shared";
}

struct Texts {
  std::vector<std::string> questions;
  double megabytes = 0;
};

Texts read_questions() {
  Texts texts;
  for (const auto& file :
       std::filesystem::directory_iterator(shared_folder() / "data" / "entity-questions" / "train")) {
    if (file.path().extension() != ".json") continue;
    for (const auto& item : parse_json(read_file(file.path()), file.path().string())) {
      texts.questions.push_back(item.at("question").get<std::string>());
      texts.megabytes += static_cast<double>(texts.questions.back().size()) / 1e6;
    }
  }
  return texts;
}

std::vector<TokenId> encode_all(Encoder& encoder, const Texts& texts) {
  std::vector<TokenId> ids, all;
  for (const std::string& question : texts.questions) {
    ids.clear();
    encoder.encode(question, ids);
    all.insert(all.end(), ids.begin(), ids.end());
  }
  return all;
}

void add_rates(benchmark::State& state, const Texts& texts) {
  state.counters["MB/s"] = texts.megabytes / (state.counters["ours_us"] / 1e6);
  state.counters["plain_MB/s"] = texts.megabytes / (state.counters["plain_us"] / 1e6);
}

void encode(benchmark::State& state, const Tokenizer& tokenizer, const Texts& texts, bool cold) {
  Encoder encoder(tokenizer), plain(tokenizer, 0);
  std::vector<TokenId> ids;
  const auto run = [&](Encoder& with) {
    for (const std::string& question : texts.questions) {
      ids.clear();
      with.encode(question, ids);
      benchmark::DoNotOptimize(ids.data());
    }
  };
  compare(
      state,
      [&] {
        if (cold) encoder = Encoder(tokenizer);
        run(encoder);
      },
      [&] { run(plain); });
  add_rates(state, texts);
}

/// What of it is the search for GPT-2's words.
void split(benchmark::State& state, const Texts& texts) {
  Pattern::Matcher matcher(Pattern::gpt2_words());
  const auto run = [&] {
    for (const std::string& question : texts.questions) {
      std::size_t begin = 0, end = 0;
      for (std::size_t from = 0; from < question.size() && matcher.find(question, from, begin, end); from = end) {
        benchmark::DoNotOptimize(begin);
      }
    }
  };
  compare(state, run, run);
  add_rates(state, texts);
}

}  // namespace
}  // namespace stet::benchmarks

int main(int count, char** arguments) {
  using namespace stet;
  using namespace stet::benchmarks;
  start_as_stet_does(arguments);
  benchmark::Initialize(&count, arguments);
  const Texts texts = read_questions();
  fmt::print("{} questions, {:.2f} MB\n", texts.questions.size(), texts.megabytes);
  std::vector<Tokenizer> tokenizers;
  const std::vector<std::string> styles = {"gpt2", "llama3", "qwen2"};
  for (const std::string& style : styles) {
    tokenizers.push_back(
        Tokenizer::load(shared_folder() / "fixtures" / "tokenizers" / (style + "-style") / "tokenizer.json"));
    Encoder encoder(tokenizers.back()), plain(tokenizers.back(), 0);
    if (encode_all(encoder, texts) != encode_all(plain, texts)) {
      fmt::print(stderr, "{}: the cache changes the ids\n", style);
      return 1;
    }
  }
  for (std::size_t i = 0; i < styles.size(); ++i) {
    for (const bool cold : {false, true}) {
      benchmark::RegisterBenchmark(fmt::format("encode/{}/{}", styles[i], cold ? "cold" : "warm").c_str(),
                                   [&, i, cold](benchmark::State& state) { encode(state, tokenizers[i], texts, cold); })
          ->UseManualTime()
          ->Unit(benchmark::kMillisecond);
    }
  }
  benchmark::RegisterBenchmark("split/gpt2", [&](benchmark::State& state) { split(state, texts); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
