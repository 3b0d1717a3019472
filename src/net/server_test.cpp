// One server, one raw client: requests as bytes, answers as bytes.
#include "net/server_test_support.h"

#include <gtest/gtest.h>

namespace isa::net {
namespace {

Task<Result<Response>> show_request(Request& request) {
  json::object body;
  body["id"] = request.params.contains("id") ? request.param("id") : "";
  body["query"] = request.query_value("q");
  body["peer"] = request.peer;
  body["request_id"] = request.request_id;
  co_return Response::json(200, body);
}

Task<Result<Response>> break_down(Request&) {
  throw std::runtime_error("secret invariant");
  co_return Response();
}

Task<Result<Response>> inject(Request& request) {
  auto response = Response::text(200, "text/plain", "x");
  response.headers.add("X-Echo", std::string(request.query_value("q")));
  response.headers.add("Content-Length", "999");
  co_return response;
}

Task<Result<Response>> nothing(Request&) {
  Response response;
  response.status = 204;
  co_return response;
}

Router sample() {
  Router router;
  router.add(public_route(Method::get, "/hello", say_hello));
  router.add(public_route(Method::post, "/echo", echo_body));
  router.add(public_route(Method::get, "/items/{id}", show_request));
  router.add(public_route(Method::del, "/items/{id}", nothing));
  router.add(public_route(Method::get, "/bug", break_down));
  router.add(public_route(Method::get, "/inject", inject));
  router.add(Route{Method::get, "/mine", say_hello, {}});
  Route internal{Method::get, "/internal", say_hello, {}};
  internal.options.is_internal = true;
  router.add(internal);
  return router;
}

using Check = std::function<void(const std::string&)>;

// Says `request` on one connection, waits for its end, and gives what was heard.
Task<void> converse(std::string request, std::string& heard, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say(std::move(request));
  heard = co_await client->hear_all();
}

std::string answer_to(const std::string& request, ServerOptions options = {}) {
  std::string heard;
  testing::run(with_server(sample(), std::move(options), [&](Server& server, const Endpoint& at) {
    return converse(request, heard, server, at);
  }));
  return heard;
}

std::string get(const std::string& target, const std::string& more = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + more + "\r\n";
}

#define EXPECT_HOLDS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)
#define EXPECT_LACKS(text, part) EXPECT_EQ((text).find(part), std::string::npos) << (text)

TEST(Server, AnswersWithTheHandlersResponse) {
  const auto answer = answer_to(get("/hello"));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_HOLDS(answer, "Content-Length: 5\r\n");
  EXPECT_HOLDS(answer, "Content-Type: text/plain\r\n");
  EXPECT_HOLDS(answer, "Date: ");
  EXPECT_HOLDS(answer, "Server: test\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhello")) << answer;
}

TEST(Server, DecodesPathAndQuery) {
  const auto answer = answer_to(get("/items/a%2Fb?q=x+y%26z"));
  EXPECT_HOLDS(answer, R"("id":"a/b")");
  EXPECT_HOLDS(answer, R"("query":"x y&z")");
  EXPECT_HOLDS(answer, R"("peer":"127.0.0.1")");
}

TEST(Server, EchoesARequestIdThatIsSaneAndMakesOneOtherwise) {
  EXPECT_HOLDS(answer_to(get("/hello", "X-Request-Id: abc-123\r\n")), "X-Request-Id: abc-123\r\n");
  const auto with_blank = answer_to(get("/hello", "X-Request-Id: abc 123\r\n"));
  EXPECT_LACKS(with_blank, "abc 123");
  EXPECT_HOLDS(with_blank, "X-Request-Id: req_");
  EXPECT_HOLDS(answer_to(get("/hello", "X-Request-Id: " + std::string(129, 'a') + "\r\n")),
               "X-Request-Id: req_");
}

TEST(Server, KeepsTheConnectionForTheNextRequest) {
  const std::string first = "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const auto answer = answer_to(first + "\r\n" + first + get("/items/7"));
  EXPECT_HOLDS(answer, "\r\n\r\nhelloHTTP/1.1 200 OK");
  EXPECT_HOLDS(answer, R"("id":"7")");
}

TEST(Server, AnswersPipelinedRequestsWithBodiesInOrder) {
  std::string request;
  for (int i = 0; i < 50; ++i)
    request +=
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n<" + std::to_string(10 + i) + ">";
  const auto answer = answer_to(request + get("/hello"));
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = answer.find("<" + std::to_string(10 + i) + ">", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
  EXPECT_TRUE(answer.ends_with("hello"));
}

TEST(Server, ReadsAChunkedBodyAndIgnoresItsTrailers) {
  const auto answer = answer_to(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nX-User-Id: eve\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("hello world")) << answer;
}

Task<void> dribble_an_empty_chunked_body(Server&, const Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (const char c : std::string("0\r\n\r\n")) {
    co_await client->say(std::string(1, c));
    // Lets the server, which lives on the same loop, read this byte before the next one is sent.
    for (int i = 0; i < 5; ++i) co_await sleep_for(std::chrono::milliseconds(0));
  }
  EXPECT_HOLDS(co_await client->hear_all(), "Content-Length: 0\r\n");
}

TEST(Server, SurvivesALastChunkThatArrivesByteByByte) {
  testing::run(with_server(sample(), {}, dribble_an_empty_chunked_body));
}

TEST(Server, SaysContinueBeforeItReadsABodyThatWaitsForThat) {
  const auto answer = answer_to(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\nExpect: "
      "100-continue\r\n\r\nhi");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhi")) << answer;
}

Task<void> wait_for_continue(Server&, const Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say(
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\nExpect: "
      "100-continue\r\n\r\n");
  EXPECT_EQ(co_await client->hear_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  co_await client->say("hi");
  const auto answer = co_await client->hear_all();
  EXPECT_TRUE(answer.ends_with("hi"));
}

TEST(Server, LetsAClientWaitForContinue) {
  testing::run(with_server(sample(), {}, wait_for_continue));
}

TEST(Server, SendsHeadAnswersWithoutTheirBody) {
  const auto answer = answer_to("HEAD /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_HOLDS(answer, "200 OK");
  EXPECT_HOLDS(answer, "Content-Length: 5\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << answer;
}

TEST(Server, SendsNoLengthWithNoContent) {
  const auto answer = answer_to("DELETE /items/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_HOLDS(answer, "204 No Content");
  EXPECT_LACKS(answer, "Content-Length");
}

TEST(Server, ClosesAfterAnAnswerToHttp10) {
  const auto answer = answer_to("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_HOLDS(answer, "Connection: close");
  EXPECT_TRUE(answer.ends_with("hello"));
}

TEST(Server, SaysWhatIsNotThere) {
  const auto answer = answer_to(get("/nowhere"));
  EXPECT_HOLDS(answer, "404 Not Found");
  EXPECT_HOLDS(answer, R"("code":"not_found")");
  EXPECT_HOLDS(answer, R"("request_id":"req_)");
}

TEST(Server, NamesTheMethodsOfAPath) {
  const auto answer = answer_to("PUT /items/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_HOLDS(answer, "405 Method Not Allowed");
  EXPECT_HOLDS(answer, "Allow: GET, HEAD, DELETE\r\n");
}

TEST(Server, KnowsNoOddMethods) {
  EXPECT_HOLDS(answer_to("BREW /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
               "501 Not Implemented");
}

TEST(Server, TellsNothingOfAnException) {
  const auto answer = answer_to(get("/bug"));
  EXPECT_HOLDS(answer, "500 Internal Server Error");
  EXPECT_HOLDS(answer, R"("code":"internal_error")");
  EXPECT_LACKS(answer, "invariant");
}

TEST(Server, LetsNoHandlerBreakTheHead) {
  const auto answer = answer_to(get("/inject?q=a%0d%0aX-Evil:%201"));
  EXPECT_LACKS(answer, "\r\nX-Evil");
  EXPECT_LACKS(answer, "999");
}

TEST(Server, AnswersOtherFormsOfTargets) {
  EXPECT_HOLDS(
      answer_to("GET http://localhost/hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
      "200 OK");
  EXPECT_HOLDS(answer_to("OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
               "400 Bad Request");
  EXPECT_HOLDS(answer_to(get("/items/a%00b")), "400 Bad Request");
}

// RFC 9112, section 11.2: every one of these is read differently by some server.
TEST(Server, RefusesRequestsThatTwoServersWouldReadDifferently) {
  const std::string head = "POST /echo HTTP/1.1\r\nHost: localhost\r\n";
  for (const std::string& fields : std::vector<std::string>{
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
           "Content-Length: 5\r\nContent-Length: 5\r\n",
           "Content-Length: 5\r\nContent-Length: 6\r\n",
           "Content-Length: 5, 6\r\n",
           "Content-Length: -1\r\n",
           "Content-Length: 0x5\r\n",
           "Content-Length: +5\r\n",
           "Content-Length: 99999999999999999999999\r\n",
           "Transfer-Encoding: gzip\r\n",
           "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding: identity\r\n",
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding : chunked\r\n",
           "Host: other\r\n",
           "Bad Name: x\r\n",
           "X-A: a\x01z\r\n",
       }) {
    const auto answer = answer_to(head + fields + "\r\n0\r\n\r\n");
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << fields << answer;
    EXPECT_HOLDS(answer, "Connection: close");
    EXPECT_HOLDS(answer, R"("code":"invalid_request")");
    EXPECT_LACKS(answer, "HTTP/1.1 200");
  }
}

TEST(Server, RefusesWhatIsNoRequest) {
  for (const std::string& text : std::vector<std::string>{
           "hello\r\n\r\n", "GET /hello\r\n\r\n", "GET /hello HTTP/9.9\r\n\r\n",
           "GET /hello HTTP/1.1\r\n\r\n", std::string("\x16\x03\x01\x02\x00\x01\r\n\r\n", 10)})
    EXPECT_TRUE(answer_to(text).starts_with("HTTP/1.1 400 ")) << text;
}

TEST(Server, RefusesBrokenChunks) {
  const std::string head =
      "POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& body : std::vector<std::string>{"xyz\r\n", "5\r\nhelloX\r\n0\r\n\r\n",
                                                          "-5\r\nhello\r\n", "fffffffffffffffff\r\n"})
    EXPECT_TRUE(answer_to(head + body).starts_with("HTTP/1.1 4")) << body;
}

Task<Result<Identity>> admit_ada(const Request& request) {
  if (request.headers.get("X-User-Id") != "ada") co_return unauthorized("only ada may enter");
  Identity identity;
  identity.user = UserId("ada");
  identity.is_internal = request.headers.has("X-Internal");
  co_return identity;
}

TEST(Server, AsksTheGuardExceptOnPublicRoutes) {
  ServerOptions options;
  options.guard = admit_ada;
  EXPECT_HOLDS(answer_to(get("/hello"), options), "200 OK");
  EXPECT_HOLDS(answer_to(get("/mine", "X-User-Id: ada\r\n"), options), "200 OK");
  const auto refused = answer_to(get("/mine"), options);
  EXPECT_HOLDS(refused, "401 Unauthorized");
  EXPECT_HOLDS(refused, "WWW-Authenticate: Bearer");
  EXPECT_HOLDS(refused, "only ada may enter");
}

TEST(Server, KeepsInternalRoutesForRoles) {
  ServerOptions options;
  options.guard = admit_ada;
  EXPECT_HOLDS(answer_to(get("/internal", "X-User-Id: ada\r\n"), options), "403 Forbidden");
  EXPECT_HOLDS(answer_to(get("/internal", "X-User-Id: ada\r\nX-Internal: 1\r\n"), options), "200 OK");
}

TEST(Server, RefusesForeignHostsAndOriginsOnLoopback) {
  ServerOptions options;
  options.loopback_hosts_only = true;
  const auto with_host = [](const std::string& host, const std::string& more = "") {
    return "GET /hello HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + more + "\r\n";
  };
  for (const char* host : {"localhost", "localhost:8080", "127.0.0.1:1", "[::1]:9"})
    EXPECT_HOLDS(answer_to(with_host(host), options), "200 OK") << host;
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", ""})
    EXPECT_HOLDS(answer_to(with_host(host), options), "421 Misdirected Request") << host;
  EXPECT_HOLDS(answer_to(with_host("localhost", "Origin: http://localhost:3001\r\n"), options), "200 OK");
  EXPECT_HOLDS(answer_to(with_host("localhost", "Origin: https://evil.example\r\n"), options),
               "403 Forbidden");
  EXPECT_HOLDS(answer_to(with_host("localhost", "Origin: null\r\n"), options), "403 Forbidden");
  EXPECT_HOLDS(answer_to(with_host("evil.example")), "200 OK") << "only when asked to";
}

struct Seen {
  std::string route;
  int status = 0;
};

TEST(Server, TellsTheObserverAboutEveryRequest) {
  std::vector<Seen> seen;
  ServerOptions options;
  options.observer = [&](const RequestSummary& summary) {
    seen.push_back({std::string(summary.route), summary.status});
  };
  answer_to(get("/items/7"), options);
  answer_to(get("/nowhere"), options);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].route, "/items/{id}");
  EXPECT_EQ(seen[0].status, 200);
  EXPECT_EQ(seen[1].route, "");
  EXPECT_EQ(seen[1].status, 404);
}

}  // namespace
}  // namespace isa::net
