#include "cloud_os/model_usage.h"

#include "sdk/openai_wire.h"

#include <algorithm>
#include <cmath>

namespace isa::cloud_os {
namespace {

constexpr std::size_t kKeptMax = 32 << 20;  // Bytes of a document, or of a line.
constexpr std::size_t kBytesPerToken = 4;
constexpr std::int64_t kTokensMax = 1'000'000'000'000;  // Of one call: sums stay sums.
constexpr double kTokensPerPrice = 1e6;
constexpr std::string_view kUsageComment = ": usage ";

// The fields in which a stream brings what the model says.
constexpr std::string_view kTextFields[] = {R"("content":")",      R"("text":")",
                                            R"("thinking":")",     R"("arguments":")",
                                            R"("partial_json":")", R"("reasoning_content":")"};

std::int64_t number_in(const json::object& from, std::string_view name) {
  const auto* field = from.if_contains(name);
  const auto* number = field ? field->if_int64() : nullptr;
  return number ? std::clamp<std::int64_t>(*number, 0, kTokensMax) : 0;
}

const json::object* object_in(const json::object& from, std::string_view name) {
  const auto* field = from.if_contains(name);
  return field ? field->if_object() : nullptr;
}

// Anthropic counts cached input beside the rest of it.
sdk::Usage usage_of(const json::object& from) {
  auto usage = sdk::openai::from_usage(from);
  if (from.contains("prompt_tokens")) return usage;
  usage.cached_input_tokens = number_in(from, "cache_read_input_tokens");
  usage.cache_write_tokens = number_in(from, "cache_creation_input_tokens");
  usage.input_tokens = number_in(from, "input_tokens") + usage.cached_input_tokens + usage.cache_write_tokens;
  usage.output_tokens = number_in(from, "output_tokens");
  return usage;
}

std::size_t string_length(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at, text.size());
}

// A quote that a backslash precedes belongs to a text.
std::size_t text_in(std::string_view line) {
  std::size_t bytes = 0;
  for (const auto field : kTextFields)
    for (auto at = line.find(field); at != std::string_view::npos; at = line.find(field, at + 1))
      if (at == 0 || line[at - 1] != '\\') bytes += string_length(line.substr(at + field.size()));
  return bytes;
}

// Many chunks have it and say nothing with it.
bool says_usage(std::string_view line) {
  constexpr std::string_view kName = "\"usage\":";
  for (auto at = line.find(kName); at != std::string_view::npos; at = line.find(kName, at + 1)) {
    const auto value = line.find_first_not_of(' ', at + kName.size());
    if (value != std::string_view::npos && line[value] == '{') return true;
  }
  return false;
}

std::int64_t tokens_of(std::size_t bytes) {
  return static_cast<std::int64_t>((bytes + kBytesPerToken - 1) / kBytesPerToken);
}

std::optional<double> price_in(const json::object& from, std::string_view name) {
  const auto* field = from.if_contains(name);
  return field && field->is_number() ? std::optional(field->to_number<double>()) : std::nullopt;
}

std::optional<Usd> cost_of(const sdk::Usage& usage, std::string_view pricing) {
  const auto document = pricing.empty() ? Result<json::value>(json::value()) : json::parse(pricing);
  const auto* prices = document ? document->if_object() : nullptr;
  const auto input = prices ? price_in(*prices, "input") : std::nullopt;
  const auto output = prices ? price_in(*prices, "output") : std::nullopt;
  if (!input || !output) return std::nullopt;
  return Usd::of_number((static_cast<double>(usage.input_tokens) * *input +
                         static_cast<double>(usage.output_tokens) * *output) /
                        kTokensPerPrice);
}

}  // namespace

void UsageReader::feed(std::string_view bytes) {
  if (!is_stream_) {
    line_.append(bytes.substr(0, kKeptMax - std::min(line_.size(), kKeptMax)));
    return;
  }
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto piece = bytes.substr(0, end);
    if (end != std::string_view::npos && line_.empty()) {
      read_line(piece);  // What stands in one piece is not copied.
    } else {
      line_.append(piece.substr(0, kKeptMax - std::min(line_.size(), kKeptMax)));
      if (end != std::string_view::npos) read_line(std::exchange(line_, {}));
    }
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
  }
}

void UsageReader::end() {
  if (!is_stream_) read_document(std::exchange(line_, {}));
}

void UsageReader::read_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.starts_with(kUsageComment)) {
    const auto document = json::parse(line.substr(kUsageComment.size()));
    if (document && document->is_object()) take(usage_of(document->get_object()), true);
    return;
  }
  if (!line.starts_with("data:") || is_whole_) return;
  line.remove_prefix(5);
  if (says_usage(line)) read_document(line);
  text_bytes_ += text_in(line);
}

void UsageReader::read_document(std::string_view text) {
  const auto document = json::parse(text);
  const auto* top = document ? document->if_object() : nullptr;
  if (!top) return;
  if (const auto* message = object_in(*top, "message"))  // The beginning of Anthropic's stream: input alone.
    if (const auto* usage = object_in(*message, "usage")) take(usage_of(*usage), false);
  if (const auto* usage = object_in(*top, "usage")) take(usage_of(*usage), true);
}

// Each number is a total, and a stream may say it more than once.
void UsageReader::take(const sdk::Usage& usage, bool is_whole) {
  const auto grow = [](std::int64_t& to, std::int64_t from) {
    to = std::max(to, std::min(from, kTokensMax));
  };
  grow(said_.input_tokens, usage.input_tokens);
  grow(said_.output_tokens, usage.output_tokens);
  grow(said_.cached_input_tokens, usage.cached_input_tokens);
  grow(said_.cache_write_tokens, usage.cache_write_tokens);
  grow(said_.reasoning_tokens, usage.reasoning_tokens);
  said_.estimated = said_.estimated || usage.estimated;
  if (usage.cost_usd && (!said_.cost_usd || *said_.cost_usd < *usage.cost_usd))
    said_.cost_usd = usage.cost_usd;
  is_whole_ = is_whole_ || is_whole;
}

sdk::Usage UsageReader::estimated(std::size_t request_bytes, std::string_view pricing) const {
  auto usage = said_;
  usage.estimated = true;
  if (usage.input_tokens == 0) usage.input_tokens = tokens_of(request_bytes);
  usage.output_tokens = std::max(usage.output_tokens, tokens_of(text_bytes_));
  usage.cost_usd = cost_of(usage, pricing);
  return usage;
}

}  // namespace isa::cloud_os
