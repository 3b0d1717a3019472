#include "net/tls/tls.h"

#include "base/task_group.h"
#include "net/listener.h"
#include "net/server_test_support.h"
#include "net/tls/test_certificate.h"

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include <array>

#include <sys/socket.h>
#include <unistd.h>

namespace isa::net {
namespace {

struct Shared {
  bool has_ended = false;
  asio::steady_timer* changed = nullptr;
};

Task<void> stream_and_wait(Shared& shared, BodyWriter& out) {
  struct Ending {
    Shared& to;
    ~Ending() {
      to.has_ended = true;
      to.changed->cancel();
    }
  };
  const Ending ending{shared};
  co_await out.write("first");
  co_await sleep_until(Deadline::never());
}

Task<Result<Response>> streaming(Shared& shared) {
  co_return Response::sse([&](BodyWriter& out) { return stream_and_wait(shared, out); });
}

using Script = Task<void> (*)(Endpoint at, TlsConnector& connector, Shared& shared);

Task<void> serve_during(TlsFiles files, TlsRoots roots, Script script) {
  auto acceptor = make_tls_acceptor(files);
  auto connector = make_tls_connector(roots);
  if (!acceptor || !connector) throw std::runtime_error("TLS could not be set up");
  asio::steady_timer changed(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  Shared shared{false, &changed};
  Router router;
  auto echo = public_route(Method::post, "/echo", echo_body);
  echo.options.body_max = 8 << 20;
  router.add(echo);
  router.add(public_route(Method::get, "/stream", [&](Request&) { return streaming(shared); }));
  Server server(co_await asio::this_coro::executor, std::move(router), {});
  const auto bound = server.listen(Endpoint::tcp("127.0.0.1", 0), acceptor->get());
  if (!bound) throw std::runtime_error(bound.error().message());
  co_await script(*bound, **connector, shared);
  co_await server.stop();
}

class Tls : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("openssl version >/dev/null 2>&1") != 0)
      GTEST_SKIP() << "there is no openssl command here";
  }
  void serve(const std::string& names, bool is_trusted, Script script) {
    const auto files = make_certificate(folder_, "server", names);
    const TlsRoots roots{is_trusted ? files.certificate : ""};
    testing::run(serve_during(files, roots, script));
  }
  testing::TempFolder folder_;
};

Task<Result<ClientResponse>> echo(Client& client, Endpoint at, std::string body) {
  ClientRequest request;
  request.method = Method::post;
  request.target = "/echo";
  request.body = std::move(body);
  co_return co_await client.send(std::move(at), std::move(request), soon());
}

Task<void> exchange_bodies(Endpoint at, TlsConnector& connector, Shared&) {
  Client client({}, &connector);
  for (const std::size_t size : {1UL, 16384UL, 3'000'000UL}) {
    const std::string body(size, 'x');
    const auto answer = co_await echo(client, at, body);
    EXPECT_TRUE(answer && answer->body == body) << size;
    if (!answer) ADD_FAILURE() << answer.error().message();
  }
}
TEST_F(Tls, CarriesSmallAndLargeBodiesToAnAddress) {
  serve("IP:127.0.0.1", true, exchange_bodies);
}

Task<void> call_localhost(Endpoint at, TlsConnector& connector, Shared& shared) {
  at.host = "localhost";
  co_await exchange_bodies(at, connector, shared);
}
TEST_F(Tls, KnowsAServerByItsName) {
  serve("DNS:localhost", true, call_localhost);
}

Task<void> be_refused(Endpoint at, TlsConnector& connector, Shared&) {
  Client client({}, &connector);
  const auto answer = co_await echo(client, at, "secret");
  EXPECT_FALSE(answer);
  if (answer) co_return;
  EXPECT_EQ(answer.error().kind(), ErrorKind::service_unavailable);
  EXPECT_NE(answer.error().message().find("TLS"), std::string::npos) << answer.error().message();
}
TEST_F(Tls, RefusesACertificateThatNobodyVouchesFor) {
  serve("IP:127.0.0.1", false, be_refused);
}
TEST_F(Tls, RefusesACertificateOfAnotherHost) {
  serve("DNS:other.example", true, be_refused);
}

Task<void> leave_a_stream(Endpoint at, TlsConnector& connector, Shared& shared) {
  Client client({}, &connector);
  ClientRequest request;
  request.target = "/stream";
  auto opened = co_await client.open(at, request, soon());
  EXPECT_TRUE(opened && (co_await opened->body->read()) == "first");
  opened->body.reset();
  while (!shared.has_ended) co_await shared.changed->async_wait(no_throw);
}
TEST_F(Tls, NoticesThatTheReaderOfAStreamLeft) {
  serve("IP:127.0.0.1", true, leave_a_stream);
}

Task<void> speak_plainly(Endpoint at, TlsConnector& connector, Shared& shared) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const auto heard = co_await client->hear_all();
  EXPECT_EQ(heard.find("HTTP/1.1 200"), std::string::npos);
  co_await exchange_bodies(at, connector, shared);
}
TEST_F(Tls, SurvivesAClientThatSpeaksPlainHttp) {
  serve("IP:127.0.0.1", true, speak_plainly);
}

