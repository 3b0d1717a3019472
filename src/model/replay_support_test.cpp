// Of replay_test_support.h; named so that it is built with the tests.
#include "model/replay_test_support.h"

namespace isa::model {
namespace {

class Collector final : public net::BodyWriter {
 public:
  std::string text;
  Task<Result<void>> write(std::vector<net::Frame> frames) override {
    for (const auto& frame : frames) text += *frame;
    co_return ok();
  }
};

Task<void> collect_answer(net::Response response, Answer& to) {
  to.status = response.status;
  to.headers = std::move(response.headers);
  to.body = std::move(response.body);
  if (!response.stream) co_return;
  Collector collector;
  co_await response.stream(collector);
  to.body = std::move(collector.text);
  net::SseParser parser;
  EXPECT_TRUE(parser.feed(to.body));
  while (auto event = parser.next()) to.events.push_back(*std::move(event));
}

Task<void> dispatch(Service& service, net::Request request, Answer& to) {
  const auto router = service.router();
  request.request_id = "req_test";
  auto response = co_await router.dispatch(request);
  co_await collect_answer(std::move(response), to);
}

Task<void> dispatch_all(Service& service, std::vector<net::Request> requests, std::vector<Answer>& to) {
  for (auto& request : requests) co_await dispatch(service, std::move(request), to.emplace_back());
}

Task<void> forward_to(Service& service, net::Request request, Identity identity, Answer& to) {
  auto response = co_await service.forward(std::move(request), std::move(identity));
  co_await collect_answer(std::move(response), to);
}

Task<Result<void>> ignore(const sdk::ChatDelta&) {
  co_return ok();
}

Task<void> chat_with(Service& service, sdk::ChatRequest request, Deadline deadline,
                     std::optional<Result<sdk::ChatResult>>& to) {
  to.emplace(co_await service.chat(std::move(request), ignore, deadline));
}

net::Request make_request(net::Method method, std::string path, std::string body, net::Headers headers) {
  net::Request request;
  request.method = method;
  request.target = std::move(path);
  request.body = std::move(body);
  request.headers = std::move(headers);
  request.deadline = Deadline::after(std::chrono::seconds(20));
  return request;
}

}  // namespace

std::vector<json::object> Answer::chunks() const {
  std::vector<json::object> to;
  for (const auto& event : events)
    if (event.data != "[DONE]") to.push_back(json::parse(event.data)->as_object());
  return to;
}

void ReplayTest::with_service(std::function<Task<void>(Service&)> work) {
  testing::run(serve_and(std::move(work)));
}

Task<void> ReplayTest::serve_and(std::function<Task<void>(Service&)> work) {
  net::Server server(co_await asio::this_coro::executor, upstream.router(), {});
  const auto at = server.listen(net::Endpoint::tcp("127.0.0.1", 0));
  EXPECT_TRUE(at) << at.error().message();
  settings.openai_base_url = fmt::format("http://127.0.0.1:{}/v1", at->port);
  settings.openai_api_key = "key-of-the-platform";
  settings.anthropic_base_url = fmt::format("http://127.0.0.1:{}", at->port);
  settings.anthropic_api_key = "key-of-the-platform";
  adjust(settings);
  net::Client client;
  Service service(settings, client);
  co_await work(service);
  co_await server.stop();
}

Answer ReplayTest::post(std::string path, std::string body, net::Headers headers) {
  auto request = make_request(net::Method::post, std::move(path), std::move(body), std::move(headers));
  Answer answer;
  with_service([&](Service& service) { return dispatch(service, std::move(request), answer); });
  return answer;
}

std::vector<Answer> ReplayTest::post_all(std::string path, std::vector<std::string> bodies) {
  std::vector<net::Request> requests;
  for (auto& body : bodies) requests.push_back(make_request(net::Method::post, path, std::move(body), {}));
  std::vector<Answer> answers;
  answers.reserve(requests.size());
  with_service([&](Service& service) { return dispatch_all(service, std::move(requests), answers); });
  return answers;
}

Answer ReplayTest::get(std::string path, net::Headers headers) {
  auto request = make_request(net::Method::get, std::move(path), "", std::move(headers));
  Answer answer;
  with_service([&](Service& service) { return dispatch(service, std::move(request), answer); });
  return answer;
}

Answer ReplayTest::forward(net::Request request, Identity identity) {
  Answer answer;
  with_service(
      [&](Service& service) { return forward_to(service, std::move(request), std::move(identity), answer); });
  return answer;
}

Result<sdk::ChatResult> ReplayTest::chat(sdk::ChatRequest request, Deadline deadline) {
  std::optional<Result<sdk::ChatResult>> result;
  with_service([&](Service& service) { return chat_with(service, std::move(request), deadline, result); });
  return std::move(*result);
}

}  // namespace isa::model
