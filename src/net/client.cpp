#include "net/client.h"

#include "net/client_connection.h"
#include "net/exchange.h"
#include "net/response_parser.h"
#include "net/text.h"

#include <boost/beast/http/error.hpp>

namespace isa::net {

struct Client::Impl {
  ClientOptions options;
  TlsConnector* tls = nullptr;
  std::shared_ptr<ConnectionPool> pool;

  Task<Result<OpenResponse>> open(Endpoint to, ClientRequest request, Deadline deadline,
                                  std::chrono::milliseconds silence);
};

namespace {

namespace bhttp = boost::beast::http;

bool is_clean(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// The usual port goes without saying; some servers know their names without it only.
std::string host_of(const Endpoint& to) {
  if (to.port != (to.tls ? 443 : 80)) return to.to_string();
  auto text = to.to_string();
  text.erase(text.rfind(':'));
  return text;
}

Result<std::string> render_head(const Endpoint& to, const ClientRequest& request) {
  if (!request.target.starts_with('/') || !is_clean(request.target) ||
      request.target.find(' ') != std::string::npos)
    return invalid_request("'{}' is no target of an HTTP request", request.target);
  std::string head;
  head.reserve(256);
  if (!is_clean(request.origin)) return invalid_request("'{}' is no origin of a URL", request.origin);
  const auto authority = request.origin.find("://");
  const auto host = authority != std::string::npos ? request.origin.substr(authority + 3)
                    : to.is_unix()                 ? "localhost"
                                                   : host_of(to);
  head.append(to_string(request.method)).append(" ").append(request.origin).append(request.target);
  head.append(" HTTP/1.1\r\nHost: ");
  head.append(host).append("\r\n");
  for (const auto& [name, value] : request.headers.all()) {
    if (equals_ignoring_case(name, "Host") || equals_ignoring_case(name, "Content-Length") ||
        equals_ignoring_case(name, "Connection") || equals_ignoring_case(name, "Transfer-Encoding"))
      continue;
    if (!is_clean(name) || !is_clean(value)) return invalid_request("the header '{}' holds a line end", name);
    head.append(name).append(": ").append(value).append("\r\n");
  }
  const bool carries_body = request.method == Method::post || request.method == Method::put ||
                            request.method == Method::patch || !request.body.empty();
  if (carries_body)
    head.append("Content-Length: ").append(std::to_string(request.body.size())).append("\r\n");
  head.append("\r\n");
  return head;
}

// The parser and the connection of one exchange; afterwards the body's.
struct Exchange {
  Peer to;
  std::unique_ptr<Connection> connection;
  std::unique_ptr<ResponseParser> parser;
  bool has_heard = false;  // A byte of the answer arrived.
};

Error broken(const Exchange& exchange, std::string_view what) {
  const auto& peer = exchange.to;
  if (exchange.connection->is_expired)
    return timeout("{} did not answer in time", peer.shown()).with_detail(peer.detail("timeout"));
  return upstream_error("{} {}", peer.shown(), what).with_detail(peer.detail(what));
}

// Parses what has arrived, reading more where that is not enough. Nothing when the answer breaks off.
enum class Step { progress, closed, malformed };
Task<Step> step(Exchange& exchange) {
  auto& input = exchange.connection->input;
  auto& parser = *exchange.parser;
  bool needs_more = input.empty();
  for (;;) {
    if (needs_more && !co_await exchange.connection->receive()) {
      const auto& connection = *exchange.connection;
      if (!parser.need_eof() || !parser.is_header_done() || connection.is_expired || !connection.has_ended)
        co_return Step::closed;
      ErrorCode ec;
      parser.put_eof(ec);
      co_return ec ? Step::malformed : Step::progress;
    }
    exchange.has_heard = true;
    ErrorCode ec;
    input.consume(parser.feed(input.data(), ec));
    if (!ec) co_return Step::progress;
    if (ec != bhttp::error::need_more || input.data().size() > ResponseParser::kHeaderMax)
      co_return Step::malformed;
    needs_more = true;
  }
}

Task<Result<void>> exchange_head(Exchange& exchange, const std::string& head, const ClientRequest& request) {
  BufferChain chain;
  chain.add(head);
  chain.add(request.body);
  // A server may answer and close before it has read the whole body (413): the answer counts then.
  const bool was_sent = co_await exchange.connection->send_all(chain);
  if (!was_sent && exchange.connection->is_expired) co_return broken(exchange, "");
  for (;;) {
    const auto result = co_await step(exchange);
    if (result == Step::closed) co_return broken(exchange, "closed the connection before it answered");
    if (result == Step::malformed) co_return broken(exchange, "sent something that is no HTTP/1.1 answer");
    if (!exchange.parser->is_header_done()) continue;
    if (exchange.parser->status >= 200) break;
    // 100 Continue and 103 Early Hints come before the answer.
    if (exchange.parser->status == 101)
      co_return broken(exchange, "switched to a protocol that nobody asked for");
    exchange.parser = std::make_unique<ResponseParser>(request.method == Method::head);
  }
  if (!was_sent) exchange.parser->headers.set("Connection", "close");
  co_return ok();
}

class ResponseBody final : public BodyStream {
 public:
  ResponseBody(Exchange exchange, std::weak_ptr<ConnectionPool> pool, std::chrono::milliseconds silence)
      : exchange_(std::move(exchange)), pool_(std::move(pool)), silence_(silence) {
    if (exchange_.parser->is_done()) retire();
  }

  Task<Result<std::string>> read() override {
    auto& parser = *exchange_.parser;
    while (parser.body.empty()) {
      if (!exchange_.connection) co_return std::string();
      exchange_.connection->watchdog.expire_after(silence_);
      const auto result = co_await step(exchange_);
      if (result == Step::closed && exchange_.connection->is_expired)
        co_return timeout("{} said nothing for {} ms", exchange_.to.shown(), silence_.count())
            .with_detail(exchange_.to.detail("silence"));
      if (result != Step::progress) co_return broken(exchange_, "broke off before the end of its answer");
      exchange_.connection->watchdog.rest();
      if (parser.is_done()) retire();
    }
    // Several chunks may have come at once.
    while (exchange_.connection && !exchange_.connection->input.empty()) {
      const auto before = exchange_.connection->input.data().size();
      ErrorCode ec;
      exchange_.connection->input.consume(parser.feed(exchange_.connection->input.data(), ec));
      if (parser.is_done()) retire();
      if (ec || (exchange_.connection && exchange_.connection->input.data().size() == before)) break;
    }
    co_return std::exchange(parser.body, {});
  }

 private:
  // The answer is complete: the connection may serve the next request.
  void retire() {
    auto connection = std::move(exchange_.connection);
    const auto pool = pool_.lock();
    const bool says_close = equals_ignoring_case(exchange_.parser->headers.get("Connection"), "close");
    if (pool && exchange_.parser->keep_alive() && !says_close && connection->input.empty())
      pool->give_back(exchange_.to.at, std::move(connection));
  }

  Exchange exchange_;
  std::weak_ptr<ConnectionPool> pool_;
  std::chrono::milliseconds silence_;
};

OpenResponse response_of(Exchange exchange, std::weak_ptr<ConnectionPool> pool,
                         std::chrono::milliseconds silence) {
  OpenResponse response;
  response.status = exchange.parser->status;
  response.headers = exchange.parser->headers;
  response.body = std::make_unique<ResponseBody>(std::move(exchange), std::move(pool), silence);
  return response;
}

}  // namespace

Client::Client(ClientOptions options, TlsConnector* tls) : impl_(std::make_shared<Impl>()) {
  impl_->options = options;
  impl_->tls = tls;
  impl_->pool = std::make_shared<ConnectionPool>(options.idle_per_endpoint, options.idle_timeout);
}

Client::~Client() = default;

Task<Result<OpenResponse>> exchange_once(std::unique_ptr<Stream> stream, Endpoint to, ClientRequest request,
                                         Deadline deadline, std::chrono::milliseconds silence) {
  ISA_CO_TRY(const auto head, render_head(to, request));
  Peer peer{std::move(to), request.peer};
  Exchange exchange{std::move(peer), std::make_unique<Connection>(std::move(stream)),
                    std::make_unique<ResponseParser>(request.method == Method::head)};
  exchange.connection->watchdog.expire_at(deadline.time());
  ISA_CO_TRYV(co_await exchange_head(exchange, head, request));
  exchange.connection->watchdog.rest();
  co_return response_of(std::move(exchange), {}, silence);
}

Task<Result<OpenResponse>> Client::Impl::open(Endpoint to, ClientRequest request, Deadline deadline,
                                              std::chrono::milliseconds silence) {
  ISA_CO_TRY(const auto head, render_head(to, request));
  const Peer peer{to, request.peer};
  for (bool may_reuse = true;; may_reuse = false) {
    Exchange exchange{peer, may_reuse ? pool->take(to) : nullptr,
                      std::make_unique<ResponseParser>(request.method == Method::head)};
    const bool is_reused = exchange.connection != nullptr;
    if (!is_reused) {
      const auto connect_deadline = deadline.tightened(options.connect_timeout);
      ISA_CO_TRY(exchange.connection, co_await connect_to(peer, tls, connect_deadline));
    }
    exchange.connection->watchdog.expire_at(deadline.time());
    auto done = co_await exchange_head(exchange, head, request);
    if (!done && is_reused && !exchange.has_heard && !exchange.connection->is_expired) continue;
    if (!done) co_return Failure(done.error());
    exchange.connection->watchdog.rest();
    co_return response_of(std::move(exchange), pool, silence);
  }
}

Task<Result<OpenResponse>> Client::open(Endpoint to, ClientRequest request, Deadline deadline,
                                        std::chrono::milliseconds silence) {
  const auto impl = impl_;
  co_return co_await impl->open(std::move(to), std::move(request), deadline, silence);
}

Task<Result<ClientResponse>> Client::send(Endpoint to, ClientRequest request, Deadline deadline) {
  const auto impl = impl_;
  const auto exchange = [](std::shared_ptr<Impl> self, Endpoint where, ClientRequest what,
                           Deadline until) -> Task<Result<ClientResponse>> {
    ISA_CO_TRY(auto opened,
               co_await self->open(std::move(where), std::move(what), until, std::chrono::hours(24)));
    ClientResponse response;
    response.status = opened.status;
    response.headers = std::move(opened.headers);
    ISA_CO_TRY(response.body, co_await read_all(*opened.body, self->options.body_max));
    co_return response;
  };
  auto message = fmt::format("{} did not answer in time", Peer{to, request.peer}.shown());
  auto task = exchange(impl, std::move(to), std::move(request), deadline);
  co_return co_await with_deadline(deadline, std::move(task), std::move(message));
}

Task<Result<std::string>> read_all(BodyStream& body, std::size_t max) {
  std::string all;
  for (;;) {
    ISA_CO_TRY(auto piece, co_await body.read());
    if (piece.empty()) co_return all;
    if (all.size() + piece.size() > max)
      co_return payload_too_large("the answer has more than {} bytes", max);
    if (all.empty())
      all = std::move(piece);
    else
      all += piece;
  }
}

}  // namespace isa::net
