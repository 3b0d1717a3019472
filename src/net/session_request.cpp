// From the first byte of a request to the handler's answer.
#include "base/log.h"
#include "net/origin_check.h"
#include "net/session.h"
#include "net/target.h"
#include "net/trace_headers.h"

#include <boost/asio/this_coro.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/system/system_error.hpp>

namespace isa::net {
namespace {

namespace bhttp = boost::beast::http;
constexpr std::size_t kRequestIdMax = 128;
constexpr std::size_t kChunkHeadMax = 8 << 10;
constexpr std::uint64_t kBodyPieceMin = 4 << 10;
constexpr std::uint64_t kBodyPieceMax = 64 << 10;

std::string accepted_request_id(std::string_view offered) {
  const bool is_sane =
      !offered.empty() && offered.size() <= kRequestIdMax && std::ranges::all_of(offered, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-_.:/+=@").find(c) != std::string_view::npos;
      });
  return is_sane ? std::string(offered) : "req_" + make_ulid();
}

Response with_status(int status, const Error& error, std::string_view request_id) {
  auto response = error_response(error, request_id);
  response.status = status;
  return response;
}

void log_failure(const Request& request, const Route* route, const Error& error) {
  const int status = status_of(error.kind());
  if (status < 500 || error.kind() == ErrorKind::not_implemented) return;
  const auto level = error.kind() == ErrorKind::internal_error ? log::error : log::warn;
  level("http.request_failed", {{"request_id", request.request_id},
                                {"trace_id", trace_id_of(request.headers)},
                                {"route", route != nullptr ? route->pattern : request.path},
                                {"code", error.code()},
                                {"message", error.message()},
                                {"detail", error.detail()}});
}

}  // namespace

Task<Session::Head> Session::read_head(RequestParser& parser) {
  phase_ = Phase::idle;
  is_expired_ = false;
  input_.shrink();
  watchdog_.expire_after(limits().idle_timeout);
  bool has_begun = false;
  for (;;) {
    // Empty lines between requests are to be skipped (RFC 9112, section 2.2).
    while (!has_begun && !input_.empty() && (input_.data().front() == '\r' || input_.data().front() == '\n'))
      input_.consume(1);
    if (!input_.empty()) {
      if (!has_begun) phase_ = Phase::reading;
      ErrorCode ec;
      input_.consume(parser.feed(input_.data(), ec));
      if (ec == bhttp::error::header_limit) co_return Head::too_large;
      if (ec && ec != bhttp::error::need_more) co_return Head::malformed;
      if (parser.is_header_done()) co_return Head::complete;
      if (!has_begun) watchdog_.expire_after(limits().header_timeout);
      has_begun = true;
    }
    if (context_.is_stopping && !has_begun) co_return Head::gone;
    if (!co_await receive()) co_return is_expired_&& has_begun ? Head::late : Head::gone;
  }
}

Task<Response> Session::respond(Head head, RequestParser& parser, const Route*& route) {
  auto& request = parser.request;
  request.request_id = accepted_request_id(request.headers.get("X-Request-Id"));
  begin_span(request.headers);
  request.peer = peer_;
  const auto& id = request.request_id;
  if (head == Head::too_large)
    co_return with_status(
        431, invalid_request("the request's head is larger than {} bytes", limits().header_max), id);
  if (head == Head::malformed)
    co_return error_response(invalid_request("this is not a valid HTTP/1.1 request"), id);
  if (head == Head::late)
    co_return with_status(408, timeout("the request's head did not arrive in time"), id);

  std::string failure;
  std::optional<Result<Response>> result;
  try {
    result.emplace(co_await answer(parser, route));
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted && stop_ == Stop::none) throw;  // The server stops.
    failure = e.what();
  } catch (const std::exception& e) {
    failure = e.what();
  }
  is_cancellable_ = false;
  watchdog_.rest();
  const auto stopped = std::exchange(stop_, Stop::none);
  // A cancellation that was for the handler, which has unwound, would make the next co_await throw; and a
  // handler may have turned cancellation off for itself.
  co_await asio::this_coro::reset_cancellation_state();
  is_expired_ = false;
  if (!result && stopped == Stop::deadline)
    result = timeout("the request did not finish within {} ms", route->options.timeout.count());
  if (!result && stopped == Stop::peer_left) result = cancelled("the caller has left");
  if (!result)
    result = internal_error("the request failed because of a bug; its id is in the server's log")
                 .with_detail(failure);
  if (*result) co_return std::move(**result);
  log_failure(request, route, result->error());
  auto response = error_response(result->error(), id);
  if (result->error().code() == "request_timeout") response.status = 408;
  co_return response;
}

