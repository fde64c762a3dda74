// What the plugin tests share: a registry over the built plugins, errors as values, small models.
#pragma once

#include <stet/base/error.hpp>
#include <stet/base/philox.hpp>
#include <stet/config/document.hpp>
#include <stet/model/transformer.hpp>
#include <stet/plugin/registry.hpp>

#include <error_of.hpp>
#include <temporary_folder.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace stet::testing {

inline ::testing::AssertionResult has(const Error& error, const std::string& part) {
  if (std::string(error.what()).find(part) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "'" << part << "' is not in:\n" << error.what();
}

inline config::Value toml(const std::string& text) { return config::parse(text, "test.toml"); }

/// Snapshots in a map.
class MapSnapshots final : public Snapshots {
 public:
  [[nodiscard]] const at::Tensor& get(const std::string& name) const override {
    const auto found = weights.find(name);
    if (found == weights.end()) throw Error(ErrorKind::config, "there is no snapshot '" + name + "'");
    return found->second;
  }
  std::map<std::string, at::Tensor> weights;
};

/// For plugins that look at nothing but what they are handed.
class NoExamples final : public Examples {
 public:
  [[nodiscard]] std::vector<std::string> sets() const override { return {}; }
  [[nodiscard]] std::int64_t size(const std::string& set) const override { refuse(set); }
  [[nodiscard]] at::Tensor sum_gradients(
      const ExampleRange& range, const at::Tensor&, const LogitGradients&,
      const std::function<void(const at::Tensor&, std::size_t, at::Tensor&)>&) const override {
    refuse(range.set);
  }
  [[nodiscard]] at::Tensor map_gradients(const ExampleRange& range, const at::Tensor&, const LogitGradients&,
                                         const std::function<std::vector<double>(const at::Tensor&)>&) const override {
    refuse(range.set);
  }
  void for_each(const ExampleRange& range, const at::Tensor&,
                const std::function<void(const ExampleRows&)>&) const override {
    refuse(range.set);
  }

 private:
  [[noreturn]] static void refuse(const std::string& set) {
    throw Error(ErrorKind::config, "there is no set of examples '" + set + "'");
  }
};

class PluginTest : public ::testing::Test {
 protected:
  std::unique_ptr<Communicator> alone_ = make_single_process();
  PluginRegistry registry_{*alone_, {STET_PLUGIN_FOLDER}};
};

/// Standard normal numbers, the same for the same purpose.
inline at::Tensor normal(at::IntArrayRef shape, std::string_view purpose, double scale = 1.0) {
  at::Tensor tensor = at::empty(shape, at::kDouble);
  Random random(7, purpose);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) tensor.data_ptr<double>()[i] = scale * random.normal();
  return tensor;
}

/// Qwen2 in small: rotary, RMS norms, SwiGLU, grouped queries, query/key/value biases, tied head, two layers.
inline ModelConfig small_config() {
  ModelConfig config;
  config.vocabulary = 11;
  config.width = 8;
  config.layers = 2;
  config.heads = 2;
  config.kv_heads = 1;
  config.feed_forward = 12;
  config.context = 16;
  config.qkv_bias = true;
  return config;
}

}  // namespace stet::testing
