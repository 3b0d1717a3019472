#include "net/tls/tls.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <utility>

#include <poll.h>

namespace isa::net {
namespace {

namespace ssl = asio::ssl;

class TlsStream final : public Stream {
 public:
  TlsStream(Socket socket, ssl::context& context) : tls_(std::move(socket), context) {
    ErrorCode ignored;                              // A socket that refuses would fail at its first read.
    tls_.next_layer().non_blocking(true, ignored);  // For say_goodbye(), the one call that does not wait.
  }
  ~TlsStream() override { close(); }

  ssl::stream<Socket>& engine() { return tls_; }

  Task<ErrorCode> handshake(ssl::stream_base::handshake_type side) {
    const auto [ec] = co_await tls_.async_handshake(side, no_throw);
    can_say_goodbye_ = !ec;
    co_return ec;
  }

  Task<IoResult> read_some(asio::mutable_buffer into) override {
    const auto [ec, count] = co_await tls_.async_read_some(into, no_throw);
    // After the end of the stream there is nobody to talk to, after an error of TLS no session to do it in.
    if (ec && ec != asio::error::operation_aborted && ec != asio::error::eof) can_say_goodbye_ = false;
    co_return IoResult(ec, count);
  }

  // One record each: OpenSSL would otherwise see only the first of several small buffers.
  Task<IoResult> write_some(std::span<const asio::const_buffer> buffers) override {
    auto record = buffers.front();
    if (buffers.size() > 1) {
      record_.resize(std::min(asio::buffer_size(buffers), kRecordMax));
      asio::buffer_copy(asio::buffer(record_), buffers);
      record = asio::buffer(record_);
    }
    // A goodbye within a record would be noise to the peer; a write that was cut off leaves half a record.
    const bool could_say_goodbye = std::exchange(can_say_goodbye_, false);
    const auto [ec, count] = co_await tls_.async_write_some(record, no_throw);
    can_say_goodbye_ = could_say_goodbye && !ec;
    co_return IoResult(ec, count);
  }

  void cancel() noexcept override {
    ErrorCode ignored;  // Fails only on a closed socket, where nothing waits.
    tls_.next_layer().cancel(ignored);
  }
  void shutdown_send() noexcept override {
    say_goodbye();
    ErrorCode ignored;  // The peer may be gone already.
    tls_.next_layer().shutdown(Socket::shutdown_send, ignored);
  }
  void close() noexcept override {
    say_goodbye();
    ErrorCode ignored;  // The descriptor is gone either way.
    tls_.next_layer().close(ignored);
  }
  // Session tickets may lie unread on a healthy connection, and a close_notify before its end: only the end
  // of the stream tells.
  bool is_stale() noexcept override {
    if (!tls_.next_layer().is_open()) return true;
    pollfd state{tls_.next_layer().native_handle(), POLLRDHUP, 0};
    return poll(&state, 1, 0) != 0;
  }
  asio::any_io_executor executor() override { return tls_.get_executor(); }

 private:
  // Sends close_notify (RFC 8446, section 6.1), by which the peer tells our end from somebody's cut. Waits
  // for nothing: the socket does not block, a peer whose buffers are full does without, and its own
  // close_notify is not of interest.
  void say_goodbye() noexcept {
    if (!std::exchange(can_say_goodbye_, false) || !tls_.next_layer().is_open()) return;
    ErrorCode ignored;  // would_block, once the alert is out and the peer's is awaited.
    tls_.shutdown(ignored);
  }

  static constexpr std::size_t kRecordMax = 16 << 10;

  ssl::stream<Socket> tls_;
  std::string record_;
  bool can_say_goodbye_ = false;  // The session stands, and no record is half written.
};

Error unreadable(std::string_view what, const std::string& file, const ErrorCode& ec) {
  return failed_dependency("cannot use the {} '{}' for TLS: {}", what, file, ec.message())
      .with_detail(ec.message());
}

class Connector final : public TlsConnector {
 public:
  ssl::context context{ssl::context::tls_client};

  Task<Result<std::unique_ptr<Stream>>> connect(Socket socket, std::string host) override {
    auto stream = std::make_unique<TlsStream>(std::move(socket), context);
    ErrorCode is_name;
    asio::ip::make_address(host, is_name);
    // SNI carries names only (RFC 6066, section 3).
    if (is_name) SSL_set_tlsext_host_name(stream->engine().native_handle(), host.c_str());
    stream->engine().set_verify_callback(ssl::host_name_verification(host));
    const auto ec = co_await stream->handshake(ssl::stream_base::client);
    if (ec) co_return service_unavailable("the TLS handshake failed").with_detail(ec.message());
    co_return std::unique_ptr<Stream>(std::move(stream));
  }
};

class Acceptor final : public TlsAcceptor {
 public:
  ssl::context context{ssl::context::tls_server};

  Task<Result<std::unique_ptr<Stream>>> accept(Socket socket) override {
    auto stream = std::make_unique<TlsStream>(std::move(socket), context);
    const auto ec = co_await stream->handshake(ssl::stream_base::server);
    if (ec) co_return service_unavailable("the TLS handshake failed").with_detail(ec.message());
    co_return std::unique_ptr<Stream>(std::move(stream));
  }
};

}  // namespace

Result<std::unique_ptr<TlsConnector>> make_tls_connector(TlsRoots roots) {
  auto connector = std::make_unique<Connector>();
  auto& context = connector->context;
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  context.set_verify_mode(ssl::verify_peer);
  ErrorCode ec;
  if (roots.file.empty()) {
    context.set_default_verify_paths(ec);
    if (ec) return unreadable("system's root certificates in", X509_get_default_cert_file(), ec);
  } else {
    context.load_verify_file(roots.file, ec);
    if (ec) return unreadable("root certificates", roots.file, ec);
  }
  if (!roots.extra_file.empty()) context.load_verify_file(roots.extra_file, ec);
  if (ec) return unreadable("root certificates", roots.extra_file, ec);
  return connector;
}

Result<std::unique_ptr<TlsAcceptor>> make_tls_acceptor(const TlsFiles& files) {
  auto acceptor = std::make_unique<Acceptor>();
  auto& context = acceptor->context;
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  ErrorCode ec;
  context.use_certificate_chain_file(files.certificate, ec);
  if (ec) return unreadable("certificate", files.certificate, ec);
  context.use_private_key_file(files.key, ssl::context::pem, ec);
  if (ec) return unreadable("private key", files.key, ec);
  return acceptor;
}

}  // namespace isa::net
