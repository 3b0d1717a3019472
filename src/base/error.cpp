#include "base/error.h"

#include <cstring>

namespace isa {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_request: return "invalid_request";
    case ErrorKind::unauthorized: return "unauthorized";
    case ErrorKind::insufficient_credits: return "insufficient_credits";
    case ErrorKind::insufficient_permissions: return "insufficient_permissions";
    case ErrorKind::not_found: return "not_found";
    case ErrorKind::conflict: return "conflict";
    case ErrorKind::payload_too_large: return "payload_too_large";
    case ErrorKind::validation_error: return "validation_error";
    case ErrorKind::failed_dependency: return "failed_dependency";
    case ErrorKind::rate_limit_exceeded: return "rate_limit_exceeded";
    case ErrorKind::quota_exceeded: return "quota_exceeded";
    case ErrorKind::cancelled: return "cancelled";
    case ErrorKind::internal_error: return "internal_error";
    case ErrorKind::not_implemented: return "not_implemented";
    case ErrorKind::upstream_error: return "upstream_error";
    case ErrorKind::service_unavailable: return "service_unavailable";
    case ErrorKind::timeout: return "timeout";
  }
  return "internal_error";
}

bool is_retryable(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::rate_limit_exceeded:
    case ErrorKind::upstream_error:
    case ErrorKind::service_unavailable:
    case ErrorKind::timeout: return true;
    default: return false;
  }
}

Error from_errno(int error_number, std::string message, ErrorKind kind) {
  return Error(kind, std::move(message)).with_detail(std::strerror(error_number));
}

}  // namespace isa
