#include "model/output_format.h"

#include "base/log.h"
#include "sdk/structured_output.h"

#include <algorithm>
#include <array>

namespace isa::model {
namespace {

using sdk::ChatRequest;
using sdk::ChatRole;

constexpr std::size_t kModelsMax = 256;
constexpr std::size_t kRefusalsMax = 32;  // Of one model.
constexpr auto kForgetAfter = std::chrono::hours(1);

const json::object* object_in(const json::object& from, std::string_view name) {
  const auto* field = from.if_contains(name);
  return field ? field->if_object() : nullptr;
}

// "" for a form that nobody could put into words.
std::string in_words(const json::object& format) {
  const auto* named = object_in(format, "json_schema");
  if (const auto* schema = named ? object_in(*named, "schema") : nullptr)
    return sdk::structured_output_prompt(*schema);
  return "Your last message must be one JSON object, and nothing else.";
}

void take_out(ChatRequest& request) {
  request.response_format.reset();
  request.extra.erase("response_format");  // OpenAI's dialect.
  request.extra.erase("output_format");    // Anthropic's, before it had
  if (const auto* config = object_in(request.extra, "output_config")) {
    auto rest = *config;
    rest.erase("format");
    if (rest.empty())
      request.extra.erase("output_config");
    else
      request.extra["output_config"] = std::move(rest);
  }
}

json::object text_block(const std::string& text) {
  json::object block;
  block["type"] = "text";
  block["text"] = text;
  return block;
}

// A caller's own messages win over the common form of them: they have to say it, too.
void add_to_extra(ChatRequest& request, std::size_t index, const std::string& words) {
  if (request.extra_dialect == "anthropic") {
    auto* system = request.extra.if_contains("system");
    if (auto* blocks = system ? system->if_array() : nullptr) blocks->push_back(text_block(words));
    if (auto* text = system ? system->if_string() : nullptr) text->append("\n\n" + words);
    return;
  }
  auto* messages = request.extra.if_contains("messages");
  auto* list = messages ? messages->if_array() : nullptr;
  if (!list) return;
  json::object message;
  message["role"] = "system";
  message["content"] = words;
  list->insert(list->begin() + static_cast<std::ptrdiff_t>(std::min(index, list->size())),
               std::move(message));
}

// Words of the refusals of OpenAI, Anthropic, and servers that are compatible with them; "grammar" is what a
// server makes of a schema.
bool is_about_format(const Error& error) {
  if (error.kind() != ErrorKind::validation_error && error.kind() != ErrorKind::invalid_request) return false;
  auto text = error.message() + " " + error.param();
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; });
  static constexpr std::array<std::string_view, 10> kWords{
      "response_format", "response format", "output_config",     "output_format", "output format",
      "json_schema",     "json_object",     "structured output", "grammar",       "response mime type"};
  return std::ranges::any_of(kWords, [&](auto word) { return text.find(word) != std::string::npos; });
}

}  // namespace

bool asks_for_format(const ChatRequest& request) {
  if (!request.response_format) return false;
  const auto* type = request.response_format->if_contains("type");
  return type && (*type == "json_schema" || *type == "json_object");
}

void say_format_in_prompt(ChatRequest& request) {
  if (!asks_for_format(request)) return;
  const auto words = in_words(*request.response_format);
  take_out(request);
  auto& messages = request.messages;
  const auto is_said = [&](const sdk::Message& message) {
    return message.role == ChatRole::system && message.text().find(words) != std::string::npos;
  };
  if (std::ranges::any_of(messages, is_said)) return;
  const auto at = std::ranges::find_if(
      messages, [](const sdk::Message& message) { return message.role != ChatRole::system; });
  const auto index = static_cast<std::size_t>(at - messages.begin());
  messages.insert(at, sdk::Message::make(ChatRole::system, words));
  add_to_extra(request, index, words);
}

bool FormatMemory::is_refused(const std::string& model, std::size_t format, Time now) const {
  const auto found = models_.find(model);
  if (found == models_.end()) return false;
  std::size_t fresh = 0;
  for (const auto& refusal : found->second.refusals) {
    if (now - refusal.at > kForgetAfter) continue;
    if (refusal.format == format) return true;
    ++fresh;
  }
  return fresh >= 2 && !found->second.took_one;
}

FormatMemory::Model& FormatMemory::model_of(const std::string& name, Time now) {
  if (models_.size() >= kModelsMax && !models_.contains(name))
    models_.erase(std::ranges::min_element(models_, {}, [](const auto& entry) { return entry.second.last; }));
  auto& model = models_[name];
  model.last = now;
  return model;
}

void FormatMemory::note_refused(const std::string& model, std::size_t format, Time now) {
  auto& refusals = model_of(model, now).refusals;
  std::erase_if(refusals, [&](const Refusal& refusal) {
    return refusal.format == format || now - refusal.at > kForgetAfter;
  });
  if (refusals.size() >= kRefusalsMax) refusals.erase(refusals.begin());
  refusals.push_back({format, now});
}

void FormatMemory::note_taken(const std::string& model, Time now) {
  model_of(model, now).took_one = true;
}

Task<Result<std::unique_ptr<ChatStream>>> open_answer(Provider& provider, ChatRequest request,
                                                      Deadline deadline, FormatMemory& memory) {
  if (!asks_for_format(request)) co_return co_await provider.open(std::move(request), deadline);
  const auto model = fmt::format("{}/{}", provider.name(), request.model);
  const auto format = std::hash<std::string>()(json::serialize(*request.response_format));
  auto in_prompt = request;
  say_format_in_prompt(in_prompt);
  if (memory.is_refused(model, format, Deadline::Clock::now()))
    co_return co_await provider.open(std::move(in_prompt), deadline);
  const std::string trace_id(request.trace.id());
  auto stream = co_await provider.open(std::move(request), deadline);
  if (stream) memory.note_taken(model, Deadline::Clock::now());
  if (stream || !is_about_format(stream.error())) co_return stream;
  log::info("model.format_refused", {{"trace_id", trace_id}, {"model", model}});
  auto without = co_await provider.open(std::move(in_prompt), deadline);
  if (without) memory.note_refused(model, format, Deadline::Clock::now());
  co_return without;
}

}  // namespace isa::model
