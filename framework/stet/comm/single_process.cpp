// The group of one: every collective is done as soon as it is called.
#include <stet/comm/communicator.hpp>

#include <stet/base/error.hpp>

#include <cstdio>
#include <cstdlib>

namespace stet {

namespace {

class OwnCounter final : public SharedCounter {
 public:
  [[nodiscard]] std::int64_t next() override { return next_++; }

 private:
  std::int64_t next_ = 0;
};

class SingleProcess final : public Communicator {
 public:
  using Communicator::Communicator;
  [[nodiscard]] int rank() const override { return 0; }
  [[nodiscard]] int size() const override { return 1; }
  void barrier() override {}
  void all_reduce_sum(std::span<float>) override {}
  void all_reduce_sum(std::span<double>) override {}
  void all_reduce_sum(std::span<std::int64_t>) override {}
  void all_reduce_max(std::span<double>) override {}
  void tree_all_reduce_sum(std::span<float>) override {}
  void tree_all_reduce_sum(std::span<double>) override {}
  void broadcast(std::span<std::byte>, int root) override { STET_ASSERT(root == 0); }
  [[nodiscard]] std::vector<std::string> all_gather(const std::string& mine) override { return {mine}; }
  [[nodiscard]] std::string broadcast_text(const std::string& text, int root) override {
    STET_ASSERT(root == 0);
    return text;
  }
  [[nodiscard]] std::unique_ptr<Communicator> duplicate() override {
    return std::make_unique<SingleProcess>(shared_recorder());
  }
  [[nodiscard]] std::unique_ptr<Communicator> split(int color) override {
    STET_ASSERT(color >= 0);
    return std::make_unique<SingleProcess>(shared_recorder());
  }
  [[nodiscard]] std::unique_ptr<SharedCounter> make_counter() override { return std::make_unique<OwnCounter>(); }
  [[nodiscard]] bool concurrent() const override { return true; }
  [[nodiscard]] bool everyone_arrives(double /*seconds*/) override { return true; }
  [[nodiscard]] std::optional<std::vector<std::string>> settle(const std::string* failure) override {
    return failure == nullptr ? std::vector<std::string>() : std::vector<std::string>{*failure};
  }
  [[noreturn]] void abort(int exit_code) override {
    std::fflush(nullptr);
    std::_Exit(exit_code);  // like MPI_Abort: no destructors, which could wait for other threads
  }
};

}  // namespace

std::unique_ptr<Communicator> make_single_process() { return std::make_unique<SingleProcess>(); }

}  // namespace stet
