#include "model/http_client.h"

#include "model/forwarded.h"
#include "net/trace_headers.h"
#include "sdk/http_chat_model.h"

namespace isa::model {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAnswerMax = 32 << 20;
constexpr auto kCheckTimeout = 5s;
constexpr auto kHeadTimeout = 10min;

net::Headers platform_headers(std::string secret) {
  net::Headers headers;
  headers.set("X-Internal-Service", "true");
  headers.set("X-Internal-Service-Secret", std::move(secret));
  return headers;
}

net::Url versioned(net::Url base) {
  base.prefix += "/v1";
  return base;
}

Task<void> pass_body(std::shared_ptr<net::BodyStream> body, net::BodyWriter& to) {
  while (true) {
    auto bytes = co_await body->read();
    // The service ends a stream that it can still write to; a connection that breaks leaves nothing to say.
    if (!bytes || bytes->empty()) co_return;
    if (auto written = co_await to.write(*std::move(bytes)); !written) co_return;
  }
}

}  // namespace

HttpModelClient::HttpModelClient(net::Client& client, net::Url base, std::string internal_secret,
                                 std::string_view setting)
    : client_(client),
      base_(std::move(base)),
      headers_(platform_headers(std::move(internal_secret))),
      peer_(fmt::format("the model service ({})", setting)),
      chat_(sdk::make_http_chat_model(client_, versioned(base_), headers_, peer_)) {}

Task<Result<sdk::ChatResult>> HttpModelClient::chat(sdk::ChatRequest request, sdk::ChatSink sink,
                                                    Deadline deadline) {
  return chat_->chat(std::move(request), std::move(sink), deadline);
}

Task<Result<void>> HttpModelClient::check(std::string model_id) {
  return resolve("model=" + net::percent_encode(model_id));
}

Task<Result<void>> HttpModelClient::check_price(std::string model_id) {
  return resolve("priced=true&model=" + net::percent_encode(model_id));
}

Task<Result<void>> HttpModelClient::resolve(std::string query) {
  net::ClientRequest request;
  request.target = base_.prefix + "/api/v1/models/resolve?" + query;
  request.headers = headers_;
  request.peer = peer_;
  const auto deadline = Deadline::after(kCheckTimeout);
  ISA_CO_TRY(const auto response, co_await client_.send(base_.endpoint, std::move(request), deadline));
  if (response.status != 200) co_return net::error_of(response.status, response.body);
  co_return ok();
}

Task<net::Response> HttpModelClient::forward(net::Request request, Identity identity) {
  const auto request_id = request.request_id;
  auto response = co_await pass_on(std::move(request), std::move(identity));
  if (response) co_return std::move(*response);
  co_return net::error_response(response.error(), request_id);
}

Task<Result<net::Response>> HttpModelClient::pass_on(net::Request request, Identity identity) {
  const auto& where = request.target.empty() ? request.path : request.target;
  if (!where.starts_with("/v1/"))
    co_return not_found("there is nothing at {} to be passed on; the models are under /v1/", where);
  net::ClientRequest to;
  to.method = request.method;
  to.target = base_.prefix + where;
  to.headers = without_credentials(request.headers);
  for (const auto& [name, value] : headers_.all()) to.headers.set(name, value);
  to.headers.set("X-User-Id", identity.user.value());
  if (!request.request_id.empty()) to.headers.set("X-Request-Id", request.request_id);
  net::join_trace(to.headers, net::trace_of(request.headers));
  to.body = std::move(request.body);
  to.peer = peer_;
  const auto deadline = request.deadline.tightened(kHeadTimeout);
  ISA_CO_TRY(auto from, co_await client_.open(base_.endpoint, std::move(to), deadline));
  net::Response response;
  response.status = from.status;
  for (const auto* name : {"Content-Type", "Retry-After", "x-should-retry", "request-id", "X-Model-Pricing"})
    if (const auto value = from.headers.get(name); !value.empty())
      response.headers.set(name, std::string(value));
  if (from.headers.get("Content-Type").starts_with("text/event-stream")) {
    response.headers.set("Cache-Control", "no-store");
    response.stream = [body = std::shared_ptr(std::move(from.body))](net::BodyWriter& writer) {
      return pass_body(body, writer);
    };
    co_return response;
  }
  ISA_CO_TRY(response.body, co_await net::read_all(*from.body, kAnswerMax));
  co_return response;
}

}  // namespace isa::model
