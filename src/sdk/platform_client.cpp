#include "sdk/platform_client.h"

#include "net/sse.h"

#include <algorithm>

namespace isa::sdk {
namespace {

constexpr std::size_t kAnswerMax = 1 << 20;
constexpr std::chrono::seconds kTimeout{60};
constexpr std::chrono::minutes kToolTimeout{10};
constexpr int kReconnectsMax = 20;  // In a row, without an event between them.
constexpr std::chrono::milliseconds kReconnectWait{250};

std::string string_at(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

std::shared_ptr<Tool> tool_asked_for(const Event& event, const std::vector<std::shared_ptr<Tool>>& tools) {
  if (event.type != EventType::hil_request || string_at(event.metadata, "kind") != "tool") return nullptr;
  // Only the platform names its questions; it drops what an agent says to be one, which would not be
  // answered.
  if (string_at(event.metadata, "request_id").empty()) return nullptr;
  const auto name = string_at(event.metadata, "tool");
  const auto found = std::ranges::find_if(tools, [&](const auto& tool) { return tool->spec().name == name; });
  return found == tools.end() ? nullptr : *found;
}

bool is_worth_another_try(const Error& error) {
  return is_retryable(error.kind()) || error.kind() == ErrorKind::upstream_error;
}

json::object body_of(const PlatformChat& chat) {
  json::object body{{"message", chat.message}, {"stream", true}};
  const auto set = [&](std::string_view name, const std::optional<std::string>& value) {
    if (value) body[name] = *value;
  };
  set("agent_config_id", chat.agent_config_id);
  set("session_id", chat.session_id);
  set("model", chat.model);
  set("env", chat.env);
  if (chat.tools.empty()) return body;
  json::array tools;
  for (const auto& tool : chat.tools) tools.push_back(json::write(tool->spec()));
  body["client_tools"] = std::move(tools);
  return body;
}

}  // namespace

struct PlatformClient::Impl {
  Impl(asio::any_io_executor executor, PlatformOptions given, net::TlsConnector* tls)
      : options(std::move(given)), client({}, tls), chats(executor) {}

  // How far a run was followed.
  struct Place {
    std::string run_id;
    std::int64_t seq = 0;
    bool is_over = false;
  };

  net::ClientRequest request(net::Method method, std::string path) const;
  Task<void> follow(PlatformChat chat, std::shared_ptr<EventStream::Source> to);
  Task<Result<net::OpenResponse>> open(const PlatformChat& chat, const std::string& key, const Place& place);
  Task<Result<void>> read(net::OpenResponse from, const PlatformChat& chat, Place& place,
                          EventStream::Source& to);
  Task<void> run_tool(const Event& question, std::string run_id, std::shared_ptr<Tool> tool);
  Task<Result<void>> decide(std::string run_id, std::string request_id, json::object body);

