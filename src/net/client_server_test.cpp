// The client and the server of net/ against each other, over real sockets.
#include "net/server_test_support.h"
#include "net/sse.h"

#include <gtest/gtest.h>

namespace isa::net {
namespace {

Router small_router() {
  Router router;
  router.add(public_route(Method::get, "/hello", say_hello));
  router.add(public_route(Method::post, "/echo", echo_body));
  router.add(public_route(Method::get, "/events", [](Request&) -> Task<Result<Response>> {
    co_return Response::sse([](BodyWriter& out) -> Task<void> {
      for (int i = 1; i <= 3; ++i) {
        SseEvent event{std::to_string(i), "tick", "line one\nline two"};
        if (!co_await out.write(format_sse(event))) co_return;
      }
    });
  }));
  return router;
}

Task<void> exercise(Server&, const Endpoint& at) {
  Client client;
  auto hello = co_await client.send(at, ClientRequest{Method::get, "/hello", {}, {}}, soon());
  EXPECT_TRUE(hello) << hello.error().message();
  EXPECT_EQ(hello->status, 200);
  EXPECT_EQ(hello->body, "hello");
  EXPECT_TRUE(hello->headers.has("X-Request-Id"));

  const std::string big(300'000, 'x');
  auto echo = co_await client.send(at, ClientRequest{Method::post, "/echo", {}, big}, soon());
  EXPECT_TRUE(echo) << echo.error().message();
  EXPECT_EQ(echo->body, big);

  auto events = co_await client.open(at, ClientRequest{Method::get, "/events", {}, {}}, soon());
  EXPECT_TRUE(events) << events.error().message();
  EXPECT_EQ(events->headers.get("Content-Type"), "text/event-stream");
  SseReader reader(std::move(events->body));
  for (int i = 1; i <= 3; ++i) {
    auto event = co_await reader.next();
    EXPECT_TRUE(event && *event);
    if (!event || !*event) co_return;
    EXPECT_EQ((*event)->id, std::to_string(i));
    EXPECT_EQ((*event)->data, "line one\nline two");
  }
  auto end = co_await reader.next();
  EXPECT_TRUE(end && !*end);
}

TEST(ClientAndServer, SpeakOverTcp) {
  testing::run(with_server(small_router(), {}, exercise));
}

Task<void> over_unix(const std::string path) {
  Server server(co_await asio::this_coro::executor, small_router(), {});
  const auto bound = server.listen(Endpoint::unix_socket(path));
  EXPECT_TRUE(bound) << bound.error().message();
  co_await exercise(server, *bound);
  co_await server.stop();
}

TEST(ClientAndServer, SpeakOverAUnixSocketThatOnlyItsOwnerMayOpen) {
  const testing::TempFolder folder;
  testing::run(over_unix(folder / "s.sock"));
  EXPECT_FALSE(std::filesystem::exists(folder / "s.sock"))
      << "the socket file is removed when the server stops";
}

}  // namespace
}  // namespace isa::net
