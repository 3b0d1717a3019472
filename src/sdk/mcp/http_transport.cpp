#include "sdk/mcp/http_transport.h"

#include "base/log.h"
#include "base/task_group.h"
#include "net/sse.h"

namespace isa::sdk::mcp {
namespace {

constexpr std::chrono::seconds kGoodbye{2};
constexpr std::chrono::milliseconds kRetryDefault{1'000};
constexpr std::chrono::milliseconds kRetryMax{30'000};
constexpr int kResumesMax = 16;          // Of one answer; each may bring nothing.
constexpr std::size_t kNoticesMax = 16;  // Cancellations on their way.
constexpr std::size_t kSessionMax = 1024;
constexpr std::chrono::seconds kListenHead{2};  // A server may hold back the head until it has news.
constexpr std::chrono::hours kListenSilence{24};
constexpr int kAuthorizationsMax = 2;  // Of one call: a server may ask for more scopes, but not forever.

bool is_event_stream(const net::Headers& headers) {
  return headers.get("Content-Type").starts_with("text/event-stream");
}

// Of status_error(), whose detail is the challenge then.
bool wants_token(const Error& error) {
  return error.code() == "http_401" ||
         (error.code() == "http_403" && error.detail().contains("insufficient_scope"));
}

class HttpTransport final : public Transport {
 public:
  HttpTransport(const asio::any_io_executor& executor, net::Client& client, HttpServer server)
      : client_(client), server_(std::move(server)), tasks_(executor) {}

  void start(Listener& listener) override { listener_ = &listener; }
  void speak(const Protocol& protocol) override {
    protocol_ = protocol;
    if (protocol.version.empty() || protocol.era == Era::modern) session_.clear();  // A beginning.
  }
  bool is_http() const override { return true; }
  std::optional<Error> failure() const override { return std::nullopt; }
  Task<Result<Frame>> call(Call call) override;
  Task<Result<void>> notify(std::string method, json::object params, Deadline deadline) override;
  Task<void> close() override;

 private:
  // A legacy server works on when its stream breaks off: it must be told.
  struct Open {
    Open(HttpTransport& of, std::int64_t call, bool may_cancel)
        : transport(of), id(call), is_legacy(may_cancel && of.protocol_.era == Era::legacy) {}
    Open(const Open&) = delete;
    ~Open() {
      if (is_legacy && !is_answered) transport.tell_cancelled(id);
    }
    HttpTransport& transport;
    std::int64_t id;
    bool is_legacy;
    bool is_answered = false;
  };

  net::ClientRequest request_of(net::Method method, std::string body) const;
  Task<Result<Frame>> call_once(const Call& call);
  Task<Result<void>> post_notice(std::string text, std::string method, Deadline deadline);
  void tell_cancelled(std::int64_t id);
  Task<Result<Frame>> read_answer(net::OpenResponse response, const Call& call);
  Task<Result<Frame>> read_status(net::OpenResponse response, const Call& call);
  Task<Result<Frame>> read_streams(std::unique_ptr<net::BodyStream> body, const Call& call);
  Task<Result<std::optional<Frame>>> read_stream(net::SseReader& events, const Call& call);
  Task<Result<std::unique_ptr<net::BodyStream>>> resume(const std::string& after, const Call& call);
  Task<Result<void>> take(Frame frame, Deadline deadline);
  Task<void> start_listening(Deadline deadline);
  Task<void> listen(std::unique_ptr<net::BodyStream> body);
  Error status_error(int status, const net::Headers& headers, std::string_view body) const;

  net::Client& client_;
  HttpServer server_;
  Listener* listener_ = nullptr;
  Protocol protocol_;
  std::string session_;                                   // Of a legacy server that gave one.
  std::shared_ptr<asio::cancellation_signal> listening_;  // Ends the stream of the session before.
  bool is_closing_ = false;
  TaskGroup tasks_;
};

net::ClientRequest HttpTransport::request_of(net::Method method, std::string body) const {
  net::ClientRequest request;
  request.method = method;
  request.target = server_.target;
  request.origin = server_.origin;
  request.peer = fmt::format("the MCP server '{}'", server_.name);
  request.headers = server_.headers;
  request.headers.set(
      "Accept", method == net::Method::post ? "application/json, text/event-stream" : "text/event-stream");
  if (method == net::Method::post) request.headers.set("Content-Type", "application/json");
  if (!protocol_.version.empty()) request.headers.set("MCP-Protocol-Version", protocol_.version);
  if (!session_.empty()) request.headers.set("MCP-Session-Id", session_);
  request.body = std::move(body);
  return request;
}

Task<Result<Frame>> HttpTransport::call(Call call) {
  for (int authorizations = 0;; ++authorizations) {
    auto result = co_await call_once(call);
    if (result || !server_.authorize || authorizations >= kAuthorizationsMax || !wants_token(result.error()))
      co_return result;
    ISA_CO_TRY(const auto token, co_await server_.authorize(result.error().detail()));
    server_.headers.set("Authorization", "Bearer " + token);
  }
}

Task<Result<Frame>> HttpTransport::call_once(const Call& call) {
  auto request = request_of(net::Method::post, request_text(call.id, call.method, call.params));
  if (protocol_.era == Era::modern) {
    request.headers.set("Mcp-Method", call.method);
    for (const auto& [name, value] : call.headers) request.headers.set(name, value);
  }
  Open open(*this, call.id, call.method != "initialize");
  auto answer = [](HttpTransport& self, net::ClientRequest http, const Call& of) -> Task<Result<Frame>> {
    const auto head = of.deadline.tightened(of.silence);
    ISA_CO_TRY(auto response, co_await self.client_.open(self.server_.to, std::move(http), head, of.silence));
    co_return co_await self.read_answer(std::move(response), of);
  };
  auto task = answer(*this, std::move(request), call);
  auto result = co_await with_deadline(
      call.deadline, std::move(task),
      fmt::format("the MCP server '{}' did not answer {} in time", server_.name, call.method));
  open.is_answered = result.has_value() || result.error().kind() != ErrorKind::timeout;
  co_return result;
}

Task<Result<Frame>> HttpTransport::read_answer(net::OpenResponse response, const Call& call) {
  if (call.method == "initialize" && response.status == 200) {
    const auto session = response.headers.get("MCP-Session-Id");
    if (session.size() <= kSessionMax) session_ = session;
  }
  if (response.status == 200 && is_event_stream(response.headers))
    co_return co_await read_streams(std::move(response.body), call);
  co_return co_await read_status(std::move(response), call);
}

// One message, or no message at all but a status. Errors of the protocol come with statuses of their own.
Task<Result<Frame>> HttpTransport::read_status(net::OpenResponse response, const Call& call) {
  ISA_CO_TRY(const auto text, co_await net::read_all(*response.body, kFrameMax));
  auto frame = parse_frame(text);
  const bool is_refusal = frame && frame->kind == Frame::Kind::error && frame->id.is_null();
  if (frame && (frame->answers(call.id) || is_refusal) && response.status != 401 && response.status != 403) {
    // A session that has ended may be said so in JSON, too.
    if (response.status == 404 && !session_.empty())
      co_return status_error(response.status, response.headers, text);
    co_return *std::move(frame);
  }
  if (response.status != 200) co_return status_error(response.status, response.headers, text);
  co_return upstream_error("the MCP server '{}' answered {} by {}", server_.name, call.method,
                           frame ? "a message that is no answer to it" : frame.error().message());
}

// Until the answer is there. A legacy server may end a stream early and go on with it when asked (SEP-1699).
Task<Result<Frame>> HttpTransport::read_streams(std::unique_ptr<net::BodyStream> body, const Call& call) {
  std::string last_id;
  auto wait = kRetryDefault;
  for (int resumes = 0;; ++resumes) {
    net::SseReader events(std::move(body));
    auto frame = co_await read_stream(events, call);
    if (frame && *frame) co_return **std::move(frame);
    const auto& parser = events.parser();
    if (!parser.last_id().empty()) last_id = parser.last_id();
    wait = std::min(parser.retry().value_or(wait), kRetryMax);
    const bool may_resume = protocol_.era == Era::legacy && !last_id.empty() && resumes < kResumesMax;
    if (!frame && (!may_resume || frame.error().kind() != ErrorKind::upstream_error))
      co_return Failure(std::move(frame).error());
    if (!may_resume)
      co_return upstream_error("the MCP server '{}' ended its stream before it answered {}", server_.name,
                               call.method);
    co_await sleep_for(wait);
    ISA_CO_TRY(body, co_await resume(last_id, call));
  }
}

// Nothing when the stream ends without the answer.
Task<Result<std::optional<Frame>>> HttpTransport::read_stream(net::SseReader& events, const Call& call) {
  for (;;) {
    ISA_CO_TRY(auto event, co_await events.next());
    if (!event) co_return std::optional<Frame>();
    if (event->data.empty() || !(event->event.empty() || event->event == "message")) continue;
    auto frame = parse_frame(event->data);
    if (!frame)
      co_return invalid_request("the MCP server '{}' sent {}", server_.name, frame.error().message());
    if (frame->answers(call.id)) co_return std::optional(*std::move(frame));
    ISA_CO_TRYV(co_await take(*std::move(frame), call.deadline));
  }
}

Task<Result<std::unique_ptr<net::BodyStream>>> HttpTransport::resume(const std::string& after,
                                                                     const Call& call) {
  auto request = request_of(net::Method::get, "");
  request.headers.set("Last-Event-ID", after);
  const auto head = call.deadline.tightened(call.silence);
  ISA_CO_TRY(auto response, co_await client_.open(server_.to, std::move(request), head, call.silence));
  if (response.status == 200 && is_event_stream(response.headers)) co_return std::move(response.body);
  co_return status_error(response.status, response.headers, "");
}

Task<Result<void>> HttpTransport::take(Frame frame, Deadline deadline) {
  if (frame.kind == Frame::Kind::notification) listener_->on_notification(frame);
  if (frame.kind != Frame::Kind::request || protocol_.era == Era::modern) co_return ok();
  auto text = co_await listener_->on_request(std::move(frame));
  co_return co_await post_notice(std::move(text), "", deadline);
}

Task<Result<void>> HttpTransport::notify(std::string method, json::object params, Deadline deadline) {
  const bool is_beginning = method == "notifications/initialized";
  auto text = notification_text(method, params);
  ISA_CO_TRYV(co_await post_notice(std::move(text), std::move(method), deadline));
  // Before the first call: what a server asks while nobody listens is lost.
  if (is_beginning && server_.listens) co_await start_listening(deadline);
  co_return ok();
}

// A server need not have such a stream; everything else goes on without.
Task<void> HttpTransport::start_listening(Deadline deadline) {
  if (listening_) listening_->emit(asio::cancellation_type::all);
  listening_ = nullptr;
  auto request = request_of(net::Method::get, "");
  auto response =
      co_await client_.open(server_.to, std::move(request), deadline.tightened(kListenHead), kListenSilence);
  const bool is_stream = response && response->status == 200 && is_event_stream(response->headers);
  if (!is_stream) {
    log::debug("mcp.not_listening", {{"server", server_.name}});
    co_return;
  }
  listening_ = std::make_shared<asio::cancellation_signal>();
  tasks_.spawn("mcp listen", listen(std::move(response->body)), listening_);
}

Task<void> HttpTransport::listen(std::unique_ptr<net::BodyStream> body) {
  Call call;  // Its answer never comes: what is read are notifications and requests.
  call.id = -1;
  call.method = "the stream of messages";
  call.silence = kListenSilence;
  const auto ended = co_await read_streams(std::move(body), call);
  log::debug("mcp.stopped_listening",
             {{"server", server_.name}, {"message", ended ? "an answer" : ended.error().message()}});
}

// Also of answers to a server's requests, which have no method.
Task<Result<void>> HttpTransport::post_notice(std::string text, std::string method, Deadline deadline) {
  auto request = request_of(net::Method::post, std::move(text));
  if (protocol_.era == Era::modern && !method.empty()) request.headers.set("Mcp-Method", std::move(method));
  ISA_CO_TRY(const auto response, co_await client_.send(server_.to, std::move(request), deadline));
  if (response.status >= 200 && response.status < 300) co_return ok();
  co_return status_error(response.status, response.headers, response.body);
}

void HttpTransport::tell_cancelled(std::int64_t id) {
  if (is_closing_ || tasks_.size() >= kNoticesMax) return;
  const auto tell = [](HttpTransport& self, std::int64_t call) -> Task<void> {
    json::object params{{"requestId", call}, {"reason", "the caller stopped waiting"}};
    auto text = notification_text("notifications/cancelled", params);
    const auto told =
        co_await self.post_notice(std::move(text), "notifications/cancelled", Deadline::after(kGoodbye));
    if (!told) log::debug("mcp.cancel_not_told", {{"message", told.error().message()}});
  };
  tasks_.spawn("mcp cancel", tell(*this, id));
}

Error HttpTransport::status_error(int status, const net::Headers& headers, std::string_view body) const {
  const auto code = fmt::format("http_{}", status);
  if (status == 404 && !session_.empty())
    return upstream_error("the MCP server '{}' has forgotten this session", server_.name)
        .with_code("mcp_session_lost");
  if (status == 401) {
    const auto what = server_.secret.empty() ? std::string("name a secret in `headers_secret`")
                                             : fmt::format("check the secret '{}'", server_.secret);
    return unauthorized(
               "the MCP server '{}' wants credentials: {}, and set it with PUT /api/v1/secrets/<name> "
               "for that host, with a header such as \"Authorization: Bearer {{}}\"",
               server_.name, what)
        .with_code(code)
        .with_detail(std::string(headers.get("WWW-Authenticate")));
  }
  // Of the way out of a sandbox (docs/decisions/0008-the-way-out.md), in our own envelope.
  const auto own = net::error_of(status, body);
  const bool is_told = headers.get("Content-Type").starts_with("application/json") && !own.message().empty();
  return upstream_error("the MCP server '{}' answered with status {}{}", server_.name, status,
                        is_told ? ": " + own.message().substr(0, 500) : std::string())
      .with_code(code)
      .with_detail(std::string(headers.get("WWW-Authenticate")));
}

Task<void> HttpTransport::close() {
  is_closing_ = true;
  if (!session_.empty()) {
    auto request = request_of(net::Method::del, "");
    auto ended = co_await client_.send(server_.to, std::move(request), Deadline::after(kGoodbye));
    if (!ended) log::debug("mcp.session_not_ended", {{"message", ended.error().message()}});
  }
  co_await tasks_.stop();
}

}  // namespace

std::unique_ptr<Transport> make_http_transport(const asio::any_io_executor& executor, net::Client& client,
                                               HttpServer server) {
  return std::make_unique<HttpTransport>(executor, client, std::move(server));
}

}  // namespace isa::sdk::mcp