  PlatformOptions options;
  net::Client client;
  TaskGroup chats;
};

net::ClientRequest PlatformClient::Impl::request(net::Method method, std::string path) const {
  net::ClientRequest request;
  request.method = method;
  request.target = options.url.prefix + path;
  request.headers = options.headers;
  request.headers.set("Content-Type", "application/json");
  request.peer = "the platform";
  return request;
}

Task<Result<net::OpenResponse>> PlatformClient::Impl::open(const PlatformChat& chat, const std::string& key,
                                                           const Place& place) {
  auto ask = place.run_id.empty()
                 ? request(net::Method::post, "/api/v1/agents/chat")
                 : request(net::Method::get,
                           fmt::format("/api/v1/agents/runs/{}/events?after={}", place.run_id, place.seq));
  ask.headers.set("Accept", "text/event-stream");
  if (place.run_id.empty()) {
    ask.headers.set("Idempotency-Key", key);  // The same chat, however often it has to be sent.
    ask.body = json::serialize(body_of(chat));
  }
  ISA_CO_TRY(auto answer,
             co_await client.open(options.url.endpoint, std::move(ask), Deadline::after(kTimeout)));
  if (answer.status == 200) co_return answer;
  const auto text = co_await net::read_all(*answer.body, kAnswerMax);
  co_return net::error_of(answer.status, text ? *text : std::string());
}

Task<Result<void>> PlatformClient::Impl::read(net::OpenResponse from, const PlatformChat& chat, Place& place,
                                              EventStream::Source& to) {
  net::SseReader events(std::move(from.body));
  for (;;) {
    ISA_CO_TRY(auto frame, co_await events.next());
    if (!frame) co_return upstream_error("the platform's stream broke off");
    if (frame->data == "[DONE]") break;
    ISA_CO_TRY(auto event, event_from_wire(frame->data));
    if (const auto colon = frame->id.rfind(':'); colon != std::string::npos) {
      place.run_id = frame->id.substr(0, colon);
      place.seq = std::strtoll(frame->id.c_str() + colon + 1, nullptr, 10);
    }
    if (event.type == EventType::session_end) continue;  // The result is the last event of a stream.
    place.is_over = place.is_over || event.is_terminal();
    const auto tool = tool_asked_for(event, chat.tools);
    const auto question = tool ? event : Event{};  // Tokens, of which there are many, are not copied.
    ISA_CO_TRYV(co_await to.push(std::move(event)));
    if (tool) co_await run_tool(question, place.run_id, tool);
  }
  co_return ok();
}

Task<void> PlatformClient::Impl::run_tool(const Event& question, std::string run_id,
                                          std::shared_ptr<Tool> tool) {
  json::object arguments;
  if (const auto* args = question.metadata.if_contains("args"); args && args->is_object())
    arguments = args->get_object();
  auto output = co_await tool->call(std::move(arguments), Deadline::after(kToolTimeout));
  const json::object body{{"decision", output.is_error ? "deny" : "approve"},
                          {"text", std::move(output.text)}};
  const auto request_id = string_at(question.metadata, "request_id");
  for (int attempt = 1; attempt <= kReconnectsMax; ++attempt) {
    const auto decided = co_await decide(run_id, request_id, body);
    // Otherwise somebody else has decided, or the question has expired: the run says so by itself.
    if (decided || !is_worth_another_try(decided.error())) co_return;
    co_await sleep_for(kReconnectWait * attempt);
  }
}

Task<void> PlatformClient::Impl::follow(PlatformChat chat, std::shared_ptr<EventStream::Source> to) {
  struct Ending {
    EventStream::Source& to;
    ~Ending() { to.close(); }
  } ending{*to};
  const auto key = "sdk-" + make_ulid();
  Place place;
  Result<void> end = ok();
  auto last_seq = place.seq;
  for (int failures = 0; !place.is_over && failures < kReconnectsMax; ++failures) {
    if (failures > 0) co_await sleep_for(kReconnectWait * failures);
    auto opened = co_await open(chat, key, place);
    if (opened)
      end = co_await read(*std::move(opened), chat, place, *to);
    else
      end = std::move(opened).error();
    if (!end && !is_worth_another_try(end.error())) break;
    if (std::exchange(last_seq, place.seq) != place.seq) failures = 0;
  }
  if (place.is_over) co_return;
  auto failed = error_event(std::string(end ? "upstream_error" : end.error().code()),
                            end ? "the run ended without a result" : end.error().message(), false);
  std::ignore = co_await to->push(std::move(failed));
}

Task<Result<void>> PlatformClient::Impl::decide(std::string run_id, std::string request_id,
                                                json::object body) {
  auto ask =
      request(net::Method::post, fmt::format("/api/v1/agents/runs/{}/approvals/{}", run_id, request_id));
  ask.body = json::serialize(body);
  ISA_CO_TRY(const auto answer,
             co_await client.send(options.url.endpoint, std::move(ask), Deadline::after(kTimeout)));
  if (answer.status != 200) co_return net::error_of(answer.status, answer.body);
  co_return ok();
}

PlatformClient::PlatformClient(asio::any_io_executor executor, PlatformOptions options,
                               net::TlsConnector* tls)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(options), tls)) {}
PlatformClient::~PlatformClient() = default;

EventStream PlatformClient::chat(PlatformChat chat) {
  auto source = std::make_shared<EventStream::Source>(impl_->chats.executor());
  impl_->chats.spawn("chat", impl_->follow(std::move(chat), source), source->cancellation());
  return EventStream(std::move(source));
}

Task<Result<void>> PlatformClient::decide(std::string run_id, std::string request_id, json::object body) {
  return impl_->decide(std::move(run_id), std::move(request_id), std::move(body));
}

Task<void> PlatformClient::stop() {
  co_await impl_->chats.stop();
}

}  // namespace isa::sdk
