#include "sdk/mcp/server.h"

#include "base/log.h"

#include <boost/asio/cancellation_state.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>

namespace isa::sdk::mcp {

Server::Server(const asio::any_io_executor& executor, std::string name, ServerSpec spec,
               Environment environment, Connect connect, ServerLimits limits)
    : name_(std::move(name)),
      spec_(std::move(spec)),
      environment_(std::move(environment)),
      connect_(std::move(connect)),
      limits_(std::move(limits)),
      changed_(executor),
      tasks_(executor) {
  limits_.client.server = name_;
}

void Server::wake() {
  if (client_ && client_->failure()) {
    log::info("mcp.server_lost", {{"server", name_}, {"message", client_->failure()->message()}});
    tasks_.spawn("mcp end", end(std::exchange(client_, nullptr)));
  }
  if (client_ || is_connecting_ || is_closing_ || Deadline::Clock::now() < rests_until_) return;
  is_connecting_ = true;
  error_.reset();
  tasks_.spawn("mcp connect", make_connection());
}

// A task of the server and not of whoever waits for it: that one may be cancelled, and the next one gains.
Task<void> Server::make_connection() {
  constexpr int kDoublingsMax = 4;
  const auto begin = Deadline::Clock::now();
  co_await try_connection();
  const auto end = Deadline::Clock::now();
  if (!error_ || end - begin < limits_.slow_failure) {
    slow_failures_ = 0;
  } else {
    rests_until_ = end + limits_.rest * (1 << std::min(slow_failures_, kDoublingsMax));
    ++slow_failures_;
  }
  is_connecting_ = false;
  changed_.notify();
}

Task<void> Server::try_connection() {
  auto transport = connect_(name_, spec_, environment_);
  if (transport) {
    auto made = std::make_shared<Client>(*std::move(transport), limits_.client);
    Result<void> connected = cancelled("the MCP server '{}' was stopped while it started", name_);
    try {
      connected = co_await made->connect(Deadline::after(limits_.start));
    } catch (const boost::system::system_error&) {
      // Cancelled by close(): what was begun is ended all the same.
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    if (!connected || is_closing_) {
      if (!connected) error_ = connected.error();
      co_await made->close();
    } else {
      client_ = std::move(made);
      is_listed_ = false;
    }
  } else {
    error_ = std::move(transport).error();
  }
}

Task<void> Server::end(std::shared_ptr<Client> client) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await client->close();
}

Task<Result<std::shared_ptr<Client>>> Server::client(Deadline deadline) {
  wake();
  while (is_connecting_) {
    if (deadline.passed()) co_return timeout("the MCP server '{}' did not start in time", name_);
    co_await changed_.wait(deadline);
  }
  if (client_) co_return client_;
  if (error_) co_return Failure(*error_);
  co_return cancelled("the MCP server '{}' was stopped", name_);
}

// Ends when whoever lists is cancelled, too: the next one in line lists then.
class Server::Listing {
 public:
  explicit Listing(Server& server) : server_(server) {
    server_.is_listing_ = true;
    server_.is_listed_ = false;
  }
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;
  ~Listing() {
    server_.is_listing_ = false;
    server_.changed_.notify();
  }

 private:
  Server& server_;
};

Task<Result<std::vector<ToolInfo>>> Server::tools(Deadline deadline) {
  ISA_CO_TRY(auto asked, co_await client(deadline));
  while (is_listing_) {
    if (deadline.passed()) co_return timeout("the MCP server '{}' did not list its tools in time", name_);
    co_await changed_.wait(deadline);
    ISA_CO_TRY(asked, co_await client(deadline));
  }
  if (is_listed_ && asked->tools_are_fresh()) co_return tools_;
  if (!asked->offers("tools")) co_return std::vector<ToolInfo>();
  const Listing listing(*this);
  ISA_CO_TRY(auto listed, co_await asked->list_tools(deadline.tightened(limits_.start)));
  if (listed.refused > 0 || listed.is_cut)
    log::warn("mcp.tools_left_out",
              {{"server", name_}, {"refused", listed.refused}, {"is_cut", listed.is_cut}});
  if (client_ == asked) {
    tools_ = listed.items;
    is_listed_ = true;
  }
  co_return std::move(listed.items);
}

Task<void> Server::close() {
  is_closing_ = true;
  if (client_) tasks_.spawn("mcp end", end(std::exchange(client_, nullptr)));
  co_await tasks_.stop();
}

}  // namespace isa::sdk::mcp
