#include <stet/model/arithmetic.hpp>

#include <stet/model/kernels_cpu.hpp>
#include <stet/model/torch.hpp>

#include <ATen/Version.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>

namespace stet {

namespace {

namespace fs = std::filesystem;

/// The shared object that a symbol of the process comes from; empty if there is no such symbol.
std::string home_of(const char* symbol) {
  Dl_info info{};
  void* address = dlsym(RTLD_DEFAULT, symbol);
  if (address == nullptr || dladdr(address, &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code error;
  const fs::path real = fs::canonical(info.dli_fname, error);
  return error ? std::string(info.dli_fname) : real.string();
}

std::string call_text(const char* symbol) {
  using Function = const char* (*)();
  const auto function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, symbol));
  const char* text = function == nullptr ? nullptr : function();
  return text == nullptr ? std::string() : std::string(text);
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

void inspect_blas(Arithmetic& result) {
  result.blas_file = home_of("sgemm_");
  const std::string config = call_text("openblas_get_config"), core = call_text("openblas_get_corename");
  if (at::hasMKL()) {
    result.blas = "MKL";
  } else if (!config.empty() &&
             (contains(result.blas_file, "openblas") || result.blas_file == home_of("openblas_get_config"))) {
    // "OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64"
    result.blas = config.substr(0, config.find(' ', config.find(' ') + 1)) + " (" + core + " kernels)";
  } else if (contains(result.blas_file, "blis")) {
    result.blas = "BLIS";
  } else if (contains(result.blas_file, "mkl")) {
    result.blas = "MKL";
  } else if (contains(result.blas_file, "/blas/libblas.so") || contains(result.blas_file, "libblas.so")) {
    result.blas = "reference BLAS";
    result.reference_blas = true;
  } else {
    result.blas = "unknown BLAS";
  }
}

}  // namespace

std::string line_after(const std::string& file, const std::string& key) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) continue;
    const std::size_t start = line.find_first_not_of(": \t", key.size());
    return start == std::string::npos ? std::string() : line.substr(start);
  }
  return {};
}

std::string text_between(const std::string& text, const std::string& start, const char* ends) {
  const std::size_t at = text.find(start);
  if (at == std::string::npos) return {};
  const std::size_t from = at + start.size();
  return text.substr(from, text.find_first_of(ends, from) - from);
}

Arithmetic inspect_arithmetic() {
  Arithmetic result;
  result.cpu = line_after("/proc/cpuinfo", "model name");
  result.kernel_simd = kernels::compiled_for();
  result.aten_simd = text_between(at::show_config(), "CPU capability usage: ", "\n");
  result.torch_version = TORCH_VERSION;
  inspect_blas(result);
  return result;
}

std::string kind_of(const Arithmetic& a) {
  return fmt::format("{}, kernels {}, libtorch {} ({}), {}", a.cpu.empty() ? "unknown processor" : a.cpu, a.kernel_simd,
                     a.torch_version, a.aten_simd.empty() ? "unknown" : a.aten_simd, a.blas);
}

}  // namespace stet
