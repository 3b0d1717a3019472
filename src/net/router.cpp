#include "net/router.h"

#include "base/log.h"
#include "net/target.h"
#include "net/text.h"
#include "net/trace_headers.h"

#include <boost/system/system_error.hpp>

#include <cstdlib>

namespace isa::net {
namespace {

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const auto slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}
bool is_tail(std::string_view segment) {
  return is_parameter(segment) && segment.ends_with("...}");
}

// From the segment on, which is a part of the path.
std::string_view tail_of(std::string_view path, std::string_view segment) {
  return path.substr(static_cast<std::size_t>(segment.data() - path.data()));
}

// Walks the tree depth first, literals before parameters before tails, until a node accepts.
template <class Nodes, class Accept>
bool walk(const Nodes& nodes, std::size_t at, const std::vector<std::string_view>& segments,
          std::size_t depth, const Accept& accept) {
  const auto& node = nodes[at];
  if (depth == segments.size()) return accept(node.routes) || accept(node.tails);
  const auto literal = node.literals.find(segments[depth]);
  if (literal != node.literals.end() && walk(nodes, literal->second, segments, depth + 1, accept))
    return true;
  if (node.parameter != 0 && !segments[depth].empty() &&
      walk(nodes, node.parameter, segments, depth + 1, accept))
    return true;
  return accept(node.tails);
}

}  // namespace

Router::Router(std::vector<Route> routes) {
  for (auto& route : routes) add(std::move(route));
}

void Router::add(Route route) {
  const std::size_t index = routes_.size();
  routes_.push_back(std::move(route));
  std::size_t at = 0;
  for (const auto segment : split_path(routes_.back().pattern)) {
    if (is_tail(segment)) {
      nodes_[at].tails.push_back(index);
      return;
    }
    std::size_t next = 0;
    if (is_parameter(segment)) {
      next = nodes_[at].parameter;
    } else if (const auto found = nodes_[at].literals.find(segment); found != nodes_[at].literals.end()) {
      next = found->second;
    }
    if (next == 0) {
      next = nodes_.size();
      nodes_.emplace_back();
      if (is_parameter(segment))
        nodes_[at].parameter = next;
      else
        nodes_[at].literals.emplace(std::string(segment), next);
    }
    at = next;
  }
  nodes_[at].routes.push_back(index);
}

const Route* Router::find(const std::vector<std::size_t>& candidates, Method method) const {
  const Route* fallback = nullptr;
  for (const auto index : candidates) {
    const auto& route = routes_[index];
    if (route.method == method) return &route;
    if (method == Method::head && route.method == Method::get) fallback = &route;
  }
  return fallback;
}

Router::Match Router::match_as(Method method, std::string_view path, Encoding encoding) const {
  Match match;
  if (!path.starts_with('/')) return match;
  const auto segments = split_path(path);
  const auto accept = [&](const std::vector<std::size_t>& candidates) {
    match.route = find(candidates, method);
    if (match.route != nullptr) return true;
    for (const auto index : candidates) match.allowed.push_back(routes_[index].method);
    return false;
  };
  walk(nodes_, 0, segments, 0, accept);
  if (match.route == nullptr) {
    if (std::ranges::count(match.allowed, Method::get) > 0 &&
        std::ranges::count(match.allowed, Method::head) == 0)
      match.allowed.push_back(Method::head);
    std::ranges::sort(match.allowed);
    const auto [from, to] = std::ranges::unique(match.allowed);
    match.allowed.erase(from, to);
    return match;
  }
  match.allowed.clear();
  const auto decoded = [&](std::string_view text) {
    return encoding == Encoding::percent ? percent_decode(text) : std::string(text);
  };
  const auto pattern = split_path(match.route->pattern);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (is_tail(pattern[i])) {
      const auto name = pattern[i].substr(1, pattern[i].size() - 5);
      match.params.emplace(name, i < segments.size() ? decoded(tail_of(path, segments[i])) : std::string());
    } else if (is_parameter(pattern[i])) {
      match.params.emplace(pattern[i].substr(1, pattern[i].size() - 2), decoded(segments[i]));
    }
  }
  return match;
}

Router::Match Router::match(Method method, std::string_view path) const {
  return match_as(method, path, Encoding::percent);
}

Task<Response> Router::dispatch(Request& request) const {
  auto encoding = Encoding::none;
  std::string_view path = request.path;
  if (!request.target.empty()) {
    const auto parts = split_target(request.target);
    if (!parts) co_return error_response(parts.error(), request.request_id);
    path = parts->path;
    encoding = Encoding::percent;
    request.path = percent_decode(parts->path);
    request.query = parse_query(parts->query);
    path = parts->path;
  }
  auto match = match_as(request.method, path, encoding);
  if (match.route == nullptr) co_return no_route_response(request, match);
  request.params = std::move(match.params);
  std::string failure;
  try {
    auto result = co_await match.route->handler(request);
    if (result) co_return std::move(*result);
    co_return error_response(result.error(), request.request_id);
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) throw;  // The caller was cancelled.
    failure = e.what();
  } catch (const std::exception& e) {
    failure = e.what();
  }
  log::error("http.handler_failed", {{"request_id", request.request_id},
                                     {"trace_id", trace_id_of(request.headers)},
                                     {"route", match.route->pattern},
                                     {"detail", failure}});
  const auto error = internal_error("the request failed because of a bug; its id is in the server's log");
  co_return error_response(error, request.request_id);
}

Response no_route_response(const Request& request, const Router::Match& match) {
  if (match.allowed.empty())
    return error_response(not_found("there is nothing at {} {}", to_string(request.method), request.path),
                          request.request_id);
  std::string allowed;
  for (const auto method : match.allowed) {
    if (!allowed.empty()) allowed += ", ";
    allowed += to_string(method);
  }
  const auto error =
      invalid_request("{} is not possible on {}; try {}", to_string(request.method), request.path, allowed)
          .with_code("method_not_allowed");
  auto response = error_response(error, request.request_id);
  response.status = 405;
  response.headers.set("Allow", std::move(allowed));
  return response;
}

}  // namespace isa::net
