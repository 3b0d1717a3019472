// For tests: a broker on a socket, as a sandbox sees it, and servers outside on names of the tests' own.
#pragma once

#include "base/testing.h"
#include "cloud_os/broker.h"
#include "cloud_os/egress/test_hello.h"
#include "cloud_os/testing.h"
#include "cloud_os/unix_listener.h"
#include "net/raw_client.h"
#include "net/tls/test_certificate.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/write.hpp>

#include <functional>

namespace isa::cloud_os::testing {

// Says what a test wants a name server to say, and counts how often it was asked.
class FakeLookup final : public NameLookup {
 public:
  Task<Result<Addresses>> lookup(std::string host, Deadline) override {
    ++asked;
    const auto found = names.find(host);
    if (found == names.end()) co_return upstream_error("there is no {}", host).with_code("host_not_found");
    Addresses addresses;
    for (const auto& text : found->second) addresses.push_back(asio::ip::make_address(text));
    co_return addresses;
  }
  std::map<std::string, std::vector<std::string>> names;
  int asked = 0;
};

// A program in the sandbox: says exactly the bytes that it is told to.
class Inside : public net::RawClient {
 public:
  using net::RawClient::RawClient;
  static Task<std::unique_ptr<Inside>> connect(std::string path) {
    auto inside = std::make_unique<Inside>(co_await asio::this_coro::executor);
    co_await inside->open(net::Endpoint::unix_socket(std::move(path)));
    co_return inside;
  }

  // Whoever refuses it may not hear it to its end: his answer says so.
  Task<void> say(std::string text) { co_await asio::async_write(socket(), asio::buffer(text), no_throw); }
  Task<std::string> ask(std::string text) {
    co_await say(std::move(text));
    co_return co_await hear_until("\r\n\r\n");
  }
};

// Answers every request with what it was: method, target, headers, body.
inline Task<Result<net::Response>> echo(net::Request& request) {
  json::object seen{
      {"method", net::to_string(request.method)}, {"target", request.target}, {"body", request.body}};
  json::object headers;
  for (const auto& [name, value] : request.headers.all()) headers[name] = value;
  seen["headers"] = std::move(headers);
  co_return net::Response::json(200, seen);
}

class Stage {
 public:
  explicit Stage(asio::any_io_executor executor)
      : plain(executor, routes(), {.name = "plain"}), secure(executor, routes(), {.name = "secure"}) {
    certificate = net::make_certificate(folder, "api.test", "DNS:api.test");
    acceptor = net::make_tls_acceptor(certificate).value();
    plain_port = plain.listen(net::Endpoint::tcp("127.0.0.1", 0)).value().port;
    secure_port = secure.listen(net::Endpoint::tcp("127.0.0.1", 0), acceptor.get()).value().port;
    settings.egress_hosts = {fmt::format("plain.test=127.0.0.1:{}", plain_port),
                             fmt::format("api.test=127.0.0.1:{}", secure_port),
                             fmt::format("other.test=127.0.0.1:{}", secure_port)};
    settings.egress_ca = certificate.certificate;
    open(executor);
  }
  // As a restart of the server does, with the settings and limits of now.
  Task<void> reopen() {
    co_await close();
    open(co_await asio::this_coro::executor);
  }

  std::string socket() const { return folder / "b"; }
  void allow(std::vector<std::string> egress) {
    auto binding = binding_of("ann");
    binding.egress = std::move(egress);
    broker->bind(std::move(binding));
  }
  Task<std::unique_ptr<Inside>> enter() { return Inside::connect(socket()); }
  // Of a connection of its own: the whole answer. The request asks for the end of the connection, since
  // whoever ends it himself counts as gone and gets none; a tunnel that it opens is ended from inside.
  Task<std::string> ask(std::string request) {
    const auto inside = co_await enter();
    const bool opens_tunnel = request.starts_with("CONNECT ");
    request.insert(request.find("\r\n") + 2, "Connection: close\r\n");
    co_await inside->say(std::move(request));
    auto answer = co_await inside->hear_until("\r\n\r\n");
    if (opens_tunnel) inside->socket().shutdown(net::Socket::shutdown_send);
    answer += co_await inside->hear_all();
    co_return answer;
  }
  Task<std::string> get(std::string url, std::string headers = "") {
    const auto begin = url.find("//") + 2;
    const auto authority = url.substr(begin, url.find('/', begin) - begin);
    auto request = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\n{}\r\n", url, authority, headers);
    co_return co_await ask(std::move(request));
  }
  Task<std::vector<store::SandboxAuditEntry>> trail() {
    co_await brokerage->trail().flush();
    co_return (co_await brokerage->audit().list({}, "", 100))->items;
  }
  Task<void> stop() {
    co_await close();
    co_await plain.stop();
    co_await secure.stop();
  }

  isa::testing::TempFolder folder;
  EchoModels models;
  net::Metrics metrics;
  net::Server plain, secure;
  net::TlsFiles certificate;
  std::unique_ptr<net::TlsAcceptor> acceptor;
  std::uint16_t plain_port = 0, secure_port = 0;
  Settings settings;
  EgressLimits limits;
  FakeLookup* names = nullptr;
  std::unique_ptr<Brokerage> brokerage;
  std::unique_ptr<Broker> broker;

 private:
  void open(const asio::any_io_executor& executor) {
    auto lookup = std::make_unique<FakeLookup>();
    names = lookup.get();
    brokerage =
        Brokerage::open(executor, folder.path(), settings, models, metrics, std::move(lookup)).value();
    brokerage->limit_egress(limits);
    broker = std::make_unique<Broker>(executor, SandboxId("vm_test"), EgressRules(), *brokerage);
    if (!broker->serve(listen_unix(socket(), 0600).value())) throw std::runtime_error("cannot listen");
  }
  Task<void> close() {
    co_await broker->stop();
    broker.reset();
    co_await brokerage->stop();
    brokerage.reset();
  }
  static net::Router routes() {
    net::RouteOptions options;
    options.is_public = true;
    options.body_max = 64 << 20;
    const auto redirect = [](net::Request&) -> Task<Result<net::Response>> {
      net::Response response;
      response.status = 302;
      response.headers.set("Location", "http://127.0.0.1:1/");
      co_return response;
    };
    const auto size = [](net::Request& request) -> Task<Result<net::Response>> {
      co_return net::Response::text(200, "text/plain", std::to_string(request.body.size()));
    };
    const auto big = [](net::Request&) -> Task<Result<net::Response>> {
      co_return net::Response::text(200, "text/plain", std::string(16 << 20, 'x'));
    };
    return net::Router({{net::Method::get, "/redirect", redirect, options},
                        {net::Method::post, "/size", size, options},
                        {net::Method::get, "/big", big, options},
                        {net::Method::get, "/{path...}", echo, options},
                        {net::Method::del, "/{path...}", echo, options},
                        {net::Method::post, "/{path...}", echo, options}});
  }
};

template <class Use>
void on_stage(Use use) {
  isa::testing::run([](Use& body) -> Task<void> {
    Stage stage(co_await asio::this_coro::executor);
    std::exception_ptr failure;
    try {
      co_await body(stage);
    } catch (...) {
      failure = std::current_exception();
    }
    co_await stage.stop();
    if (failure) std::rethrow_exception(failure);
  }(use));
}

}  // namespace isa::cloud_os::testing
