// The client side of one MCP server (https://modelcontextprotocol.io/specification), revisions 2026-07-28
// and, for servers that do not know it, 2025-11-25 and older. No schema is followed to a place outside of
// itself.
#pragma once

#include "sdk/mcp/transport.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace isa::sdk::mcp {

struct ToolInfo {
  std::string name;
  std::string description;
  json::object input_schema;
  bool is_read_only = false;  // What the server says of it.
  std::vector<ParamHeader> headers;
};

struct ResourceInfo {
  std::string uri;  // Of a template: with {variables} (RFC 6570).
  std::string name;
  std::string description;
  std::string media_type;
};

struct PromptArgument {
  std::string name;
  std::string description;
  bool is_required = false;
};

struct PromptInfo {
  std::string name;
  std::string description;
  std::vector<PromptArgument> arguments;
};

struct ToolAnswer {
  json::array content;
  std::optional<json::value> structured;
  bool is_error = false;
};

// What a list came to. Lists of servers are bounded: what is past the bound is cut off.
template <class Item>
struct Listed {
  std::vector<Item> items;
  std::size_t refused = 0;  // Entries that break a rule.
  bool is_cut = false;
};

struct Progress {
  double progress = 0;
  std::optional<double> total;
  std::string message;
};
using ProgressSink = std::function<void(const Progress&)>;

// Answers what a server asks of its user (elicitation/create, sampling/createMessage, roots/list); the result
// object, or an error that the server gets.
using InputHandler = std::function<Task<Result<json::object>>(std::string method, json::object params)>;

// Declines what it can decline (elicitation) and refuses the rest: no person is asked here.
InputHandler decline_input();

struct ClientOptions {
  std::string server;         // Its name, for errors.
  std::optional<Era> only;    // Otherwise found out.
  json::object capabilities;  // Declared, e.g. {"elicitation":{}}: only what `input` can answer.
  InputHandler input = decline_input();
  std::chrono::milliseconds probe{10'000};     // For an answer to the first question of the modern era.
  std::chrono::milliseconds silence{120'000};  // See Call::silence.
};

struct CallLimits {
  Deadline deadline = Deadline::never();
  ProgressSink progress = {};
};

// Lives on one event loop. Await close() before it is destroyed.
// Errors of all calls: the transport's, and upstream_error, not_found or validation_error with the server's
// own words where it answered by an error.
class Client final : private Listener {
 public:
  Client(std::unique_ptr<Transport> transport, ClientOptions options);
  ~Client() override;

  // Finds out what the server speaks, once; then everything else may be called.
  Task<Result<void>> connect(Deadline deadline);
  Task<void> close();

  const std::string& version() const { return protocol_.version; }
  Era era() const { return protocol_.era; }
  const json::object& capabilities() const { return capabilities_; }  // The server's.
  bool offers(std::string_view capability) const { return capabilities_.contains(capability); }
  // The connection is of no more use.
  std::optional<Error> failure() const { return transport_->failure(); }

  Task<Result<Listed<ToolInfo>>> list_tools(Deadline deadline);
  Task<Result<Listed<ResourceInfo>>> list_resources(Deadline deadline);
  Task<Result<Listed<ResourceInfo>>> list_resource_templates(Deadline deadline);
  Task<Result<Listed<PromptInfo>>> list_prompts(Deadline deadline);

  Task<Result<ToolAnswer>> call_tool(const ToolInfo& tool, json::object arguments, CallLimits limits);
  // The `contents`: texts, or base64 blobs, each with its uri.
  Task<Result<json::array>> read_resource(std::string uri, CallLimits limits);
  // The `messages`.
  Task<Result<json::array>> get_prompt(std::string name, json::object arguments, CallLimits limits);

  // The tools that were listed last are those of now: the server would have said otherwise, or has said until
  // when.
  bool tools_are_fresh() const;

 private:
  void on_notification(const Frame& notification) override;
  Task<std::string> on_request(Frame request) override;

  Task<Result<bool>> probe_modern(Deadline deadline);
  Task<Result<void>> initialize(Deadline deadline);
  void adopt(const json::object& answer, std::string version);
  json::object meta() const;
  // One request; error frames become errors.
  Task<Result<json::object>> ask(std::string method, json::object params, HeaderFields headers,
                                 const CallLimits& limits);
  Task<Result<Frame>> exchange(std::string method, json::object params, HeaderFields headers,
                               const CallLimits& limits);
  // With what the server wants to know in between.
  Task<Result<json::object>> ask_with_input(std::string method, json::object params, HeaderFields headers,
                                            CallLimits limits);
  Task<Result<json::object>> answer_inputs(const json::object& requests);
  template <class Item>
  Task<Result<Listed<Item>>> list(std::string method, std::string key, Deadline deadline,
                                  Result<Item> (*read)(const json::value&, bool is_http));
  Error error_of(const RpcError& error, std::string_view method) const;

  std::unique_ptr<Transport> transport_;
  ClientOptions options_;
  Protocol protocol_;
  json::object capabilities_;
  std::int64_t last_id_ = 0;
  std::map<std::int64_t, const ProgressSink*> progress_;
  bool tools_changed_ = true;
  Deadline::Clock::time_point tools_fresh_until_{};
};

}  // namespace isa::sdk::mcp
