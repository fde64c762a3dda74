// What computes in this process: processor, libtorch, BLAS, and how wide the kernels of each are. Results are bit-equal
// between processes that agree in it, not between others. It inspects and changes nothing.
#pragma once

#include <string>
#include <vector>

namespace stet {

/// Texts are empty where the system does not say.
struct Arithmetic {
  std::string cpu;            ///< "AMD EPYC"
  std::string kernel_simd;    ///< what our own kernels were compiled for: "AVX-512", "AVX2", ...
  std::string aten_simd;      ///< as libtorch says: "AVX2", "AVX512", "DEFAULT", "NO AVX"
  std::string torch_version;  ///< "1.13.0"
  std::string blas;           ///< what is loaded: "OpenBLAS 0.3.21 (Haswell kernels)", "reference BLAS", ...
  std::string blas_file;      ///< the shared object that sgemm comes from
  bool reference_blas = false;
};

[[nodiscard]] Arithmetic inspect_arithmetic();

/// One line, for people and for comparing: "AMD EPYC, kernels AVX2, libtorch 1.13.0 (AVX2), OpenBLAS 0.3.21 (Haswell
/// kernels)".
[[nodiscard]] std::string kind_of(const Arithmetic& arithmetic);

/// The rest of the first line of `file` that begins with `key`, without leading colon and blanks: of /proc/cpuinfo.
[[nodiscard]] std::string line_after(const std::string& file, const std::string& key);

/// The text between `start` and the next of `ends`, in a text of libtorch's.
[[nodiscard]] std::string text_between(const std::string& text, const std::string& start, const char* ends);

}  // namespace stet
