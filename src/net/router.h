#pragma once

#include "net/http.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace isa::net {

struct RouteOptions {
  std::size_t body_max = 1 << 20;  // Bytes; larger bodies get 413 before they are read.
  bool is_public = false;          // No identity is asked for.
  bool is_internal = false;        // Only other roles of the platform (identity.is_internal).
  // The handler's deadline. Streams are not bounded by it once their head is sent.
  std::chrono::milliseconds timeout{30'000};
  // The handler is cancelled when the caller leaves before the answer; by default it finishes.
  bool cancel_on_disconnect = false;
};

struct Route {
  Method method;
  std::string pattern;  // /api/v1/agents/configs/{id}
  Handler handler;
  RouteOptions options = {};
};

// The routes of a role, written as one table that reads like the table in api.md. A literal segment wins over
// a {parameter}; a parameter matches one non-empty segment. {rest...} at the end matches whatever remains,
// also nothing and also slashes: for static files. HEAD finds the GET route where there is none of its own.
class Router {
 public:
  struct Match {
    const Route* route = nullptr;  // Null: see allowed.
    std::map<std::string, std::string, std::less<>> params;
    std::vector<Method> allowed;  // Not empty: the path exists with other methods (405).
  };

  Router() = default;
  explicit Router(std::vector<Route> routes);
  void add(Route route);
  // `path` is as sent: it is cut at its slashes first and the parameters are decoded then, so that %2F stays
  // within one parameter.
  Match match(Method method, std::string_view path) const;
  const std::vector<Route>& routes() const { return routes_; }

  // Finds the handler and runs it: for a role that lives in the same process and for tests. Errors become
  // responses. Does not authenticate: the caller sets request.identity. Takes request.target, and where that
  // is empty request.path.
  Task<Response> dispatch(Request& request) const;

 private:
  enum class Encoding { none, percent };
  // A tree by segments; nodes_[0] is its root, and 0 as a child means none.
  struct Node {
    std::map<std::string, std::size_t, std::less<>> literals;
    std::size_t parameter = 0;
    std::vector<std::size_t> routes;  // Indexes of routes_ that end here.
    std::vector<std::size_t> tails;   // Of those that take the rest.
  };

  Match match_as(Method method, std::string_view path, Encoding encoding) const;
  const Route* find(const std::vector<std::size_t>& candidates, Method method) const;

  std::vector<Route> routes_;
  std::vector<Node> nodes_{1};
};

// 404, or 405 with Allow.
Response no_route_response(const Request& request, const Router::Match& match);

}  // namespace isa::net
