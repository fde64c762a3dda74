// Goes wrong in a chosen hook, in a chosen way, on a chosen rank: for the tests of what the engine makes of it.
// Otherwise it does nothing, so that runs with it are runs without it.
#include <stet/plugin.hpp>

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <limits>
#include <new>
#include <stdexcept>

namespace {

enum class Fault { none, standard, c10, stet, bad_alloc, nan, exit, segv, loop };

struct Parameters {
  std::string hook = "output_loss", site = "outputs";
  Fault fault = Fault::none;
  std::int64_t rank = -1, call = 0;
};

stet::config::Schema<Parameters> schema(const std::string& name) {
  stet::config::Schema<Parameters> schema(name);
  schema.field("hook", &Parameters::hook, "in which hook")
      .field("site", &Parameters::site, "of a regularizer: outputs or weights")
      .choice("fault", &Parameters::fault,
              {{"none", Fault::none},
               {"std", Fault::standard},
               {"c10", Fault::c10},
               {"stet", Fault::stet},
               {"bad_alloc", Fault::bad_alloc},
               {"nan", Fault::nan},
               {"exit", Fault::exit},
               {"segv", Fault::segv},
               {"loop", Fault::loop}},
              "what goes wrong")
      .field("rank", &Parameters::rank, "on which rank; -1: on all")
      .field("call", &Parameters::call, "at which call of the hook, from 0");
  return schema;
}

/// This process's rank in its group of STET_FAULTY_GROUP ranks (default: all).
std::int64_t own_rank() {
  const char* rank = std::getenv("OMPI_COMM_WORLD_RANK");
  const char* group = std::getenv("STET_FAULTY_GROUP");
  const std::int64_t number = rank == nullptr ? 0 : std::atoll(rank);
  return group == nullptr ? number : number % std::atoll(group);
}

class Trouble {
 public:
  explicit Trouble(Parameters parameters) : parameters_(std::move(parameters)) { at("create"); }

  /// Passes a hook. True: its value is to be no number.
  bool at(const std::string& hook) const {
    if (hook != parameters_.hook || (parameters_.rank >= 0 && parameters_.rank != own_rank())) return false;
    if (calls_++ != parameters_.call) return false;
    switch (parameters_.fault) {
      case Fault::none: return false;
      case Fault::standard: throw std::runtime_error("boom");
      case Fault::c10: static_cast<void>(at::ones({2, 3}).matmul(at::ones({4, 5}))); return false;
      case Fault::stet: throw stet::Error(stet::ErrorKind::plugin, "own trouble").hint("none");
      case Fault::bad_alloc: throw std::bad_alloc();
      case Fault::nan: return true;
      case Fault::exit: ::_exit(0);
      case Fault::segv: ::raise(SIGSEGV); return false;
      case Fault::loop:
        while (true) ::usleep(1000);
    }
    return false;
  }
  [[nodiscard]] const Parameters& parameters() const { return parameters_; }

 private:
  Parameters parameters_;
  mutable std::int64_t calls_ = 0;
};

constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

class Regularizer final : public stet::Regularizer {
 public:
  explicit Regularizer(const Parameters& parameters) : trouble_(parameters) {}

  [[nodiscard]] stet::Site site() const override {
    return trouble_.parameters().site == "weights" ? stet::Site::weights : stet::Site::outputs;
  }
  void begin_phase(const stet::PhaseContext& context, bool /*resumed*/) override {
    trouble_.at("begin_phase");
    if (trouble_.parameters().hook != "in_collective") return;
    // One rank fails where the others wait for it.
    static_cast<void>(context.examples.sum_gradients(
        {"known", 4, 1}, context.weights,
        [this](const stet::ExampleRows& rows) {
          trouble_.at("in_collective");
          return std::vector<at::Tensor>{stet::cross_entropy_gradient(rows)};
        },
        [](const at::Tensor& gradient, std::size_t, at::Tensor& sum) { sum.add_(gradient); }));
  }
  void end_phase(const stet::PhaseContext& /*context*/) override { trouble_.at("end_phase"); }
  [[nodiscard]] at::Tensor output_loss(const stet::OutputContext& context) override {
    const bool wrong = trouble_.at("output_loss");
    return (context.logits * (wrong ? no_number : 0.0)).sum();
  }
  [[nodiscard]] double add_gradient(const stet::WeightContext& /*context*/) override {
    return trouble_.at("add_gradient") ? no_number : 0;
  }
  void after_step(const stet::WeightContext& /*context*/) override { trouble_.at("after_step"); }
  [[nodiscard]] std::optional<at::Tensor> replace_weights(const stet::WeightContext& /*context*/) override {
    trouble_.at("replace_weights");
    return std::nullopt;
  }
  [[nodiscard]] stet::PluginState save() const override {
    trouble_.at("save");
    return {};
  }
  void load(const stet::PluginState& /*state*/) override { trouble_.at("load"); }

 private:
  Trouble trouble_;
};

class Freeze final : public stet::FreezeStrategy {
 public:
  explicit Freeze(const Parameters& parameters) : trouble_(parameters) {}
  [[nodiscard]] stet::TrainableSelection select(const stet::ParameterTable& table) const override {
    trouble_.at("select");
    return {std::vector<bool>(table.size(), true), {}};
  }

 private:
  Trouble trouble_;
};

class Probe final : public stet::Probe {
 public:
  explicit Probe(const Parameters& parameters) : trouble_(parameters) {}
  [[nodiscard]] std::vector<stet::Measurement> measure(const stet::ProbeContext& /*context*/) override {
    return {{"nothing", "", -1, trouble_.at("measure") ? no_number : 0.0}};
  }
  [[nodiscard]] std::vector<stet::FactMeasurement> measure_facts(const stet::ProbeContext& /*context*/) override {
    trouble_.at("measure_facts");
    return {};
  }

 private:
  Trouble trouble_;
};

}  // namespace

STET_PLUGIN("faulty", "1.0", "stet") {
  registrar.regularizer<Regularizer>("faulty", "goes wrong on purpose", schema("regularizer.faulty"));
  registrar.freeze_strategy<Freeze>("faulty", "goes wrong on purpose", schema("freeze.faulty"));
  registrar.probe<Probe>("faulty", "goes wrong on purpose", schema("probe.faulty"));
}
