#include "model/upstream.h"

#include "base/log.h"
#include "net/trace_headers.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <ctime>

namespace isa::model {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

struct ListedModel {
  using json_ignore_unknown = void;
  std::string id;
};
BOOST_DESCRIBE_STRUCT(ListedModel, (), (id))

struct ModelList {
  using json_ignore_unknown = void;
  std::vector<ListedModel> data;
};
BOOST_DESCRIBE_STRUCT(ModelList, (), (data))

constexpr std::size_t kErrorMax = 64 << 10;
constexpr milliseconds kWaitMax = 60s;  // A provider that asks for more is not waited for at that length.

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7).
std::optional<Timestamp> http_date(const std::string& text) {
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return from_millis(static_cast<std::int64_t>(timegm(&parts)) * 1000);
}

// In milliseconds: what the provider asks for, sensible or not.
std::optional<double> asked_wait(const net::Headers& headers, Timestamp now) {
  if (const auto ms = number(headers.get("retry-after-ms"))) return ms;
  const std::string after(headers.get("retry-after"));
  if (const auto seconds = number(after)) return *seconds * 1000;
  if (const auto date = http_date(after)) return static_cast<double>((*date - now).count());
  return std::nullopt;
}

bool may_pass(int status, const net::Headers& headers, bool is_out_of_quota) {
  const auto advice = headers.get("x-should-retry");
  if (advice == "true") return true;
  if (advice == "false" || is_out_of_quota) return false;
  return status == 408 || status == 409 || status == 429 || status >= 500;
}

milliseconds back_off(int attempt, double jitter) {
  const auto wait = std::min<milliseconds>(500ms * (1 << std::min(attempt, 4)), 8s);
  return milliseconds(static_cast<std::int64_t>(static_cast<double>(wait.count()) * (1 - jitter / 4)));
}

}  // namespace

std::optional<milliseconds> retry_wait(int status, const net::Headers& headers, bool is_out_of_quota,
                                       int attempt, double jitter, Timestamp now) {
  if (!may_pass(status, headers, is_out_of_quota)) return std::nullopt;
  const auto asked = asked_wait(headers, now);
  if (asked && *asked >= 0 && *asked <= static_cast<double>(kWaitMax.count()))
    return milliseconds(static_cast<std::int64_t>(*asked));
  return back_off(attempt, jitter);
}

Result<std::vector<std::string>> ids_in_list(std::string_view body) {
  ISA_TRY(const auto list, json::parse_as<ModelList>(body));
  std::vector<std::string> ids;
  for (const auto& model : list.data) ids.push_back(model.id);
  return ids;
}

std::string environment_name(std::string_view setting) {
  std::string name = "ISA_";
  for (const char c : setting)
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

Upstream::Upstream(net::Client& client, UpstreamOptions options, ErrorReader read_error)
    : client_(client),
      options_(std::move(options)),
      read_error_(read_error),
      random_(std::random_device()()) {}

net::ClientRequest Upstream::make(net::Method method, const std::string& path) const {
  net::ClientRequest request;
  request.method = method;
  request.target = options_.base.prefix + path;
  request.headers = options_.headers;
  request.headers.set("User-Agent", "isA");
  request.peer = fmt::format("the provider {0} (model.{0}.base_url)", options_.provider);
  return request;
}

Error Upstream::refusal(int status, const net::Headers& headers, std::string_view body) const {
  const auto& provider = options_.provider;
  if (status == 401) {
    // The provider's own words may hold a part of the key.
    const auto setting = fmt::format("model.{}.api_key", provider);
    return failed_dependency("the provider {} refused the API key: set a valid {} ({})", provider, setting,
                             environment_name(setting))
        .with_code("model_key_refused");
  }
  auto error = read_error_(status, body, provider);
  if (status == 403)
    return failed_dependency("the provider {} does not allow this with its API key. {}", provider,
                             error.message())
        .with_code("model_key_refused");
  if (status == 404) error = std::move(error).with_code("model_not_found");
  const auto wait = asked_wait(headers, now());
  if (wait && *wait > 0 && *wait < 86'400'000.0)
    error = std::move(error).with_retry_after(
        std::chrono::seconds(static_cast<std::int64_t>(*wait / 1000 + 0.999)));
  return error;
}

Task<Result<net::OpenResponse>> Upstream::post(std::string path, std::string body, net::Headers more,
                                               TraceContext trace, Deadline deadline) {
  const auto bounded = deadline.tightened(options_.timeout);
  auto request = make(net::Method::post, path);
  for (const auto& [name, value] : more.all()) request.headers.set(name, value);
  request.headers.set("Content-Type", "application/json");
  request.headers.set("Accept", "text/event-stream");
  net::join_trace(request.headers, trace);
  request.body = std::move(body);
  for (int attempt = 0;; ++attempt) {
    auto response = co_await client_.open(options_.base.endpoint, request, bounded, options_.silence_timeout);
    if (response && response->status == 200) co_return std::move(*response);

    std::optional<Error> error;
    std::optional<milliseconds> wait;
    const double jitter = std::generate_canonical<double, 32>(random_);
    if (response) {
      const auto text = co_await net::read_all(*response->body, kErrorMax);
      error = refusal(response->status, response->headers, text ? *text : std::string());
      const bool is_out_of_quota = error->kind() == ErrorKind::quota_exceeded;
      wait = retry_wait(response->status, response->headers, is_out_of_quota, attempt, jitter, now());
    } else {
      error = std::move(response).error();
      if (error->kind() != ErrorKind::timeout) wait = back_off(attempt, jitter);
    }
    if (!wait || attempt >= options_.retries || bounded.remaining() <= *wait) co_return *std::move(error);
    log::info("model.retry", {{"provider", options_.provider},
                              {"trace_id", trace.id()},
                              {"code", error->code()},
                              {"attempt", attempt + 1},
                              {"wait_ms", wait->count()}});
    co_await sleep_for(*wait);
  }
}

Task<Result<std::string>> Upstream::get(std::string path, Deadline deadline) {
  auto request = make(net::Method::get, path);
  ISA_CO_TRY(auto response, co_await client_.send(options_.base.endpoint, std::move(request), deadline));
  if (response.status != 200) co_return refusal(response.status, response.headers, response.body);
  co_return std::move(response.body);
}

}  // namespace isa::model
