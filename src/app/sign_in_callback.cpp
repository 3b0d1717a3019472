#include "app/sign_in_callback.h"

namespace isa::app {
namespace {

// A page of our own words alone: nothing of the request stands in it.
net::Response page(int status, std::string_view title, std::string_view sentence) {
  auto response = net::Response::text(
      status, "text/html; charset=utf-8",
      fmt::format("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title>"
                  "<body style=\"font-family:sans-serif;max-width:32em;margin:4em auto;line-height:1.5\">"
                  "<h1>{0}</h1><p>{1}</p></body></html>",
                  title, sentence));
  // The address of this page holds a code.
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("Referrer-Policy", "no-referrer");
  response.headers.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
  return response;
}

net::ServerOptions options() {
  net::ServerOptions options;
  options.name = "isa-sign-in";
  options.limits.connections_max = 16;
  options.limits.drain_timeout = std::chrono::milliseconds(1'000);
  return options;
}

}  // namespace

SignInCallback::SignInCallback(asio::any_io_executor executor)
    : came_(executor),
      server_(executor,
              net::Router({{net::Method::get,
                            "/callback",
                            [this](net::Request& request) { return take(request); },
                            {.is_public = true}}}),
              options()) {}

Result<std::string> SignInCallback::listen() {
  ISA_TRY(const auto at, server_.listen(net::Endpoint::tcp("127.0.0.1", 0)));
  return fmt::format("http://127.0.0.1:{}/callback", at.port);
}

Task<Result<sdk::mcp::QueryFields>> SignInCallback::wait(std::string state, Deadline deadline) {
  state_ = std::move(state);
  while (!fields_ && !deadline.passed()) co_await came_.wait(deadline);
  state_.clear();
  if (!fields_) co_return timeout("nobody signed in within the time; run the command again");
  co_return *std::exchange(fields_, std::nullopt);
}

Task<Result<net::Response>> SignInCallback::take(net::Request& request) {
  // A browser may look at a page (HEAD) before it shows it.
  const bool is_expected = request.method == net::Method::get && !state_.empty() && !fields_ &&
                           request.query_value("state") == state_;
  if (!is_expected)
    co_return page(400, "This is not the answer that isA waits for",
                   "Open the address that the terminal shows, or run the command again.");
  fields_.emplace(request.query.begin(), request.query.end());
  came_.notify();
  if (fields_->contains("error"))
    co_return page(200, "Access was not granted", "You can close this window; the terminal says more.");
  co_return page(200, "Thank you", "You can close this window and go back to the terminal.");
}

}  // namespace isa::app
