#include "app/api_client.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <pwd.h>

#include <unistd.h>

namespace isa::app {
namespace {

constexpr auto kCallTimeout = std::chrono::minutes(2);

std::string system_user() {
  const auto* entry = getpwuid(geteuid());
  return entry ? entry->pw_name : "user-" + std::to_string(geteuid());
}

}  // namespace

Result<net::Url> find_role(const ApiAddress& address, std::string_view role, std::uint16_t usual_port) {
  if (address.url && role == "agent") return net::Url::parse(*address.url);
  std::ifstream file(address.data_dir + "/endpoints.json");
  if (file) {
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto endpoints = json::parse(text);
    if (endpoints && endpoints->is_object()) {
      const auto* url = endpoints->get_object().if_contains(role);
      if (url && url->is_string()) return net::Url::parse(url->get_string());
    }
  }
  return net::Url::parse(fmt::format("http://127.0.0.1:{}", usual_port));
}

ApiClient::ApiClient(net::Client& http, net::Url at, const ApiAddress& address)
    : http_(http),
      at_(std::move(at)),
      user_(address.user.value_or(system_user())),
      api_key_(address.api_key.value_or("")) {}

net::ClientRequest ApiClient::request(net::Method method, std::string path,
                                      const std::optional<json::value>& body) const {
  net::ClientRequest request;
  request.method = method;
  request.target = at_.prefix + path;
  if (api_key_.empty())
    request.headers.set("X-User-Id", user_);
  else
    request.headers.set("X-API-Key", api_key_);
  if (body) {
    request.headers.set("Content-Type", "application/json");
    request.body = json::serialize(*body);
  }
  return request;
}

Error ApiClient::explain(Error error) const {
  if (error.kind() != ErrorKind::service_unavailable) return error;
  return service_unavailable(
             "cannot reach the platform at {}; start it with `isa up`, or say where it is with --url",
             at_.endpoint.to_string())
      .with_detail(error.detail());
}

Task<Result<json::value>> ApiClient::call(net::Method method, std::string path,
                                          std::optional<json::value> body) {
  auto question = request(method, std::move(path), body);
  co_return co_await send(std::move(question));
}

Task<Result<json::value>> ApiClient::upload(net::Method method, std::string path, std::string content_type,
                                            std::string body) {
  auto question = request(method, std::move(path), std::nullopt);
  question.headers.set("Content-Type", std::move(content_type));
  question.body = std::move(body);
  co_return co_await send(std::move(question));
}

Task<Result<json::value>> ApiClient::send(net::ClientRequest question) {
  auto answer = co_await http_.send(at_.endpoint, std::move(question), Deadline::after(kCallTimeout));
  if (!answer) co_return explain(std::move(answer).error());
  if (answer->status >= 400) co_return net::error_of(answer->status, answer->body);
  if (answer->body.empty()) co_return json::value(nullptr);
  co_return json::parse(answer->body);
}

Task<Result<net::OpenResponse>> ApiClient::open(std::string path, json::value body) {
  return open(request(net::Method::post, std::move(path), std::move(body)));
}

Task<Result<net::OpenResponse>> ApiClient::fetch(std::string path) {
  return open(request(net::Method::get, std::move(path), {}));
}

Task<Result<net::OpenResponse>> ApiClient::open(net::ClientRequest wanted) {
  auto answer = co_await http_.open(at_.endpoint, std::move(wanted), Deadline::after(kCallTimeout));
  if (!answer) co_return explain(std::move(answer).error());
  if (answer->status >= 400) {
    ISA_CO_TRY(const auto text, co_await net::read_all(*answer->body, 1 << 20));
    co_return net::error_of(answer->status, text);
  }
  co_return std::move(*answer);
}

}  // namespace isa::app
