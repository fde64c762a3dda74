// The frame of a probe that measures numbers of the run and numbers of single facts together: it is asked at the
// evaluations it wants, without autograd, and what it records for facts is kept until the engine asks for it.
#pragma once

#include <stet/sdk/probe_tools.hpp>
#include <stet/sdk/similarity.hpp>

#include <string>
#include <vector>

namespace stet {

/// What is measured at one evaluation.
struct ProbeRecord {
  std::vector<Measurement> values;
  std::vector<FactMeasurement> facts;

  /// One number; see Measurement.
  void add(const std::string& name, const std::string& set, double value, int layer = -1);
  /// A number for each of the set's first facts. Kept if they are all facts of the set, as FactMeasurement wants it.
  void add_facts(const std::string& name, const std::string& set, const at::Tensor& of_each);
  void add_facts(const std::string& name, const std::string& set, const std::vector<double>& of_each);
  /// The mean over facts as one number; and each fact's, if `keep`.
  void add_mean(const std::string& name, const std::string& set, const std::vector<double>& of_each, int layer = -1,
                bool keep = true);
};

class RecordingProbe : public Probe {
 public:
  [[nodiscard]] std::vector<Measurement> measure(const ProbeContext& context) final;
  [[nodiscard]] std::vector<FactMeasurement> measure_facts(const ProbeContext& context) final;

 protected:
  explicit RecordingProbe(ProbeTime when = ProbeTime::always) : when_(when) {}
  /// Called at the evaluations of `when`, as Probe::measure is. Without gradient.
  virtual void record(const ProbeContext& context, ProbeRecord& record) = 0;

 private:
  ProbeTime when_;
  ProbeRecord record_;  // from measure() to measure_facts()
};

}  // namespace stet
