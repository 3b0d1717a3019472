#include "upstream.h"

#include "http.h"

#include <fmt/format.h>

#include <charconv>

namespace isa::bench {
namespace {

std::string chunk(std::string_view delta, std::string_view finish) {
  return fmt::format(
      R"(data: {{"id":"c1","object":"chat.completion.chunk","created":1,"model":"clock","choices":[{{"index":0,"delta":{},"finish_reason":{}}}]}})"
      "\n\n",
      delta, finish);
}

Task<void> stream_clock(net::BodyWriter& to, UpstreamPace pace) {
  if (!co_await to.write(chunk(R"({"role":"assistant","content":""})", "null"))) co_return;
  for (int i = 0; i < pace.chunks; ++i) {
    co_await sleep_for(pace.gap);
    auto text = chunk(fmt::format(R"({{"content":"t{} "}})", now_nanos()), "null");
    if (!co_await to.write(std::move(text))) co_return;
  }
  auto last = chunk("{}", R"("stop")") +
              R"(data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"clock","choices":[],)"
              R"("usage":{"prompt_tokens":1,"completion_tokens":60,"total_tokens":61}})"
              "\n\ndata: [DONE]\n\n";
  static_cast<void>(co_await to.write(std::move(last)));  // The end, heard or not.
}

Task<Result<net::Response>> completion(UpstreamPace pace) {
  co_return net::Response::sse([pace](net::BodyWriter& to) { return stream_clock(to, pace); });
}

}  // namespace

std::int64_t now_nanos() {
  return std::chrono::steady_clock::now().time_since_epoch().count();
}

std::vector<std::int64_t> stamps_in(std::string_view text) {
  std::vector<std::int64_t> found;
  for (auto at = text.find("\"t"); at != std::string_view::npos; at = text.find("\"t", at + 1)) {
    std::int64_t stamp = 0;
    const auto [end, ec] = std::from_chars(text.data() + at + 2, text.data() + text.size(), stamp);
    if (ec == std::errc() && stamp > 1'000'000) found.push_back(stamp);
  }
  return found;
}

net::Router upstream_router(UpstreamPace pace) {
  net::Router router;
  net::RouteOptions open;
  open.is_public = true;
  router.add(
      {net::Method::post, "/v1/chat/completions", [pace](net::Request&) { return completion(pace); }, open});
  router.add(
      {net::Method::get, "/v1/models",
       [](net::Request&) -> Task<Result<net::Response>> {
         co_return net::Response::json(
             200,
             json::parse(
                 R"({"object":"list","data":[{"id":"clock","object":"model","created":1,"owned_by":"bench"}]})")
                 .value());
       },
       open});
  return router;
}

Upstream::Upstream(UpstreamPace pace) {
  loop_.run([](Upstream& self, UpstreamPace pace) -> Task<void> {
    net::ServerOptions options;
    options.name = "upstream";
    self.server_ =
        std::make_unique<net::Server>(co_await asio::this_coro::executor, upstream_router(pace), options);
    auto listening = self.server_->listen(net::Endpoint::tcp("127.0.0.1", 0));
    if (!listening) die(listening.error().message());
    self.at_ = *listening;
  }(*this, pace));
}

Upstream::~Upstream() {
  loop_.run([](Upstream& self) -> Task<void> {
    co_await self.server_->stop();
    self.server_.reset();
  }(*this));
}

}  // namespace isa::bench
