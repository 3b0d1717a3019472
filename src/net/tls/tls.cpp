#include "net/tls/tls.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace isa::net {
namespace {

namespace ssl = asio::ssl;

class TlsStream final : public Stream {
 public:
  TlsStream(Socket socket, ssl::context& context) : tls_(std::move(socket), context) {}

  ssl::stream<Socket>& engine() { return tls_; }

  Task<ErrorCode> handshake(ssl::stream_base::handshake_type side) {
    const auto [ec] = co_await tls_.async_handshake(side, no_throw);
    co_return ec;
  }

  Task<IoResult> read_some(asio::mutable_buffer into) override {
    return tls_.async_read_some(into, no_throw);
  }

  // One record each: OpenSSL would otherwise see only the first of several small buffers.
  Task<IoResult> write_some(std::span<const asio::const_buffer> buffers) override {
    if (buffers.size() == 1) return tls_.async_write_some(buffers.front(), no_throw);
    record_.resize(std::min(asio::buffer_size(buffers), kRecordMax));
    asio::buffer_copy(asio::buffer(record_), buffers);
    return tls_.async_write_some(asio::buffer(record_), no_throw);
  }

  void cancel() noexcept override {
    ErrorCode ignored;  // Fails only on a closed socket, where nothing waits.
    tls_.next_layer().cancel(ignored);
  }
  // Sends no close_notify: it would wait for the peer, and every body of ours says where it ends.
  void shutdown_send() noexcept override {
    ErrorCode ignored;  // The peer may be gone already.
    tls_.next_layer().shutdown(Socket::shutdown_send, ignored);
  }
  void close() noexcept override {
    ErrorCode ignored;  // The descriptor is gone either way.
    tls_.next_layer().close(ignored);
  }
  // Session tickets may lie unread on a healthy connection, so only the end of the stream tells.
  bool is_stale() noexcept override {
    if (!tls_.next_layer().is_open()) return true;
    char byte = 0;
    const auto got = recv(tls_.next_layer().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
  }
  asio::any_io_executor executor() override { return tls_.get_executor(); }

 private:
  static constexpr std::size_t kRecordMax = 16 << 10;

  ssl::stream<Socket> tls_;
  std::string record_;
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
    if (ec)
      co_return service_unavailable("the TLS handshake with {} failed: {}", host, ec.message())
          .with_detail(ec.message());
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
