// What went wrong, in the caller's terms.
#pragma once

#include <fmt/core.h>

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace isa {

// The kind decides the HTTP status, the default code on the wire (net/error_response.cpp) and whether a
// retry can help. Keep this list closed: a new situation is a code (with_code), not a kind.
enum class ErrorKind {
  invalid_request,           // 400: not even parseable.
  unauthorized,              // 401
  insufficient_credits,      // 402
  insufficient_permissions,  // 403
  not_found,                 // 404: also for what belongs to somebody else.
  conflict,                  // 409: somebody else changed it first, or it is in the wrong state.
  payload_too_large,         // 413
  validation_error,          // 422: well-formed, but a field breaks a rule; param names the field.
  failed_dependency,         // 424: something must be configured first; the message names the setting.
  rate_limit_exceeded,       // 429
  quota_exceeded,            // 429
  cancelled,                 // 499
  internal_error,            // 500: a bug or a broken invariant.
  not_implemented,           // 501: a capability that this backend lacks; the message names it.
  upstream_error,            // 502
  service_unavailable,       // 503: a dependency is down or full; retrying later may help.
  timeout,                   // 504
};

std::string_view to_string(ErrorKind kind);

// True when the same request may succeed later without being changed.
bool is_retryable(ErrorKind kind);

class [[nodiscard]] Error {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  ErrorKind kind() const { return kind_; }
  // The wire's machine-readable code: the kind's name unless with_code() refined it.
  std::string_view code() const { return code_.empty() ? to_string(kind_) : std::string_view(code_); }
  // Says what happened, to what, and what to do. Safe to show to whoever made the request.
  const std::string& message() const { return message_; }
  // JSON pointer of the offending field, or empty.
  const std::string& param() const { return param_; }
  // For logs only: errno, SQL state, the peer's answer. Never rendered into a response, never a secret.
  const std::string& detail() const { return detail_; }
  const std::optional<std::chrono::seconds>& retry_after() const { return retry_after_; }

  Error with_code(std::string code) && { return code_ = std::move(code), std::move(*this); }
  Error with_param(std::string param) && { return param_ = std::move(param), std::move(*this); }
  Error with_detail(std::string detail) && { return detail_ = std::move(detail), std::move(*this); }
  Error with_retry_after(std::chrono::seconds wait) && { return retry_after_ = wait, std::move(*this); }

  // So that `return Error(...)` works from a function that returns a Result.
  template <class T>
  operator std::expected<T, Error>() && {
    return std::unexpected<Error>(std::move(*this));
  }

 private:
  ErrorKind kind_;
  std::string code_;
  std::string message_;
  std::string param_;
  std::string detail_;
  std::optional<std::chrono::seconds> retry_after_;
};

template <class... Args>
Error make_error(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  return Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

#define ISA_ERROR_FACTORY(kind)                                              \
  template <class... Args>                                                   \
  Error kind(fmt::format_string<Args...> format, Args&&... args) {           \
    return make_error(ErrorKind::kind, format, std::forward<Args>(args)...); \
  }
ISA_ERROR_FACTORY(invalid_request)
ISA_ERROR_FACTORY(unauthorized)
ISA_ERROR_FACTORY(insufficient_permissions)
ISA_ERROR_FACTORY(not_found)
ISA_ERROR_FACTORY(conflict)
ISA_ERROR_FACTORY(payload_too_large)
ISA_ERROR_FACTORY(validation_error)
ISA_ERROR_FACTORY(failed_dependency)
ISA_ERROR_FACTORY(cancelled)
ISA_ERROR_FACTORY(internal_error)
ISA_ERROR_FACTORY(not_implemented)
ISA_ERROR_FACTORY(upstream_error)
ISA_ERROR_FACTORY(service_unavailable)
ISA_ERROR_FACTORY(timeout)
#undef ISA_ERROR_FACTORY

// An internal_error (or `kind`) whose detail is the text of errno.
Error from_errno(int error_number, std::string message, ErrorKind kind = ErrorKind::internal_error);

}  // namespace isa
