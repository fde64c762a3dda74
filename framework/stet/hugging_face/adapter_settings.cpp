#include <stet/hugging_face/adapter_settings.hpp>

#include <stet/hugging_face/config_reader.hpp>

#include <fmt/format.h>

#include <cmath>
#include <cstring>

namespace stet {

namespace {
constexpr std::size_t longest_pattern = 1000, most_patterns = 4000;
}

ModulePattern::ModulePattern(std::string_view text, const std::string& where) {
  const auto refuse = [&](const std::string& received) {
    return Error(ErrorKind::data, "a pattern of modules that is not read")
        .at(where)
        .expected("names, dots, .*, .+ and \\d+, at most 1000 characters")
        .received(received)
        .hint("merge the adapter with the library that made it, and name the merged model");
  };
  if (text.empty() || text.size() > longest_pattern) throw refuse(fmt::format("{} characters", text.size()));
  for (std::size_t i = 0; i < text.size(); ++i) {
    Element element{Kind::character, text[i], false, false};
    if (text[i] == '.') {
      element.kind = Kind::any;
    } else if (text[i] == '\\' && i + 1 < text.size() &&
               (text[i + 1] == 'd' || std::ispunct(static_cast<unsigned char>(text[i + 1])) != 0)) {
      element.kind = text[++i] == 'd' ? Kind::digit : Kind::character;
      element.character = text[i];
    } else if (text[i] == '\0' || std::strchr("\\^$*+?()[]{}|", text[i]) != nullptr) {
      throw refuse("'" + std::string(text) + "'");
    }
    if (i + 1 < text.size() && (text[i + 1] == '*' || text[i + 1] == '+') && element.kind != Kind::character) {
      element.many = true;
      element.optional = text[++i] == '*';
    }
    elements_.push_back(element);
  }
}

bool ModulePattern::matches(std::string_view module) const {
  const std::size_t count = elements_.size();
  std::vector<bool> now(count + 1), next;  // how many elements are done: all ways at once
  for (std::size_t at = 0;; ++at) {
    if (at == 0 || module[at - 1] == '.') now[0] = true;
    for (std::size_t e = 0; e < count; ++e) {
      if (now[e] && elements_[e].optional) now[e + 1] = true;
    }
    if (at == module.size()) return now[count];
    next.assign(count + 1, false);
    for (std::size_t e = 0; e < count; ++e) {
      const Element& element = elements_[e];
      const bool fits = element.kind == Kind::any ||
                        (element.kind == Kind::digit && module[at] >= '0' && module[at] <= '9') ||
                        (element.kind == Kind::character && module[at] == element.character);
      if (!now[e] || !fits) continue;
      next[e + 1] = true;
      if (element.many) next[e] = true;
    }
    now.swap(next);
  }
}

namespace {

/// In the order of the file, in which PEFT looks through them.
std::vector<std::pair<ModulePattern, double>> read_patterns(const ConfigReader& config,
                                                            const std::filesystem::path& file, const char* key) {
  std::vector<std::pair<ModulePattern, double>> patterns;
  const std::optional<ConfigReader> object = config.object(key);
  if (!object) return patterns;
  if (object->json().size() > most_patterns)
    throw Error(ErrorKind::data, "too many patterns of modules")
        .at(object->file())
        .expected(fmt::format("at most {}", most_patterns))
        .received(fmt::format("{}", object->json().size()));
  nlohmann::ordered_json ordered;
  try {
    ordered = nlohmann::ordered_json::parse(read_file(file));
  } catch (const nlohmann::json::exception& error) {  // numbers that are none
    throw Error(ErrorKind::data, "not JSON").at(file.string()).received(error.what());
  }
  for (const auto& [pattern, value] : ordered[key].items()) {
    ModulePattern matcher(pattern, object->file());
    if (!value.is_number())
      throw Error(ErrorKind::data, "a pattern of modules without a number")
          .at(object->file())
          .received("'" + pattern + "': " + excerpt(value));
    patterns.emplace_back(std::move(matcher), value.get<double>());
  }
  return patterns;
}

double of_module(const std::vector<std::pair<ModulePattern, double>>& patterns, const std::string& module,
                 double otherwise) {
  for (const auto& [pattern, value] : patterns) {
    if (pattern.matches(module)) return value;
  }
  return otherwise;
}

}  // namespace

AdapterSettings::AdapterSettings(const std::filesystem::path& file) : file_(file.string()) {
  using Json = nlohmann::json;
  const ConfigReader config(file);
  static_cast<void>(config.get<std::string>("peft_type"));  // must be there
  config.expect("peft_type", {"LORA"});
  config.expect("bias", {"none"});
  config.expect("modules_to_save", {Json::array()});
  config.expect("init_lora_weights", {true, false, "gaussian", "orthogonal"});  // others change the base's weights
  for (const char* other : {"use_dora", "lora_bias"}) config.expect(other, {false});
  for (const char* other :
       {"layer_replication", "target_parameters", "alora_invocation_tokens", "trainable_token_indices"})
    config.expect(other, {Json::array()});
  alpha_ = config.get<double>("lora_alpha", 8.0);
  rank_ = config.get<std::int64_t>("r", 8);
  rank_scaled_ = config.get<bool>("use_rslora", false);
  alphas_ = read_patterns(config, file, "alpha_pattern");
  ranks_ = read_patterns(config, file, "rank_pattern");
}

double AdapterSettings::scale(const std::string& module, std::int64_t rank) const {
  const double set = of_module(ranks_, module, static_cast<double>(rank_));
  if (set != static_cast<double>(rank)) {
    throw Error(ErrorKind::data, "the factors of an adapter are not of the rank that is set")
        .at(file_ + ", " + module)
        .expected(fmt::format("rank {} (r, rank_pattern)", set))
        .received(fmt::format("rank {}", rank));
  }
  const double alpha = of_module(alphas_, module, alpha_), scale = alpha / (rank_scaled_ ? std::sqrt(set) : set);
  if (std::isfinite(static_cast<float>(scale)) && scale != 0) return scale;
  throw Error(ErrorKind::data,
              scale == 0 ? "an adapter that is scaled by nothing" : "an adapter that is scaled beyond all numbers")
      .at(file_ + ", " + module)
      .received(fmt::format("lora_alpha {}", alpha));
}

}  // namespace stet
