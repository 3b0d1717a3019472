#include "cloud_os/egress/tunnel.h"

#include "cloud_os/egress/client_hello.h"

#include <boost/asio/error.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include <utility>

namespace isa::cloud_os {
namespace {

constexpr std::size_t kPiece = 32 << 10;  // Bytes; per direction.
constexpr std::size_t kHelloPiece = 4 << 10;
constexpr std::uint16_t kHttps = 443;
constexpr char kTlsHandshake = 0x16;
// Fatal alert unrecognized_name (RFC 8446, section 6): the client learns more than from a closed connection.
constexpr std::string_view kUnrecognizedName("\x15\x03\x03\x00\x02\x02\x70", 7);

Task<bool> write_all(net::Stream& to, std::string_view bytes) {
  net::BufferChain chain;
  chain.add(bytes);
  while (!chain.empty()) {
    const auto [failed, count] = co_await to.write_some(chain.head());
    if (failed) co_return false;
    chain.consume(count);
  }
  co_return true;
}

}  // namespace

Tunnel::Tunnel(EgressTarget target, std::unique_ptr<net::Stream> outside, TunnelLimits limits, OnEnd on_end)
    : target_(std::move(target)),
      outside_(std::move(outside)),
      limits_(limits),
      on_end_(std::move(on_end)),
      watchdog_(outside_->executor(), [this] { close("timeout"); }) {}

Tunnel::~Tunnel() {
  end();
}

void Tunnel::end() {
  if (const auto on_end = std::exchange(on_end_, nullptr)) on_end(account_);
}

void Tunnel::close(std::string_view reason) {
  if (account_.reason.empty()) account_.reason = reason;
  outside_->close();
  if (inside_ != nullptr) inside_->close();
}

Task<void> Tunnel::run(std::shared_ptr<Tunnel> tunnel, net::Stream& inside, net::Input& input) {
  using namespace asio::experimental::awaitable_operators;
  struct Ending {
    Tunnel& tunnel;
    ~Ending() {
      tunnel.inside_ = nullptr;
      tunnel.watchdog_.rest();
      tunnel.outside_->close();
      tunnel.end();
    }
  } ending{*tunnel};
  tunnel->inside_ = &inside;
  const bool must_be_tls = tunnel->target_.port == kHttps;
  tunnel->watchdog_.expire_after(must_be_tls ? tunnel->limits_.hello : tunnel->limits_.idle);
  co_await (tunnel->send_out(inside, input) &&
            tunnel->pump(*tunnel->outside_, inside, tunnel->account_.bytes_in));
}

Task<void> Tunnel::send_out(net::Stream& inside, net::Input& input) {
  if (!co_await inspect(inside, input)) co_return;
  watchdog_.expire_after(limits_.idle);
  account_.bytes_out += static_cast<std::int64_t>(input.data().size());
  if (!co_await write_all(*outside_, input.data())) co_return close("broken");
  input.consume(input.data().size());
  input.shrink();
  co_await pump(inside, *outside_, account_.bytes_out);
}

// True when the tunnel may go on with what has been read.
Task<bool> Tunnel::inspect(net::Stream& inside, net::Input& input) {
  for (;;) {
    if (!input.empty()) {
      const bool is_tls = input.data().front() == kTlsHandshake;
      if (!is_tls && target_.port != kHttps) co_return true;
      ClientHello hello;
      const auto progress = read_client_hello(input.data(), hello);
      if (progress != HelloProgress::incomplete) {
        const auto reason = progress == HelloProgress::malformed
                                ? std::string_view("not_tls")
                                : why_refused(hello.server_name, hello.hides_name);
        if (reason.empty()) co_return true;
        co_await refuse(inside, reason);
        co_return false;
      }
    }
    const auto space = input.prepare(kHelloPiece);
    const auto [failed, count] = co_await inside.read_some(space);
    input.commit(count);
    if (!failed) continue;
    close(input.empty() && failed == asio::error::eof ? "" : "broken");
    co_return false;
  }
}

std::string_view Tunnel::why_refused(std::string_view server_name, bool hides_name) const {
  if (hides_name) return "name_hidden";
  if (server_name.empty()) return "name_missing";
  const auto name = net::normal_host(server_name);
  return name && *name == target_.host ? std::string_view() : "name_mismatch";
}

Task<void> Tunnel::refuse(net::Stream& inside, std::string_view reason) {
  account_.reason = reason;
  // Whether the client still takes it does not matter.
  std::ignore = co_await write_all(inside, kUnrecognizedName);
  close(reason);
}

// Until `from` has no more, which `to` then learns. When either breaks, both are closed: the other direction
// must not wait for a peer that is gone. A client may leave without hearing how the server says goodbye.
Task<void> Tunnel::pump(net::Stream& from, net::Stream& to, std::int64_t& count) {
  std::vector<char> buffer(kPiece);
  for (;;) {
    const auto space = asio::buffer(buffer);
    const auto [failed, size] = co_await from.read_some(space);
    if (failed == asio::error::eof) {
      if (&from == inside_) inside_has_ended_ = true;
      co_return to.shutdown_send();
    }
    if (failed) co_return close("broken");
    watchdog_.expire_after(limits_.idle);
    if (!co_await write_all(to, {buffer.data(), size}))
      co_return close(&to == inside_ && inside_has_ended_ ? "" : "broken");
    count += static_cast<std::int64_t>(size);
  }
}

}  // namespace isa::cloud_os
