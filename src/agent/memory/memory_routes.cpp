#include "agent/memory/memory_routes.h"

#include "agent/paging.h"

namespace isa::agent {
namespace {

constexpr std::chrono::seconds kPatience{20};
constexpr std::size_t kFoundMax = 50;  // As the tool memory_search has it.

}  // namespace

MemoryRoutes::Answer MemoryRoutes::search(net::Request& request) {
  ISA_CO_TRY(auto owner, co_await whose(request));
  json::object arguments;
  for (const auto* name : {"query", "key"})
    if (const auto value = request.query_value(name); !value.empty()) arguments[name] = value;
  if (!request.query_value("limit").empty()) {
    ISA_CO_TRY(const auto asked, page_asked(request, kFoundMax));
    arguments["limit"] = asked.limit;
  }
  co_return co_await ask(std::move(owner), "memory_search", std::move(arguments));
}

MemoryRoutes::Answer MemoryRoutes::forget(net::Request& request) {
  ISA_CO_TRY(auto owner, co_await whose(request));
  const auto key = request.query_value("key");
  // A program whose variable is not set meant one memory, and must not lose them all.
  if (key.empty() && request.query.contains("key"))
    co_return validation_error(
        "the query parameter 'key' is empty: name the memory, or leave 'key' out to forget all of them")
        .with_param("key");
  if (!key.empty()) {
    json::object arguments{{"key", key}, {"content", ""}};
    co_return co_await ask(std::move(owner), "memory_store", std::move(arguments));
  }
  ISA_CO_TRYV(co_await books_.forget(std::move(owner)));
  json::object body{{"forgotten", true}};
  co_return net::Response::json(200, std::move(body));
}

Task<Result<MemoryOwner>> MemoryRoutes::whose(const net::Request& request) {
  ISA_CO_TRY(auto agent, co_await configs_.find(request.identity, AgentId(request.param("id"))));
  co_return MemoryOwner{request.identity.user, std::move(agent.id), {}};
}

// The tools answer in JSON.
MemoryRoutes::Answer MemoryRoutes::ask(MemoryOwner whose, std::string tool, json::object arguments) {
  ISA_CO_TRY(const auto output, co_await books_.call(std::move(whose), std::move(tool), std::move(arguments),
                                                     Deadline::after(kPatience)));
  ISA_CO_TRY(auto body, json::parse(output.text));
  co_return net::Response::json(200, body);
}

}  // namespace isa::agent
