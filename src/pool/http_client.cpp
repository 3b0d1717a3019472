#include "pool/http_client.h"

#include "net/trace_headers.h"
#include "pool/wire.h"

#include <charconv>

namespace isa::pool {
namespace {

constexpr double kAcquireTimeoutDefault = 30;             // Seconds; as the service has it.
constexpr auto kAnswerWithin = std::chrono::seconds(35);  // Of everything but acquire.
constexpr auto kSilenceMax = std::chrono::minutes(15);
constexpr std::size_t kErrorBodyMax = 64 << 10;  // Bytes.

Error error_of(int status, const net::Headers& headers, std::string_view body) {
  auto error = net::error_of(status, body);
  const auto text = headers.get("Retry-After");
  long seconds = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (!text.empty() && ec == std::errc() && end == text.data() + text.size())
    return std::move(error).with_retry_after(std::chrono::seconds(seconds));
  return error;
}

// What the pool manager answers is described by our own types; anything else is not a pool manager.
template <class T>
Result<T> parse_answer(const std::string& body) {
  auto parsed = json::parse_as<T>(body);
  if (!parsed)
    return upstream_error("the pool manager's answer is not understood; do both sides run the same version?")
        .with_detail(parsed.error().message());
  return parsed;
}

std::string instance_path(const InstanceId& id, std::string_view verb) {
  return fmt::format("{}/{}", net::percent_encode(id.value()), verb);
}

}  // namespace

HttpPoolClient::HttpPoolClient(net::Client& client, net::Url base, net::Headers credentials)
    : client_(client), base_(std::move(base)), credentials_(std::move(credentials)) {}

Task<Result<Acquired>> HttpPoolClient::acquire(std::string pool_type, AcquireRequest request) {
  const std::chrono::duration<double> wait(request.timeout.value_or(kAcquireTimeoutDefault));
  const auto margin = std::chrono::seconds(5);
  const auto deadline = Deadline::after(std::chrono::duration_cast<Deadline::Clock::duration>(wait) + margin);
  auto post = post_to(pool_type, "acquire", json::write(request));
  net::join_trace(post.headers, request.trace);
  ISA_CO_TRY(const auto body, co_await call(std::move(post), deadline));
  co_return parse_answer<Acquired>(body);
}

Task<Result<net::OpenResponse>> HttpPoolClient::stream(std::string pool_type, InstanceId id,
                                                       std::int64_t fencing_token, sdk::RuntimeChat chat) {
  const auto trace = std::move(chat.trace);
  StreamBody body;
  body.context.emplace().chat = std::move(chat);
  body.fencing_token = fencing_token;
  auto post = post_to(pool_type, instance_path(id, "stream"), json::write(body));
  post.headers.set("Accept", "text/event-stream");
  net::join_trace(post.headers, trace);
  ISA_CO_TRY(auto opened, co_await client_.open(base_.endpoint, std::move(post),
                                                Deadline::after(kAnswerWithin), kSilenceMax));
  if (opened.status / 100 == 2) co_return opened;
  const auto text = co_await net::read_all(*opened.body, kErrorBodyMax);
  co_return error_of(opened.status, opened.headers, text ? *text : std::string());
}

Task<Result<cloud_os::VmModelUse>> HttpPoolClient::settle(std::string pool_type, InstanceId id,
                                                          std::int64_t fencing_token, RunId run) {
  const SettleBody what{std::move(run), fencing_token};
  auto post = post_to(pool_type, instance_path(id, "settle"), json::write(what));
  ISA_CO_TRY(const auto body, co_await call(std::move(post), Deadline::after(kAnswerWithin)));
  co_return parse_answer<cloud_os::VmModelUse>(body);
}

Task<Result<LeaseInfo>> HttpPoolClient::renew(std::string pool_type, InstanceId id,
                                              std::int64_t fencing_token) {
  const LeaseBody lease{fencing_token};
  auto post = post_to(pool_type, instance_path(id, "renew"), json::write(lease));
  ISA_CO_TRY(const auto body, co_await call(std::move(post), Deadline::after(kAnswerWithin)));
  ISA_CO_TRY(auto view, parse_answer<LeaseView>(body));
  co_return std::move(view.lease);
}

Task<Result<void>> HttpPoolClient::release(std::string pool_type, InstanceId id,
                                           std::optional<std::int64_t> fencing_token) {
  const LeaseBody lease{fencing_token};
  auto post = post_to(pool_type, instance_path(id, "release"), json::write(lease));
  ISA_CO_TRYV(co_await call(std::move(post), Deadline::after(kAnswerWithin)));
  co_return ok();
}

Task<Result<PoolStats>> HttpPoolClient::stats(std::string pool_type) {
  const auto slash = pool_type.find('/');
  auto rest = std::string("stats");
  if (slash != std::string::npos)
    rest += "?deployment_id=" + net::percent_encode(pool_type.substr(slash + 1));
  auto request = request_to(pool_type.substr(0, slash), rest);
  ISA_CO_TRY(const auto body, co_await call(std::move(request), Deadline::after(kAnswerWithin)));
  co_return parse_answer<PoolStats>(body);
}

Task<Result<void>> HttpPoolClient::configure(std::string deployment_id, Deployment deployment) {
  auto put =
      post_to("custom_agent", "deployments/" + net::percent_encode(deployment_id), json::write(deployment));
  put.method = net::Method::put;
  ISA_CO_TRYV(co_await call(std::move(put), Deadline::after(kAnswerWithin)));
  co_return ok();
}

Task<Result<void>> HttpPoolClient::remove_deployment(std::string deployment_id) {
  auto request = request_to("custom_agent", "deployments/" + net::percent_encode(deployment_id));
  request.method = net::Method::del;
  ISA_CO_TRYV(co_await call(std::move(request), Deadline::after(kAnswerWithin)));
  co_return ok();
}

net::ClientRequest HttpPoolClient::request_to(std::string_view pool_type, std::string_view rest) const {
  net::ClientRequest request;
  request.target = fmt::format("{}/api/v1/pools/{}/{}", base_.prefix, net::percent_encode(pool_type), rest);
  request.headers = credentials_;
  request.peer = "the pool manager (agent.pool_url)";
  return request;
}

net::ClientRequest HttpPoolClient::post_to(std::string_view pool_type, std::string_view rest,
                                           const json::value& body) const {
  auto request = request_to(pool_type, rest);
  request.method = net::Method::post;
  request.headers.set("Content-Type", "application/json");
  request.body = json::serialize(body);
  return request;
}

Task<Result<std::string>> HttpPoolClient::call(net::ClientRequest request, Deadline deadline) {
  ISA_CO_TRY(auto answer, co_await client_.send(base_.endpoint, std::move(request), deadline));
  if (answer.status / 100 == 2) co_return std::move(answer.body);
  co_return error_of(answer.status, answer.headers, answer.body);
}

}  // namespace isa::pool
