// CONNECT through the broker, and what goes through the tunnel.
#include "cloud_os/egress/test_stage.h"

#include <boost/asio/read.hpp>

namespace isa::cloud_os::testing {
namespace {

const std::string kRefusedByName("\x15\x03\x03\x00\x02\x02\x70", 7);

std::string connect_to(std::string_view authority) {
  return fmt::format("CONNECT {} HTTP/1.1\r\nHost: {}\r\n\r\n", authority, authority);
}

Task<std::unique_ptr<Inside>> tunnel(Stage& stage, std::string authority) {
  auto inside = co_await stage.enter();
  const auto answer = co_await inside->ask(connect_to(authority));
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
  EXPECT_FALSE(answer.contains("Content-Length") || answer.contains("Transfer-Encoding")) << answer;
  co_return inside;
}

// The reason in the trail's newest entry, which is a tunnel's end.
Task<std::string> end_of_tunnel(Stage& stage) {
  for (;;) {
    const auto trail = co_await stage.trail();
    if (!trail.empty() && trail.at(0).kind == store::AuditKind::tunnel_end) co_return trail.at(0).reason;
    co_await sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(TunnelOverTls, AClientReachesTheServerThatItNames) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test"});
    const auto inside = co_await tunnel(stage, "API.test.:443");
    const auto tls = net::make_tls_connector({.file = stage.certificate.certificate}).value();
    auto stream = co_await tls->connect(std::move(inside->socket()), "api.test");
    if (!stream) throw std::runtime_error(stream.error().message() + stream.error().detail());
    net::ClientRequest request{.target = "/hello"};
    auto answer = co_await net::exchange_once(std::move(*stream), net::Endpoint::tcp("api.test", 443),
                                              std::move(request), soon(), std::chrono::seconds(20));
    if (!answer) throw std::runtime_error(answer.error().message());
    const auto body = co_await net::read_all(*answer->body, 1 << 20);
    EXPECT_TRUE(body->contains(R"("target":"/hello")")) << *body;
    answer->body.reset();
    EXPECT_EQ(co_await end_of_tunnel(stage), "");
    const auto trail = co_await stage.trail();
    EXPECT_EQ(trail.at(0).target, "api.test:443");
    EXPECT_GT(trail.at(0).bytes_out, 100);
    EXPECT_GT(trail.at(0).bytes_in, 100);
    EXPECT_EQ(trail.at(1).kind, store::AuditKind::tunnel);
  });
}

TEST(Tunnel, OnlyNamesOnTheListAndTheirPortsAreConnectedTo) {
  on_stage([](Stage& stage) -> Task<void> {
    EXPECT_TRUE((co_await stage.ask(connect_to("api.test:443"))).starts_with("HTTP/1.1 403 "));
    stage.allow({"api.test", "plain.test:8080", "*.plain.test:22"});
    for (const char* authority : {"evil.test:443", "api.test:8443", "plain.test:443", "plain.test:22",
                                  "a.plain.test:22.", "x.example:22"})
      EXPECT_FALSE((co_await stage.ask(connect_to(authority))).starts_with("HTTP/1.1 200 ")) << authority;
    EXPECT_TRUE((co_await stage.ask(connect_to("plain.test:8080"))).starts_with("HTTP/1.1 200 "));
    EXPECT_EQ(stage.names->asked, 0);
  });
}

TEST(Tunnel, AnAddressInAnySpellingIsNoTarget) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test", "*.api.test"});
    for (const char* authority :
         {"127.0.0.1:443", "0x7f.1:443", "2130706433:443", "017700000001:443", "127.1:443", "[::1]:443",
          "[::ffff:127.0.0.1]:443", "169.254.169.254:80", "localhost:443", "api.test",
          "api.test:", "api.test:0", "api.test:443x", ":443", "api.test:443:443", "http://api.test:443",
          "api.test@evil.test:443"}) {
      const auto answer = co_await stage.ask(connect_to(authority));
      EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ") || answer.starts_with("HTTP/1.1 403 "))
          << authority << answer;
    }
  });
}

TEST(Tunnel, AConnectThatContradictsItselfIsRefused) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test", "other.test"});
    const std::string start = "CONNECT api.test:443 HTTP/1.1\r\n";
    for (const char* rest : {"Host: other.test:443\r\n\r\n", "Host: api.test:444\r\n\r\n",
                             "Host: api.test:443\r\nContent-Length: 5\r\n\r\nhello",
                             "Host: api.test:443\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                             "Host: api.test:443\r\nHost: api.test:443\r\n\r\n", "\r\n"}) {
      const auto answer = co_await stage.ask(start + rest);
      EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 ")) << rest << answer;
    }
  });
}

