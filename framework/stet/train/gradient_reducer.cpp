#include <stet/train/gradient_reducer.hpp>

#include <stet/base/clock.hpp>
#include <stet/base/error.hpp>
#include <stet/train/adamw.hpp>

#include <algorithm>
#include <bit>

namespace stet {

namespace {
void add_slices(const at::Tensor& to, const at::Tensor& from, std::int64_t begin, std::int64_t end) {
  if (to.scalar_type() == at::kDouble) {
    add_into(to.data_ptr<double>() + begin, from.data_ptr<double>() + begin, end - begin);
  } else {
    add_into(to.data_ptr<float>() + begin, from.data_ptr<float>() + begin, end - begin);
  }
}
}  // namespace

GradientReducer::GradientReducer(Communicator& communicator, std::int64_t elements, at::ScalarType type,
                                 std::int64_t micro_shards, std::int64_t bucket_elements)
    : communicator_(communicator),
      elements_(elements),
      shards_(micro_shards > 0 ? micro_shards : communicator.size()),
      bucket_(std::max<std::int64_t>(bucket_elements, 1)),
      type_(type) {
  const auto ranks = static_cast<std::int64_t>(communicator.size());
  if (micro_shards > 0 && (!std::has_single_bit(static_cast<std::uint64_t>(shards_)) || shards_ % ranks != 0)) {
    throw Error(ErrorKind::config, "train.micro_shards does not fit the number of ranks")
        .expected("a power of two that is a multiple of the ranks (" + std::to_string(ranks) + ")")
        .received(std::to_string(shards_));
  }
  tree_ = std::has_single_bit(static_cast<std::uint64_t>(ranks));
  local_ = shards_ / ranks;
  first_ = local_ * communicator.rank();
  if (ranks > 1) {
    channel_ = communicator.duplicate();
    if (channel_->concurrent()) thread_ = std::thread([this] { communicate(); });
  }
}

GradientReducer::~GradientReducer() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void GradientReducer::resize(std::int64_t elements) {
  STET_ASSERT(index_ == 0);
  if (elements == elements_) return;
  elements_ = elements;
  pool_.clear();
  stack_.clear();
  current_ = total_ = at::Tensor();
}

const at::Tensor& GradientReducer::begin_shard() {
  const at::NoGradGuard guard;
  if (index_ == 0) {
    if (stack_.empty() && total_.defined()) pool_.push_back(total_);  // otherwise the total is one of the stack's
    for (Level& level : stack_) pool_.push_back(std::move(level.gradient));
    stack_.clear();
    total_ = at::Tensor();
    next_end_ = elements_;
    const std::lock_guard lock(mutex_);
    queue_.clear();
    taken_ = done_ = 0;
  }
  if (pool_.empty()) pool_.push_back(at::empty({elements_}, type_));
  current_ = std::move(pool_.back());
  pool_.pop_back();
  current_.zero_();
  return current_;
}

void GradientReducer::complete_from(std::int64_t offset) {
  if (index_ + 1 != local_) return;
  if (!total_.defined()) total_ = stack_.empty() ? current_ : stack_.front().gradient;
  // Whole buckets only, and at the end (offset 0) the rest.
  while (next_end_ > 0 && (next_end_ - offset >= bucket_ || offset == 0)) {
    const std::int64_t begin = std::max<std::int64_t>(next_end_ - bucket_, 0);
    merge_slice(begin, next_end_);
    if (channel_ != nullptr) {
      if (thread_.joinable()) {
        {
          const std::lock_guard lock(mutex_);
          queue_.emplace_back(begin, next_end_);
        }
        changed_.notify_all();
      } else {
        reduce(begin, next_end_);
      }
    }
    next_end_ = begin;
  }
}

/// The last shard closes the tree of this rank: it is the right leaf at every level, so the partial sums on the stack
/// are added to it from the nearest (smallest) to the leftmost (largest).
void GradientReducer::merge_slice(std::int64_t begin, std::int64_t end) {
  const at::Tensor* right = &current_;
  for (std::size_t i = stack_.size(); i-- > 0;) {
    add_slices(stack_[i].gradient, *right, begin, end);
    right = &stack_[i].gradient;
  }
}

void GradientReducer::end_shard() {
  if (index_ + 1 == local_) {
    complete_from(0);
    if (!stack_.empty()) pool_.push_back(std::move(current_));
    index_ = 0;
    return;
  }
  stack_.push_back({0, std::move(current_)});
  while (stack_.size() > 1 && stack_[stack_.size() - 2].level == stack_.back().level) {
    add_slices(stack_[stack_.size() - 2].gradient, stack_.back().gradient, 0, elements_);
    pool_.push_back(std::move(stack_.back().gradient));
    stack_.pop_back();
    ++stack_.back().level;
  }
  ++index_;
}

void GradientReducer::reduce(std::int64_t begin, std::int64_t end) {
  const auto all_reduce = [&]<class T>(T* data) {
    const std::span<T> slice(data + begin, static_cast<std::size_t>(end - begin));
    if (tree_) {
      channel_->tree_all_reduce_sum(slice);
    } else {
      channel_->all_reduce_sum(slice);
    }
  };
  type_ == at::kDouble ? all_reduce(total_.data_ptr<double>()) : all_reduce(total_.data_ptr<float>());
}

void GradientReducer::communicate() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || taken_ < queue_.size(); });
    if (stop_) return;
    const auto [begin, end] = queue_[taken_++];
    const bool failed = failure_ != nullptr;
    lock.unlock();
    std::exception_ptr failure;
    try {
      if (!failed) reduce(begin, end);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure) failure_ = failure;
    ++done_;
    changed_.notify_all();
  }
}

const at::Tensor& GradientReducer::finish() {
  if (thread_.joinable()) {
    const Stopwatch watch;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_ == queue_.size(); });
    waited_ += watch.seconds();
    if (failure_) std::rethrow_exception(failure_);
  }
  return total_;
}

std::vector<double> GradientReducer::sum(const std::vector<std::vector<double>>& mine) {
  STET_ASSERT(static_cast<std::int64_t>(mine.size()) == local_);
  std::vector<std::vector<double>> level = mine;
  while (level.size() > 1) {
    std::vector<std::vector<double>> next;
    for (std::size_t i = 0; i < level.size(); i += 2) {
      if (i + 1 < level.size()) {
        for (std::size_t k = 0; k < level[i].size(); ++k) level[i][k] += level[i + 1][k];
      }
      next.push_back(std::move(level[i]));
    }
    level = std::move(next);
  }
  if (tree_) {
    communicator_.tree_all_reduce_sum(std::span<double>(level[0]));
  } else {
    communicator_.all_reduce_sum(std::span<double>(level[0]));
  }
  return level[0];
}

}  // namespace stet
