// One connection of the server: reads a request, answers it, and so on. Internal to net/.
#pragma once

#include "base/task_group.h"
#include "net/request_parser.h"
#include "net/response_head.h"
#include "net/server.h"
#include "net/stream.h"
#include "net/watchdog.h"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

namespace isa::net {

// What the connections of one server share; outlives them.
struct SessionContext {
  const Router& router;
  const ServerOptions& options;
  TaskGroup& tasks;
  ResponseHead& head;
  bool is_stopping = false;
  std::size_t body_bytes = 0;  // Held by requests under way; see ServerLimits::bodies_max.
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(SessionContext& context, std::unique_ptr<Stream> stream, std::string peer);

  // Serves until the connection ends. To be run with cancellation().
  Task<void> run();
  // Says 503 and ends: for a connection too many.
  Task<void> refuse();
  // Ends the connection if it waits for a next request; otherwise the answer under way is its last.
  void finish();
  std::shared_ptr<asio::cancellation_signal> cancellation() { return {shared_from_this(), &signal_}; }

 private:
  friend class ChunkWriter;
  enum class Phase { idle, reading, handling, writing };
  enum class Stop { none, deadline, peer_left };
  enum class Head { complete, gone, malformed, too_large, late };

  // session.cpp: the connection
  Task<bool> serve_one();
  Task<bool> receive(std::size_t room = 1024);
  void on_expiry();
  void watch_peer();
  static Task<void> watch(std::shared_ptr<Session> session);
  void interrupt(Stop why);
  Task<void> linger();

  // session_request.cpp: from the first byte to the handler's answer
  Task<Head> read_head(RequestParser& parser);
  Task<Response> respond(Head head, RequestParser& parser, const Route*& route);
  Task<Result<Response>> answer(RequestParser& parser, const Route*& route);
  Task<Result<Response>> handle(RequestParser& parser, const Route& route);
  Task<Result<void>> read_body(RequestParser& parser, const Route& route);
  bool hold_body(std::size_t bytes);

  // session_response.cpp: from the answer to the last byte
  Task<bool> send(const RequestParser& parser, Response& response, bool keep_alive);
  Task<bool> send_stream(const Request& request, Response& response, bool is_chunked);
  Task<void> hand_over(const Request& request);
  Task<bool> write_all(BufferChain& chain);

  const ServerLimits& limits() const { return context_.options.limits; }

  SessionContext& context_;
  std::unique_ptr<Stream> stream_;
  std::string peer_;
  Input input_;
  std::string head_;  // Kept for its memory.
  Phase phase_ = Phase::idle;
  Stop stop_ = Stop::none;       // Why the handler or the stream under way was cancelled.
  bool is_cancellable_ = false;  // The peer's leaving cancels what runs.
  bool is_expired_ = false;
  bool is_watching_ = false;  // A read for the peer's leaving is under way; see watch().
  bool has_left_ = false;
  std::size_t body_held_ = 0;
  Takeover takeover_;  // What a CONNECT that was answered 200 is for.
  asio::steady_timer watch_end_;
  asio::cancellation_signal signal_;
  Watchdog watchdog_;
};

}  // namespace isa::net
