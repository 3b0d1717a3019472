// The whole way between two processes, over sockets: caller -> HttpModelClient -> the service's server ->
// provider.
#include "model/http_client.h"

#include "model/replay_test_support.h"

#include <boost/asio/steady_timer.hpp>

namespace isa::model {
namespace {

class HttpModelClientTest : public ::testing::Test {
 protected:
  ReplayServer upstream;
  std::vector<net::Request> seen_by_guard;

  using Work = std::function<Task<void>(HttpModelClient&)>;
  void with_client(Work work) { testing::run(run(std::move(work))); }

  static Task<Result<Identity>> identify(HttpModelClientTest& test, const net::Request& request) {
    test.seen_by_guard.push_back(request);
    Identity identity;
    identity.user = UserId(std::string(request.headers.get("X-User-Id")));
    co_return identity;
  }

  Task<void> run(Work work) {
    const auto executor = co_await asio::this_coro::executor;
    net::Server provider(executor, upstream.router(), {});
    const auto provider_at = provider.listen(net::Endpoint::tcp("127.0.0.1", 0)).value();
    Settings settings;
    settings.openai_base_url = fmt::format("http://127.0.0.1:{}/v1", provider_at.port);
    net::Client to_provider, to_service;
    Service service(settings, to_provider);
    net::ServerOptions options;
    options.guard = [this](const net::Request& request) { return identify(*this, request); };
    net::Server server(executor, service.router(), options);
    const auto at = server.listen(net::Endpoint::tcp("127.0.0.1", 0)).value();
    HttpModelClient client(to_service, net::Url{at, ""}, "the-secret", "agent.model_url");
    co_await work(client);
    co_await server.stop();
    co_await provider.stop();
  }
};

net::Request completion(std::string more) {
  net::Request request;
  request.method = net::Method::post;
  request.target = "/v1/chat/completions";
  request.headers.set("Content-Type", "application/json");
  request.headers.set("Authorization", "Bearer of-the-caller");
  request.body = R"({"model":"gpt-4o","messages":[{"role":"user","content":"hi"}])" + std::move(more) + "}";
  request.deadline = Deadline::after(std::chrono::seconds(20));
  return request;
}

// Takes the first piece of a stream and leaves then, as a reader does who is gone.
class LeavingReader final : public net::BodyWriter {
 public:
  std::string text;
  Task<Result<void>> write(std::vector<net::Frame> frames) override {
    for (const auto& frame : frames) text += *frame;
    co_return service_unavailable("the reader left");
  }
};

class PatientReader final : public net::BodyWriter {
 public:
  std::string text;
  Task<Result<void>> write(std::vector<net::Frame> frames) override {
    for (const auto& frame : frames) text += *frame;
    co_return ok();
  }
};

Task<void> read_stream(HttpModelClient& client, net::BodyWriter& to) {
  auto response =
      co_await client.forward(completion(R"(,"stream":true)"), Identity{UserId("ada"), {}, false});
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.stream);
  if (response.stream) co_await response.stream(to);
}

TEST_F(HttpModelClientTest, PassesAStreamOnForAUserWithTheInternalSecret) {
  upstream.script.push_back({.body = recorded("openai_text")});
  PatientReader reader;
  with_client([&](HttpModelClient& client) { return read_stream(client, reader); });

  EXPECT_NE(reader.text.find("Grüße"), std::string::npos);
  EXPECT_TRUE(reader.text.ends_with("data: [DONE]\n\n"));
  ASSERT_EQ(seen_by_guard.size(), 1u);
  EXPECT_EQ(seen_by_guard[0].headers.get("X-User-Id"), "ada");
  EXPECT_EQ(seen_by_guard[0].headers.get("X-Internal-Service-Secret"), "the-secret");
  EXPECT_EQ(seen_by_guard[0].headers.get("Authorization"), "");
}

Task<void> read_a_little(HttpModelClient& client, ReplayServer& provider) {
  // The end of the connection has to travel to the service and on to the provider.
  asio::steady_timer patience(co_await asio::this_coro::executor, std::chrono::seconds(20));
  provider.on_left = [&patience] { patience.cancel(); };
  LeavingReader reader;
  co_await read_stream(client, reader);
  if (!provider.was_left) co_await patience.async_wait(no_throw);
  provider.on_left = [] {};
}

TEST_F(HttpModelClientTest, AReaderWhoLeavesStopsTheProvider) {
  upstream.script.push_back({.body = recorded("openai_text").substr(0, 700), .stays_open = true});
  with_client([&](HttpModelClient& client) { return read_a_little(client, upstream); });

  EXPECT_TRUE(upstream.was_left);
}

Task<void> check_models(HttpModelClient& client) {
  const auto known = co_await client.check("builtin/demo");
  EXPECT_TRUE(known) << known.error().message();
  const auto unknown = co_await client.check("nowhere/thing");
  EXPECT_EQ(unknown ? "" : unknown.error().code(), "model_not_found");
  const auto unconfigured = co_await client.check("claude-opus-4");
  EXPECT_EQ(unconfigured ? "" : unconfigured.error().code(), "model_not_configured");
  const auto priced = co_await client.check_price("builtin/demo");
  EXPECT_TRUE(priced) << priced.error().message();
  const auto unpriced = co_await client.check_price("openai/some-model");
  EXPECT_EQ(unpriced ? "" : unpriced.error().code(), "model_price_unknown");
  const auto nameless = co_await client.check_price("nowhere/thing");
  EXPECT_EQ(nameless ? "" : nameless.error().code(), "model_not_found");
  net::Request elsewhere;
  elsewhere.target = "/api/v1/invoke";
  const auto refused = co_await client.forward(elsewhere, {});
  EXPECT_EQ(refused.status, 404);
}

TEST_F(HttpModelClientTest, ErrorsKeepTheirKindAndCode) {
  with_client(check_models);
}

Task<Result<void>> ignore(const sdk::ChatDelta&) {
  co_return ok();
}

Task<void> chat_twice(HttpModelClient& client) {
  const auto deadline = Deadline::after(std::chrono::seconds(20));
  const auto answer = co_await client.chat(asking("builtin/demo", "What is 2+2?"), ignore, deadline);
  EXPECT_EQ(answer ? answer->message.text() : answer.error().message(), "2+2 = 4");
  EXPECT_EQ(answer ? answer->usage.cost_usd : std::nullopt, Usd()) << "it is free, which is known";
  const auto missing = co_await client.chat(asking("claude-opus-4", "hi"), ignore, deadline);
  EXPECT_EQ(missing ? "" : missing.error().code(), "model_not_configured");
}

TEST_F(HttpModelClientTest, ChatsLikeTheServiceInTheSameProcess) {
  with_client(chat_twice);
}

Task<void> call_nobody() {
  const auto nowhere = net::Endpoint::unix_socket("/nonexistent/model.sock");
  net::Client http;
  HttpModelClient client(http, net::Url{nowhere, ""}, "the-secret", "agent.model_url");
  const auto checked = co_await client.check("builtin/demo");
  const auto answer = co_await client.chat(asking("builtin/demo", "hi"), ignore, Deadline::never());
  net::Request models;
  models.target = "/v1/models";
  const auto forwarded = co_await client.forward(models, {});
  EXPECT_EQ(forwarded.status, 503);
  const auto message = checked ? "" : checked.error().message();
  EXPECT_NE(message.find("the model service (agent.model_url)"), std::string::npos) << message;
  for (const auto& said : {message, answer ? "" : answer.error().message(), forwarded.body})
    EXPECT_EQ(said.find("nonexistent"), std::string::npos) << said;
  if (!checked) EXPECT_NE(checked.error().detail().find("/nonexistent/model.sock"), std::string::npos);
}

TEST(HttpModelClient, NamesTheServiceAndTheSettingWhenNobodyListensNotTheAddress) {
  testing::run(call_nobody());
}

}  // namespace
}  // namespace isa::model