TEST(Tunnel, ANameThatLeadsToAPrivateAddressIsRefused) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"*.rebound.test"});
    stage.names->names["a.rebound.test"] = {"10.1.2.3", "192.168.1.1"};
    const auto answer = co_await stage.ask(connect_to("a.rebound.test:443"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 403 ") && answer.contains("address_not_allowed")) << answer;
    EXPECT_EQ(stage.names->asked, 1);
  });
}

Task<void> refused_for(Stage& stage, std::string bytes, std::string reason, std::string heard) {
  const auto inside = co_await tunnel(stage, "api.test:443");
  co_await inside->say(std::move(bytes));
  EXPECT_EQ(co_await inside->hear_all(), heard) << reason;
  EXPECT_EQ(co_await end_of_tunnel(stage), reason);
  EXPECT_EQ((co_await stage.trail()).at(0).verdict, store::AuditVerdict::refused);
  EXPECT_EQ((co_await stage.trail()).at(0).bytes_out, 0);
}

TEST(Tunnel, TheNameInTheHelloMustBeTheOneThatWasAskedFor) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test", "other.test"});
    const auto hidden = in_records(hello_message(server_name_extension("api.test") + extension(0xfe0d, "x")));
    co_await refused_for(stage, hello_to("other.test"), "name_mismatch", kRefusedByName);
    co_await refused_for(stage, hello_to("127.0.0.1"), "name_mismatch", kRefusedByName);
    co_await refused_for(stage, in_records(hello_message("")), "name_missing", kRefusedByName);
    co_await refused_for(stage, hidden, "name_hidden", kRefusedByName);
    co_await refused_for(stage, "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", "not_tls", kRefusedByName);
    co_await refused_for(stage, "SSH-2.0-x\r\n", "not_tls", kRefusedByName);
  });
}

// A server that keeps what it hears, says what it is told, and sees ends.
struct Peer {
  explicit Peer(asio::any_io_executor executor)
      : acceptor(executor, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)), socket(executor) {}
  std::uint16_t port() const { return acceptor.local_endpoint().port(); }
  Task<void> accept() { co_await acceptor.async_accept(socket, use_task); }
  Task<std::string> hear(std::size_t bytes) {
    std::string heard(bytes, '\0');
    const auto space = asio::buffer(heard);
    const auto [ec, count] = co_await asio::async_read(socket, space, no_throw);
    heard.resize(count);
    co_return heard;
  }
  Task<void> say(std::string text) { co_await asio::async_write(socket, asio::buffer(text), use_task); }

  asio::ip::tcp::acceptor acceptor;
  asio::ip::tcp::socket socket;
};

struct Pair {
  std::unique_ptr<Peer> peer;
  std::unique_ptr<Inside> inside;
};

// A tunnel to a peer, whose place the operator's table says.
Task<Pair> tunnel_to_peer(Stage& stage, std::string authority) {
  Pair pair;
  const auto executor = co_await asio::this_coro::executor;
  pair.peer = std::make_unique<Peer>(executor);
  stage.settings.egress_hosts = {fmt::format("peer.test=127.0.0.1:{}", pair.peer->port())};
  co_await stage.reopen();
  stage.allow({"peer.test", "peer.test:22"});
  pair.inside = co_await tunnel(stage, std::move(authority));
  co_await pair.peer->accept();
  co_return pair;
}

TEST(Tunnel, AHelloInManySegmentsArrivesWhole) {
  on_stage([](Stage& stage) -> Task<void> {
    const auto pair = co_await tunnel_to_peer(stage, "peer.test:443");
    const auto hello = in_records(hello_message(server_name_extension("peer.test")), 20);
    for (const char byte : hello) co_await pair.inside->say(std::string(1, byte));
    EXPECT_EQ(co_await pair.peer->hear(hello.size()), hello);
    co_await pair.peer->say("answer");
    pair.peer->socket.close();
    EXPECT_EQ(co_await pair.inside->hear_all(), "answer");
  });
}

TEST(Tunnel, ASideThatIsDoneSendingStillReceives) {
  on_stage([](Stage& stage) -> Task<void> {
    const auto pair = co_await tunnel_to_peer(stage, "peer.test:22");
    co_await pair.inside->say("question");
    pair.inside->socket().shutdown(net::Socket::shutdown_send);
    EXPECT_EQ(co_await pair.peer->hear(100), "question");  // To its end.
    co_await pair.peer->say("late answer");
    pair.peer->socket.close();
    EXPECT_EQ(co_await pair.inside->hear_all(), "late answer");
    EXPECT_EQ(co_await end_of_tunnel(stage), "");
  });
}

