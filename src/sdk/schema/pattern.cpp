#include "sdk/schema/pattern.h"

#include "sdk/schema/ecma_regex.h"

#include <re2/re2.h>

namespace isa::sdk::schema {
namespace {

constexpr std::size_t kPatternMax = 4096;  // Bytes.

RE2::Options regex_options() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(1 << 20);  // Of the compiled form; one that needs more is refused.
  return options;
}

Error unusable(std::string_view pattern, std::string_view why) {
  return validation_error("the pattern '{}' cannot be used: {}", pattern, why);
}

}  // namespace

Result<Pattern> Pattern::parse(std::string_view ecma) {
  if (ecma.size() > kPatternMax)
    return unusable(ecma.substr(0, 40), fmt::format("it has more than {} bytes", kPatternMax));
  const auto translated = to_re2(ecma);
  if (!translated) return unusable(ecma, translated.error().message());
  auto regex = std::make_shared<const RE2>(*translated, regex_options());
  if (!regex->ok()) return unusable(ecma, regex->error());
  return Pattern(std::move(regex));
}

bool Pattern::is_found_in(std::string_view text) const {
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *regex_);
}

std::size_t Pattern::size() const {
  return static_cast<std::size_t>(regex_->ProgramSize());
}

}  // namespace isa::sdk::schema