// Whoever may not ask is told so before the body is read.
Task<Result<Response>> Session::answer(RequestParser& parser, const Route*& route) {
  auto& request = parser.request;
  if (context_.options.loopback_hosts_only && peer_ != "unix") {
    if (const auto refusal = refuse_foreign_host(request.headers))
      co_return with_status(refusal->status, refusal->error, request.request_id);
  }
  if (!parser.method_is_known)
    co_return not_implemented("this server does not know the method of the request");
  if (context_.options.proxy && (parser.is_connect || !request.target.starts_with('/'))) {
    route = &context_.options.proxy->forward;
    co_return co_await handle(parser, *route);
  }
  if (parser.is_connect) co_return not_implemented("this server is no proxy");
  ISA_CO_TRY(const auto parts, split_target(request.target));
  request.path = percent_decode(parts.path);
  request.query = parse_query(parts.query);
  auto match = context_.router.match(request.method, parts.path);
  if (match.route == nullptr) co_return no_route_response(request, match);
  route = match.route;
  request.params = std::move(match.params);
  co_return co_await handle(parser, *route);
}

Task<Result<Response>> Session::handle(RequestParser& parser, const Route& route) {
  auto& request = parser.request;
  const auto begin = [&] {
    phase_ = Phase::handling;
    request.deadline = Deadline::after(route.options.timeout);
    watchdog_.expire_at(request.deadline.time());
  };
  if (!route.options.is_public && context_.options.guard) {
    begin();
    ISA_CO_TRY(request.identity, co_await context_.options.guard(request));
  }
  if (route.options.is_internal && !request.identity.is_internal)
    co_return insufficient_permissions("only other roles of the platform may use {}", route.pattern);
  ISA_CO_TRYV(co_await read_body(parser, route));
  begin();
  is_cancellable_ = route.options.cancel_on_disconnect;
  if (is_cancellable_) watch_peer();
  if (!parser.is_connect) co_return co_await route.handler(request);
  ISA_CO_TRY(takeover_, co_await context_.options.proxy->connect(request));
  co_return Response();
}

Task<Result<void>> Session::read_body(RequestParser& parser, const Route& route) {
  if (parser.is_done()) co_return ok();
  const auto too_large = [&] {
    return payload_too_large("the body of a request to {} may have {} bytes at most", route.pattern,
                             route.options.body_max);
  };
  parser.body_max = route.options.body_max;
  const auto length = parser.content_length();
  if (length && *length > parser.body_max) co_return too_large();
  phase_ = Phase::reading;
  is_expired_ = false;
  watchdog_.expire_after(limits().body_timeout);
  if (parser.expects_continue && input_.empty()) {
    BufferChain chain;
    chain.add("HTTP/1.1 100 Continue\r\n\r\n");
    if (!co_await write_all(chain)) co_return cancelled("the caller left while it sent the body");
    phase_ = Phase::reading;
    watchdog_.expire_after(limits().body_timeout);
  }
  const auto room = std::min<std::uint64_t>(length.value_or(kBodyPieceMin), kBodyPieceMax);
  bool needs_more = input_.empty();
  while (!parser.is_done()) {
    if (needs_more && !co_await receive(static_cast<std::size_t>(room))) {
      if (is_expired_)
        co_return timeout("the body did not arrive within {} ms", limits().body_timeout.count())
            .with_code("request_timeout");
      co_return cancelled("the caller left while it sent the body");
    }
    ErrorCode ec;
    input_.consume(parser.feed(input_.data(), ec));
    if (ec == bhttp::error::body_limit) co_return too_large();
    if (!hold_body(parser.request.body.size()))
      co_return service_unavailable("this server holds {} bytes of other requests already; try again later",
                                    limits().bodies_max)
          .with_code("too_many_bytes");
    needs_more = ec == bhttp::error::need_more || input_.empty();
    if (ec && ec != bhttp::error::need_more)
      co_return invalid_request("the body is not valid HTTP/1.1 framing");
    if (ec == bhttp::error::need_more && input_.data().size() > kChunkHeadMax)
      co_return invalid_request("the body's chunk header is too long");
  }
  co_return ok();
}

}  // namespace isa::net
