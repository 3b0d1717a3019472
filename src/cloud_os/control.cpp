// Exec and files: what the runtime in a sandbox serves, passed on to who may ask for it.
#include "base/log.h"
#include "cloud_os/service.h"
#include "net/sse.h"

#include <stdexcept>

namespace isa::cloud_os {
namespace {

// A paused sandbox, and a command without output, may be silent for long; a sandbox that dies is noticed at
// once, because its end of the connection closes.
constexpr std::chrono::hours kSilenceMax{24};
constexpr std::size_t kAnswerMax = 16 << 20;  // Bytes of one that is not streamed: lists of files.
constexpr std::size_t kEventMax = 4 << 20;    // Bytes of one event: a runtime that lies may never end it.

constexpr std::string_view kPassedIn[] = {"Content-Type",  "Accept",      "Range",
                                          "Last-Event-ID", "traceparent", "tracestate"};
constexpr std::string_view kPassedOut[] = {"Content-Type",  "Content-Range", "Accept-Ranges",
                                           "Cache-Control", "Retry-After",   "X-Accel-Buffering"};

template <std::size_t N>
net::Headers pick(const net::Headers& from, const std::string_view (&names)[N]) {
  net::Headers kept;
  for (const auto name : names)
    if (from.has(name)) kept.set(std::string(name), std::string(from.get(name)));
  return kept;
}

std::string error_event(const Error& error) {
  const json::object body{{"code", error.code()}, {"message", error.message()}};
  const net::SseEvent event{.id = {}, .event = "error", .data = json::serialize(body)};
  return net::format_sse(event);
}

// While it stands, the sandbox is in use.
class InUse {
 public:
  explicit InUse(SandboxPtr sandbox) : sandbox_(std::move(sandbox)) { ++sandbox_->in_use; }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;
  ~InUse() {
    --sandbox_->in_use;
    sandbox_->used_at = now();
  }
  const SandboxPtr& sandbox() const { return sandbox_; }

 private:
  SandboxPtr sandbox_;
};

struct Relay {
  explicit Relay(SandboxPtr sandbox) : use(std::move(sandbox)) {}
  InUse use;
  std::unique_ptr<net::BodyStream> from;
};

Task<void> relay_bytes(std::shared_ptr<Relay> relay, net::BodyWriter& to) {
  for (;;) {
    auto piece = co_await relay->from->read();
    // The answer breaks off, so that nobody takes it for whole.
    if (!piece) throw std::runtime_error(piece.error().message());
    if (piece->empty() || !co_await to.write(std::move(*piece))) co_return;
  }
}

Task<void> break_off(const Relay& relay, std::string detail, net::BodyWriter& to) {
  const auto id = relay.use.sandbox()->id().value();
  const auto error = upstream_error(
                         "the connection into sandbox {} broke; the command may run on: ask for its output "
                         "from the last id on, or for the sandbox's status",
                         id)
                         .with_code("stream_broken");
  log::info("sandbox.stream_broken", {{"sandbox_id", id}, {"detail", detail}});
  std::ignore = co_await to.write(error_event(error));  // Who is gone does not miss it.
}

// Whole events only: half of one, with the end of the stream behind it, would be taken for an event.
Task<void> relay_events(std::shared_ptr<Relay> relay, net::BodyWriter& to) {
  std::string held;
  for (;;) {
    auto piece = co_await relay->from->read();
    if (!piece) co_return co_await break_off(*relay, piece.error().message(), to);
    if (piece->empty()) co_return;
    // What was held before has no end in it: to look through it again for every byte that follows would be
    // work that a runtime can make us do.
    const auto from = held.empty() ? 0 : held.size() - 1;
    held += *piece;
    const auto found = std::string_view(held).substr(from).rfind("\n\n");
    const auto end = found == std::string::npos ? found : from + found;
    if (end == std::string::npos) {
      if (held.size() > kEventMax) co_return co_await break_off(*relay, "one event has no end", to);
      continue;
    }
    std::string whole = held.substr(0, end + 2);
    held.erase(0, end + 2);
    if (!co_await to.write(std::move(whole))) co_return;
  }
}

}  // namespace

Result<void> Service::must_be_usable(const Sandbox& sandbox) {
  const auto status = sandbox.record.vm.status;
  const auto& id = sandbox.id().value();
  if (sandbox.record.serves_itself())
    return not_implemented(
               "sandbox {} runs a program of its own (command, container_port) and no runtime that could "
               "run commands and reach files; create one without these",
               id)
        .with_code("sandbox_without_runtime");
  if (status == VmStatus::running) return ok();
  if (status == VmStatus::paused)
    return conflict("sandbox {} is paused; resume it first", id).with_code("sandbox_paused");
  return conflict("sandbox {} is {}; only a running one can be reached into", id, json::name_of(status))
      .with_code("sandbox_not_running");
}

Task<Result<net::Response>> Service::control(SandboxId id, net::Request request) {
  ISA_CO_TRY(auto sandbox, co_await settled(id));
  ISA_CO_TRYV(must_be_usable(*sandbox));
  const auto endpoint = net::Endpoint::unix_socket(sandbox->dir.agent_socket().string());
  const auto relay = std::make_shared<Relay>(std::move(sandbox));
  net::ClientRequest question;
  question.method = request.method;
  question.target = request.target;
  question.headers = pick(request.headers, kPassedIn);
  question.headers.set("X-Request-Id", request.request_id);
  question.peer = "the sandbox's runtime";
  question.body = std::move(request.body);
  auto opened = co_await client_.open(endpoint, std::move(question), request.deadline, kSilenceMax);
  if (!opened)
    co_return service_unavailable(
        "the runtime of sandbox {} does not answer; its status and logs may say why", id.value())
        .with_detail(opened.error().message());
  net::Response answer;
  answer.status = opened->status;
  answer.headers = pick(opened->headers, kPassedOut);
  const auto type = opened->headers.get("Content-Type");
  const bool is_events = type.starts_with("text/event-stream");
  if (type.starts_with("application/json")) {
    ISA_CO_TRY(answer.body, co_await net::read_all(*opened->body, kAnswerMax));
    co_return answer;
  }
  relay->from = std::move(opened->body);
  answer.stream = [relay, is_events](net::BodyWriter& to) {
    return is_events ? relay_events(relay, to) : relay_bytes(relay, to);
  };
  co_return answer;
}

}  // namespace isa::cloud_os