TEST(Tunnel, AServerThatSpeaksFirstIsHeardOnAPortOfItsRule) {
  on_stage([](Stage& stage) -> Task<void> {
    const auto pair = co_await tunnel_to_peer(stage, "peer.test:22");
    co_await pair.peer->say("SSH-2.0-server\r\n");
    EXPECT_EQ(co_await pair.inside->hear_until("\r\n"), "SSH-2.0-server\r\n");
    co_await pair.inside->say("SSH-2.0-client\r\n");
    EXPECT_EQ(co_await pair.peer->hear(16), "SSH-2.0-client\r\n");
  });
}

TEST(Tunnel, TlsOnAnotherPortMustNameItsServerToo) {
  on_stage([](Stage& stage) -> Task<void> {
    const auto pair = co_await tunnel_to_peer(stage, "peer.test:22");
    co_await pair.inside->say(hello_to("other.test"));
    EXPECT_EQ(co_await pair.inside->hear_all(), kRefusedByName);
    EXPECT_EQ(co_await pair.peer->hear(1), "");
  });
}

TEST(Tunnel, AnAllowListThatNoLongerHoldsItsHostClosesIt) {
  on_stage([](Stage& stage) -> Task<void> {
    const auto pair = co_await tunnel_to_peer(stage, "peer.test:22");
    stage.allow({"peer.test:22", "more.test"});
    co_await pair.inside->say("still");
    EXPECT_EQ(co_await pair.peer->hear(5), "still");
    EXPECT_EQ(stage.broker->counters().tunnels_open, 1);
    stage.allow({"peer.test"});
    EXPECT_EQ(co_await pair.inside->hear_all(), "");
    EXPECT_EQ(co_await pair.peer->hear(1), "");
    EXPECT_EQ(co_await end_of_tunnel(stage), "not_allowed_any_more");
    EXPECT_EQ(stage.broker->counters().tunnels_open, 0);
    EXPECT_TRUE((co_await stage.ask(connect_to("peer.test:22"))).starts_with("HTTP/1.1 403 "));
  });
}

TEST(Tunnel, AClientThatNeverNamesItsServerIsLetGo) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.limits.tunnel.hello = std::chrono::milliseconds(30);
    const auto pair = co_await tunnel_to_peer(stage, "peer.test:443");
    co_await pair.inside->say(hello_to("peer.test").substr(0, 20));
    EXPECT_EQ(co_await pair.inside->hear_all(), "");
    EXPECT_EQ(co_await end_of_tunnel(stage), "timeout");
  });
}

TEST(Tunnel, WhatOneSideDoesNotTakeIsNotReadFromTheOther) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.limits.tunnel.idle = std::chrono::milliseconds(300);
    const auto pair = co_await tunnel_to_peer(stage, "peer.test:22");
    const std::string much(64 << 20, 'x');
    const auto bytes = asio::buffer(much);
    // Nobody reads inside: the peer gets rid of what sockets hold, until the tunnel is given up.
    const auto [ec, sent] = co_await asio::async_write(pair.peer->socket, bytes, no_throw);
    EXPECT_TRUE(ec);
    EXPECT_LT(sent, much.size());
    EXPECT_EQ(co_await end_of_tunnel(stage), "timeout");
  });
}

TEST(Tunnel, ManyMegabytesGoThroughUnchanged) {
  on_stage([](Stage& stage) -> Task<void> {
    const auto pair = co_await tunnel_to_peer(stage, "peer.test:22");
    std::string much(8 << 20, '\0');
    for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>(i * 2654435761U >> 13);
    using namespace asio::experimental::awaitable_operators;
    const auto heard = co_await (pair.inside->say(much) && pair.peer->hear(much.size()));
    EXPECT_TRUE(heard == much);
    EXPECT_EQ(stage.broker->counters().tunnels_open, 1);
  });
}

TEST(Tunnel, NoMoreThanSoManyAreOpen) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.limits.tunnels_max = 1;
    const auto pair = co_await tunnel_to_peer(stage, "peer.test:22");
    const auto answer = co_await stage.ask(connect_to("peer.test:22"));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 ") && answer.contains("too_many_tunnels")) << answer;
  });
}

}  // namespace
}  // namespace isa::cloud_os::testing
