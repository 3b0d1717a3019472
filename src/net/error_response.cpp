// The error envelope of the wire (design: api.md), both ways.
#include "net/http.h"

#include <boost/json/parse.hpp>

#include <array>

namespace isa::net {
namespace {

struct KindStatus {
  ErrorKind kind;
  int status;
};

// The order matters to error_of(): the first kind of a status is what a bare status means.
constexpr std::array kStatuses = {
    KindStatus{ErrorKind::invalid_request, 400},
    KindStatus{ErrorKind::unauthorized, 401},
    KindStatus{ErrorKind::insufficient_credits, 402},
    KindStatus{ErrorKind::insufficient_permissions, 403},
    KindStatus{ErrorKind::not_found, 404},
    KindStatus{ErrorKind::conflict, 409},
    KindStatus{ErrorKind::payload_too_large, 413},
    KindStatus{ErrorKind::validation_error, 422},
    KindStatus{ErrorKind::failed_dependency, 424},
    KindStatus{ErrorKind::rate_limit_exceeded, 429},
    KindStatus{ErrorKind::quota_exceeded, 429},
    KindStatus{ErrorKind::cancelled, 499},
    KindStatus{ErrorKind::internal_error, 500},
    KindStatus{ErrorKind::not_implemented, 501},
    KindStatus{ErrorKind::upstream_error, 502},
    KindStatus{ErrorKind::service_unavailable, 503},
    KindStatus{ErrorKind::timeout, 504},
};

ErrorKind kind_of(int status, std::string_view type) {
  for (const auto& entry : kStatuses)
    if (entry.status == status && to_string(entry.kind) == type) return entry.kind;
  for (const auto& entry : kStatuses)
    if (entry.status == status) return entry.kind;
  if (status == 408) return ErrorKind::timeout;
  return status >= 400 && status < 500 ? ErrorKind::invalid_request : ErrorKind::upstream_error;
}

std::string text_of(const json::object& from, std::string_view name) {
  const auto* found = from.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

}  // namespace

int status_of(ErrorKind kind) {
  for (const auto& entry : kStatuses)
    if (entry.kind == kind) return entry.status;
  return 500;
}

json::object error_body(const Error& error, std::string_view request_id) {
  json::object inner;
  inner["code"] = error.code();
  inner["message"] = error.message();
  inner["type"] = to_string(error.kind());
  if (!error.param().empty()) inner["param"] = error.param();
  inner["request_id"] = request_id;
  inner["retryable"] = is_retryable(error.kind());
  json::object body;
  body["error"] = std::move(inner);
  body["detail"] = error.message();
  return body;
}

Response error_response(const Error& error, std::string_view request_id) {
  auto response = Response::json(status_of(error.kind()), error_body(error, request_id));
  if (error.kind() == ErrorKind::unauthorized) response.headers.add("WWW-Authenticate", "Bearer");
  if (error.retry_after()) response.headers.add("Retry-After", std::to_string(error.retry_after()->count()));
  return response;
}

Error error_of(int status, std::string_view body) {
  boost::json::error_code ec;
  const auto document = boost::json::parse({body.data(), body.size()}, ec);
  const auto* envelope = !ec && document.is_object() ? document.get_object().if_contains("error") : nullptr;
  if (envelope == nullptr || !envelope->is_object())
    return Error(kind_of(status, {}), fmt::format("the other side answered with HTTP status {}", status))
        .with_detail(std::string(body.substr(0, 512)));
  const auto& inner = envelope->get_object();
  const auto kind = kind_of(status, text_of(inner, "type"));
  auto error = Error(kind, text_of(inner, "message"));
  if (auto param = text_of(inner, "param"); !param.empty())
    error = std::move(error).with_param(std::move(param));
  if (auto code = text_of(inner, "code"); !code.empty() && code != to_string(kind))
    error = std::move(error).with_code(std::move(code));
  return error;
}

}  // namespace isa::net
