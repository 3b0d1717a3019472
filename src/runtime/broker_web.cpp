#include "runtime/broker_web.h"

namespace isa::runtime {

Task<Result<std::string>> BrokerWeb::ask(std::string path, json::value what, Deadline deadline) {
  net::ClientRequest request;
  request.method = net::Method::post;
  request.target = std::move(path);
  request.headers.set("Content-Type", "application/json");
  request.body = json::serialize(what);
  request.peer = "the broker of this sandbox";
  ISA_CO_TRY(auto answer, co_await client_.send(broker_, std::move(request), deadline));
  if (answer.status != 200) co_return Failure(net::error_of(answer.status, answer.body));
  co_return std::move(answer.body);
}

Task<Result<sdk::WebHits>> BrokerWeb::search(sdk::WebSearch what, Deadline deadline) {
  ISA_CO_TRY(const auto body, co_await ask("/web/search", json::write(what), deadline));
  co_return json::parse_as<sdk::WebHits>(body);
}

Task<Result<sdk::WebPage>> BrokerWeb::fetch(sdk::WebFetch what, Deadline deadline) {
  ISA_CO_TRY(const auto body, co_await ask("/web/fetch", json::write(what), deadline));
  co_return json::parse_as<sdk::WebPage>(body);
}

}  // namespace isa::runtime
