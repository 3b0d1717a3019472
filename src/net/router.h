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

// The routes of a role, written as one table that reads like the table in api.md. A literal segment wins over a
// {parameter}; a parameter matches one non-empty segment.
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
  Match match(Method method, std::string_view path) const;
  const std::vector<Route>& routes() const { return routes_; }

  // Finds the handler and runs it: for a role that lives in the same process and for tests. Errors become
  // responses. Does not authenticate: the caller sets request.identity.
  Task<Response> dispatch(Request& request) const;

 private:
  std::vector<Route> routes_;
};

}  // namespace isa::net
