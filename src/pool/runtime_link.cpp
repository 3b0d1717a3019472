#include "pool/runtime_link.h"

#include "net/trace_headers.h"

namespace isa::pool {
namespace {

// Longer than the pause between two probes: the connection of a warm sandbox stays open.
constexpr auto kKeepConnection = std::chrono::minutes(2);
constexpr auto kHeadWithin = std::chrono::seconds(30);
// A model may think for long and a tool may run for long; the run's own limits end it before this does.
constexpr auto kSilenceMax = std::chrono::minutes(15);

net::ClientOptions client_options() {
  net::ClientOptions options;
  options.idle_per_endpoint = 2;
  options.idle_timeout = kKeepConnection;
  return options;
}

net::ClientRequest request_to(std::string target) {
  net::ClientRequest request;
  request.target = std::move(target);
  request.peer = "the sandbox's runtime";  // Its address is a path of this host.
  return request;
}

net::ClientRequest post_json(std::string target, const json::value& body) {
  auto request = request_to(std::move(target));
  request.method = net::Method::post;
  request.headers.set("Content-Type", "application/json");
  request.body = json::serialize(body);
  return request;
}

}  // namespace

RuntimeLink::RuntimeLink() : client_(client_options()) {}

Task<Result<void>> RuntimeLink::probe(net::Endpoint at, Deadline deadline) {
  auto request = request_to("/health");
  ISA_CO_TRY(const auto answer, co_await client_.send(std::move(at), std::move(request), deadline));
  if (answer.status != 200)
    co_return upstream_error("the sandbox's runtime answers /health with {}", answer.status);
  co_return ok();
}

Task<Result<void>> RuntimeLink::init(net::Endpoint at, sdk::RuntimeInit init, Deadline deadline) {
  auto request = post_json("/init", json::write(init));
  net::join_trace(request.headers, init.trace);
  ISA_CO_TRY(const auto answer, co_await client_.send(std::move(at), std::move(request), deadline));
  if (answer.status / 100 == 2) co_return ok();
  if (answer.status == 409) co_return conflict("the sandbox was initialised for somebody already");
  co_return upstream_error("the sandbox's runtime answers /init with {}", answer.status)
      .with_detail(answer.body.substr(0, 512));
}

Task<Result<net::OpenResponse>> RuntimeLink::chat(net::Endpoint at, const sdk::RuntimeChat& chat) {
  auto request = post_json("/api/v1/agents/chat", json::write(chat));
  net::join_trace(request.headers, chat.trace);
  request.headers.set("Accept", "text/event-stream");
  co_return co_await client_.open(std::move(at), std::move(request), Deadline::after(kHeadWithin),
                                  kSilenceMax);
}

}  // namespace isa::pool
