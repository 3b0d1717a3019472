// What handlers see of HTTP. Deliberately free of Beast: its templates are paid for in net/*.cpp only
// (docs/decisions/0002-beast-behind-our-own-types.md).
#pragma once

#include "base/async.h"
#include "base/deadline.h"
#include "base/identity.h"
#include "base/json.h"
#include "base/result.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace isa::net {

enum class Method { get, head, post, put, patch, del, options };
std::string_view to_string(Method method);  // "GET", ...

// Header fields in order. Names compare without regard to case (RFC 9110 section 5.1).
class Headers {
 public:
  // Empty when absent. The first one when repeated.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  void set(std::string name, std::string value);  // Replaces every field of that name.
  void add(std::string name, std::string value);
  void remove(std::string_view name);
  const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// A piece of a streamed body that several connections may be sending at once, so that a stream is
// serialized once and never copied.
using Frame = std::shared_ptr<const std::string>;
inline Frame make_frame(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// The writing end of a streamed answer. write() waits until the socket took the frames: that is the
// back-pressure. An error means that the reader is gone or too slow (net/server.h: limits); stop then.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  virtual Task<Result<void>> write(std::vector<Frame> frames) = 0;
  Task<Result<void>> write(std::string text);
};

// The reading end of a streamed answer of somebody else. Destroying it closes the connection, which tells
// the peer to stop.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  // Some bytes, or an empty string at the end. upstream_error when the peer broke off before the end.
  virtual Task<Result<std::string>> read() = 0;
};

struct Request {
  Method method = Method::get;
  std::string target;                                      // As sent: /a/b?c=d
  std::string path;                                        // Decoded, without the query.
  std::map<std::string, std::string, std::less<>> params;  // The {name} parts of the route.
  std::map<std::string, std::string, std::less<>> query;   // Decoded; the last one of a repeated name.
  Headers headers;
  std::string body;

  // Facts that the server establishes before a handler runs.
  std::string request_id;
  Identity identity;  // Of an anonymous caller on a public route: empty.
  std::string peer;   // "127.0.0.1" or "unix"
  Deadline deadline = Deadline::never();

  const std::string& param(std::string_view name) const { return params.find(name)->second; }
  // Empty when absent.
  std::string_view query_value(std::string_view name) const;
  bool accepts(std::string_view media_type) const;  // By the Accept header; */* and absence accept.
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  // When set, the answer is streamed by this coroutine after the head was sent, and `body` is not used.
  // It is cancelled when the reader leaves.
  std::function<Task<void>(BodyWriter&)> stream;

  static Response text(int status, std::string content_type, std::string body);
  static Response json(int status, const json::value& body);
  // text/event-stream with Cache-Control: no-store and X-Accel-Buffering: no.
  static Response sse(std::function<Task<void>(BodyWriter&)> stream);
};

// The wire's error envelope (design: api.md). The single place where an ErrorKind becomes a status.
int status_of(ErrorKind kind);
json::object error_body(const Error& error, std::string_view request_id);
Response error_response(const Error& error, std::string_view request_id);
// The reverse, for clients between roles: an Error of the same kind, code and message.
Error error_of(int status, std::string_view body);

using Handler = std::function<Task<Result<Response>>(Request&)>;

std::string percent_decode(std::string_view text);
std::string percent_encode(std::string_view text);  // Everything but unreserved characters (RFC 3986).

}  // namespace isa::net
