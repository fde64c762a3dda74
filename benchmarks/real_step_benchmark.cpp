// One training step of a model that others trained, on questions, for benchmarks/real_step.py, which lets a script that
// a user would write with transformers take the same step in turn.
//
//   real_step_benchmark MODEL QUESTIONS.jsonl [RANK]     lines {"prompt": ..., "answer": ...}: the batch
//
// With RANK the matrices of blocks train by low-rank changes of it alone, scaled by 2 (the plugin lora's defaults).
// Reads a line of its input for each step, and prints "SECONDS LOSS TOKENS". Threads: OMP_NUM_THREADS, as libtorch
// takes them.
#include <stet/base/clock.hpp>
#include <stet/config/json.hpp>
#include <stet/data/record_tokens.hpp>
#include <stet/plan/base_folder.hpp>
#include <stet/run/record/model_folder.hpp>

#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "workload.hpp"

int main(int count, char** arguments) {
  using namespace stet;
  if (count != 3 && count != 4) {
    std::cerr << "real_step_benchmark MODEL QUESTIONS.jsonl [RANK]\n";
    return 2;
  }
  const ModelFolder folder = open_model_folder(arguments[1]);
  const Tokenizer tokenizer = base_tokenizer(arguments[1]);
  const Transformer model(folder.config);
  std::vector<TokenSequence> batch;
  std::size_t tokens = 0;
  std::ifstream file(arguments[2]);
  for (std::string line; std::getline(file, line);) {
    const nlohmann::json item = parse_json(line, arguments[2]);
    batch.push_back(tokenize(tokenizer, {item.at("prompt"), item.at("answer")}, false, batch.size()));
    tokens += batch.back().ids.size();
  }
  TrainOptions options;
  options.batch_size = static_cast<std::int64_t>(batch.size());
  options.learning_rate = 5e-5;
  options.weight_decay = 0;
  options.clip = 1;
  options.warmup_steps = 0;
  options.schedule = Schedule::constant;
  const TrainingData data{"questions", batch.size(),
                          [&batch](std::uint64_t /*epoch*/, std::uint64_t index) { return batch[index]; }};
  const std::unique_ptr<Communicator> alone = make_single_process();
  const benchmarks::NoSnapshots none;
  Trainer trainer(model, folder.weights, options, *alone);
  const Sampler sampler(data.epoch_size, 1);
  TrainableSelection selection;
  if (count == 4) {
    for (const ParameterInfo& info : model.table().entries()) {
      const bool matrix = info.layer >= 0 && info.shape.size() == 2;
      if (matrix) selection.low_rank[selection.trains.size()] = {std::stoll(arguments[3]), 2.0, 0};
      selection.trains.push_back(matrix);
    }
  }
  trainer.begin_phase(selection, {}, none);
  BatchRange range{0, 0};
  for (std::string line; std::getline(std::cin, line);) {
    range = batch_at(range.end, data.epoch_size, data.epoch_size);
    const Stopwatch watch;
    const double loss = trainer.step(data, sampler, range, 1'000'000).task_loss;
    std::cout << watch.seconds() << ' ' << loss << ' ' << tokens << std::endl;
  }
  return 0;
}