Task<Socket> connect_plainly(Endpoint at) {
  asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
  const asio::ip::tcp::endpoint address(asio::ip::make_address(at.host), at.port);
  co_await socket.async_connect(address, use_task);
  co_return Socket(std::move(socket));
}

// How the peer ended: `eof` after a close_notify, something else when the connection was cut.
Task<ErrorCode> end_of(Stream& stream) {
  std::array<char, 4096> buffer;
  for (;;) {
    const auto [ec, count] = co_await stream.read_some(asio::buffer(buffer));
    if (ec) co_return ec;
  }
}

Task<void> ask_for_one_answer(Endpoint at, TlsConnector& connector, Shared&) {
  auto socket = co_await connect_plainly(at);
  auto stream = (co_await connector.connect(std::move(socket), "127.0.0.1")).value();
  const std::string request = "GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  const std::array<asio::const_buffer, 1> buffers{asio::buffer(request)};
  co_await stream->write_some(buffers);
  EXPECT_EQ(co_await end_of(*stream), asio::error::eof);
}
TEST_F(Tls, AServerSaysThatItCloses) {
  serve("IP:127.0.0.1", true, ask_for_one_answer);
}

// What one server connection does, by hand.
using Conversation = Task<void> (*)(std::unique_ptr<Stream> stream, int duplicate);

Task<void> converse(Acceptor& listener, TlsAcceptor& tls, Conversation conversation) {
  auto socket = co_await listener.async_accept(use_task);
  const int duplicate = ::dup(socket.native_handle());
  auto stream = co_await tls.accept(std::move(socket));
  if (!stream) throw std::runtime_error(stream.error().detail());
  co_await conversation(std::move(*stream), duplicate);
  ::close(duplicate);
}

using ByHand = Task<void> (*)(Client& client, Endpoint at);

Task<void> serve_by_hand(TlsFiles files, Conversation conversation, ByHand script) {
  const auto tls = make_tls_acceptor(files).value();
  const auto connector = make_tls_connector({files.certificate}).value();
  auto socket = ListeningSocket::open(Endpoint::tcp("127.0.0.1", 0)).value();
  auto at = socket.endpoint();
  at.tls = true;
  auto listener = adopt_listener(co_await asio::this_coro::executor, socket.release()).value();
  TaskGroup tasks(co_await asio::this_coro::executor);
  tasks.spawn("converse", converse(listener, *tls, conversation));
  {
    Client client({}, connector.get());
    co_await script(client, at);
  }  // Its connections end with it.
  co_await tasks.join();
}

Task<void> say(Stream& stream, std::string text) {
  const std::array<asio::const_buffer, 1> buffers{asio::buffer(text)};
  co_await stream.write_some(buffers);
}

Task<void> answer_and_hear_the_end(std::unique_ptr<Stream> stream, int) {
  co_await say(*stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(co_await end_of(*stream), asio::error::eof);
}

Task<void> get_once(Client& client, Endpoint at) {
  const auto answer = co_await client.send(at, {}, soon());
  EXPECT_EQ(answer ? answer->body : answer.error().message(), "hi");
}
TEST_F(Tls, AClientSaysThatItCloses) {
  const auto files = make_certificate(folder_, "server", "IP:127.0.0.1");
  testing::run(serve_by_hand(files, answer_and_hear_the_end, get_once));
}

// An answer without a length: it ends where the connection ends.
Task<void> answer_and_close(std::unique_ptr<Stream> stream, int) {
  co_await say(*stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhole");
}
Task<void> answer_and_be_cut(std::unique_ptr<Stream> stream, int duplicate) {
  co_await say(*stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhal");
  ::shutdown(duplicate, SHUT_RDWR);
}

Task<void> get_whole(Client& client, Endpoint at) {
  const auto answer = co_await client.send(at, {}, soon());
  EXPECT_EQ(answer ? answer->body : answer.error().message(), "whole");
}
TEST_F(Tls, ABodyEndsWithACloseNotify) {
  const auto files = make_certificate(folder_, "server", "IP:127.0.0.1");
  testing::run(serve_by_hand(files, answer_and_close, get_whole));
}

Task<void> get_half(Client& client, Endpoint at) {
  const auto answer = co_await client.send(at, {}, soon());
  EXPECT_FALSE(answer) << "somebody cut the connection; nobody said that this was all: " << answer->body;
  if (!answer) EXPECT_EQ(answer.error().kind(), ErrorKind::upstream_error);
}
TEST_F(Tls, ABodyThatIsCutOffIsNoWholeOne) {
  const auto files = make_certificate(folder_, "server", "IP:127.0.0.1");
  testing::run(serve_by_hand(files, answer_and_be_cut, get_half));
}

TEST_F(Tls, SaysWhichFileIsWrong) {
  const auto one = make_certificate(folder_, "one", "DNS:one");
  const auto two = make_certificate(folder_, "two", "DNS:two");
  const auto missing = make_tls_acceptor({folder_ / "missing.crt", one.key});
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message().find("missing.crt"), std::string::npos);
  const auto mixed = make_tls_acceptor({one.certificate, two.key});
  ASSERT_FALSE(mixed);
  EXPECT_NE(mixed.error().message().find("two.key"), std::string::npos);
  EXPECT_FALSE(make_tls_connector({folder_ / "missing.pem"}));
}

}  // namespace
}  // namespace isa::net
