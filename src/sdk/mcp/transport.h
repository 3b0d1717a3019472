// How messages reach an MCP server and come back.
#pragma once

#include "base/async.h"
#include "base/deadline.h"
#include "sdk/mcp/json_rpc.h"
#include "sdk/mcp/param_headers.h"

#include <chrono>
#include <functional>
#include <memory>

namespace isa::sdk::mcp {

enum class Era {
  modern,  // 2026-07-28 and later: no handshake, every request says who asks.
  legacy,  // Up to 2025-11-25: `initialize` first.
};

// What the transport itself must know of the protocol: HTTP repeats it in headers.
struct Protocol {
  Era era = Era::modern;
  std::string version;
};

struct Call {
  std::int64_t id = 0;
  std::string method;
  json::object params;
  HeaderFields headers;  // HTTP only.
  Deadline deadline = Deadline::never();
  // The longest wait for a sign of life: by stdio progress on this call, by HTTP any byte of the answer.
  std::chrono::milliseconds silence{120'000};
};

// What a server says besides answers. Called while a Call waits, and by stdio at any time.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_notification(const Frame& notification) = 0;
  // Of a legacy server; the text of the answer's message.
  virtual Task<std::string> on_request(Frame request) = 0;
};

// Lives on one event loop. Await close() before it is destroyed.
class Transport {
 public:
  virtual ~Transport() = default;
  // Before anything is sent. `listener` outlives close().
  virtual void start(Listener& listener) = 0;
  virtual void speak(const Protocol& protocol) = 0;
  virtual bool is_http() const = 0;
  // Nothing more can be sent; the message says why.
  virtual std::optional<Error> failure() const = 0;
  // The answer, which may be an error frame. Cancelling the task, and the deadline, tell the server to stop.
  // Errors: what is wrong with the connection, and upstream_error, unauthorized, ... with a code "http_<n>"
  // when a server answered by a bare status.
  virtual Task<Result<Frame>> call(Call call) = 0;
  virtual Task<Result<void>> notify(std::string method, json::object params, Deadline deadline) = 0;
  // In order: says goodbye, waits a little, and ends what there is to end. Not to be cancelled.
  virtual Task<void> close() = 0;
};

}  // namespace isa::sdk::mcp
