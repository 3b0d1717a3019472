#include "net/server.h"

#include "base/log.h"
#include "net/listener.h"
#include "net/session.h"

#include <list>
#include <set>

#include <unistd.h>

namespace isa::net {
namespace {

// Beyond connections_max so many more are told why they are refused; the rest are just closed.
constexpr std::size_t kRefusalsMax = 64;
constexpr std::chrono::seconds kHandshakeMax{10};
constexpr std::chrono::milliseconds kAcceptPause{100};

struct Listener {
  Acceptor acceptor;
  TlsAcceptor* tls = nullptr;
  std::string unix_path;  // The file that was made, removed at the end.
};

// A session is in the set for as long as this lives.
class Registration {
 public:
  Registration(std::set<Session*>& all, Session& session) : all_(all), session_(session) {
    all_.insert(&session_);
  }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;
  ~Registration() { all_.erase(&session_); }

 private:
  std::set<Session*>& all_;
  Session& session_;
};

}  // namespace

struct Server::Impl {
  Impl(asio::any_io_executor with, Router routes, ServerOptions given)
      : executor(std::move(with)),
        router(std::move(routes)),
        options(std::move(given)),
        head(options.name),
        context{router, options, tasks, head},
        tasks(executor) {}

  void add(Acceptor acceptor, TlsAcceptor* tls, std::string unix_path);
  Task<void> accept(Listener& listener);
  Task<void> handshake(Socket socket, std::string peer, TlsAcceptor* tls);
  void admit(std::unique_ptr<Stream> stream, std::string peer);
  Task<void> serve(std::shared_ptr<Session> session);
  Task<void> refuse(std::shared_ptr<Session> session);

  asio::any_io_executor executor;
  Router router;
  ServerOptions options;
  ResponseHead head;
  std::list<Listener> listeners;
  std::set<Session*> sessions;
  std::set<Session*> refusals;
  std::size_t handshakes = 0;
  SessionContext context;
  TaskGroup tasks;
};

void Server::Impl::add(Acceptor acceptor, TlsAcceptor* tls, std::string unix_path) {
  listeners.push_back({std::move(acceptor), tls, std::move(unix_path)});
  tasks.spawn("net.accept", accept(listeners.back()));
}

Task<void> Server::Impl::accept(Listener& listener) {
  while (!context.is_stopping) {
    asio::generic::stream_protocol::endpoint peer;
    auto [ec, socket] = co_await listener.acceptor.async_accept(peer, no_throw);
    if (context.is_stopping) co_return;
    if (ec == asio::error::connection_aborted) continue;
    if (ec) {
      // Out of descriptors, most likely: connections that end give some back.
      log::error("net.accept_failed", {{"server", options.name}, {"detail", ec.message()}});
      co_await sleep_for(kAcceptPause);
      continue;
    }
    auto name = peer_name(peer);
    if (name != "unix") set_no_delay(socket);
    if (listener.tls == nullptr) {
      admit(make_socket_stream(std::move(socket)), std::move(name));
    } else if (sessions.size() + handshakes < options.limits.connections_max) {
      ++handshakes;
      tasks.spawn("net.handshake", handshake(std::move(socket), std::move(name), listener.tls));
    }
  }
}

Task<void> Server::Impl::handshake(Socket socket, std::string peer, TlsAcceptor* tls) {
  struct Count {
    std::size_t& count;
    ~Count() { --count; }
  };
  std::optional<Count> counted;
  counted.emplace(handshakes);
  auto stream = co_await with_deadline(Deadline::after(kHandshakeMax), tls->accept(std::move(socket)));
  counted.reset();
  if (stream) {
    admit(std::move(*stream), std::move(peer));
  } else {
    log::debug("net.handshake_failed", {{"peer", peer}, {"detail", stream.error().detail()}});
  }
}

void Server::Impl::admit(std::unique_ptr<Stream> stream, std::string peer) {
  const bool is_full = sessions.size() >= options.limits.connections_max;
  if (is_full && refusals.size() >= kRefusalsMax) return;
  auto session = std::make_shared<Session>(context, std::move(stream), std::move(peer));
  auto cancellation = session->cancellation();
  auto task = is_full ? refuse(std::move(session)) : serve(std::move(session));
  tasks.spawn("net.session", std::move(task), std::move(cancellation));
}

Task<void> Server::Impl::serve(std::shared_ptr<Session> session) {
  const Registration registration(sessions, *session);
  co_await session->run();
}

Task<void> Server::Impl::refuse(std::shared_ptr<Session> session) {
  const Registration registration(refusals, *session);
  co_await session->refuse();
}

Server::Server(asio::any_io_executor executor, Router router, ServerOptions options)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(router), std::move(options))) {}

Server::~Server() = default;

Result<Endpoint> Server::listen(const Endpoint& at, TlsAcceptor* tls) {
  ISA_TRY(auto socket, ListeningSocket::open(at));
  return listen(std::move(socket), tls);
}

Result<Endpoint> Server::listen(ListeningSocket socket, TlsAcceptor* tls) {
  Endpoint bound = socket.endpoint();
  bound.tls = tls != nullptr;
  const int fd = socket.release();
  auto acceptor = adopt_listener(impl_->executor, fd);
  if (!acceptor) {
    ::close(fd);
    return Failure(acceptor.error());
  }
  impl_->add(*std::move(acceptor), tls, bound.unix_path);
  return bound;
}

Result<void> Server::listen_fd(int fd) {
  ISA_TRY(auto acceptor, adopt_listener(impl_->executor, fd));
  impl_->add(std::move(acceptor), nullptr, {});
  return ok();
}

Task<void> Server::stop() {
  const auto impl = impl_;
  impl->context.is_stopping = true;
  for (auto& listener : impl->listeners) {
    ErrorCode ignored;  // Closed is closed.
    listener.acceptor.close(ignored);
    if (!listener.unix_path.empty()) ::unlink(std::exchange(listener.unix_path, {}).c_str());
  }
  for (auto* session : impl->sessions) session->finish();
  const auto deadline = Deadline::after(impl->options.limits.drain_timeout);
  if (!co_await finished_before(deadline, impl->tasks.join()))
    log::warn("net.drain_cut_short",
              {{"server", impl->options.name}, {"connections", impl->sessions.size()}});
  co_await impl->tasks.stop();
}

std::size_t Server::connections() const {
  return impl_->sessions.size();
}

}  // namespace isa::net
