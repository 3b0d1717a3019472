// What a chat may ask for (design: api.md, "Chat").
#pragma once

#include "net/http.h"
#include "sdk/chat.h"
#include "store/agent_config.h"

namespace isa::agent {

struct ChatOptions {
  std::optional<AgentId> agent_config_id;  // Without one it is an ad-hoc query.
  std::optional<SessionId> session_id;
  std::optional<std::string> model;
  std::optional<std::string> system_prompt;
  std::optional<std::vector<std::string>> tools;
  std::optional<store::ExecutionEnv> env;
  std::optional<std::string> output_format;   // "text" or "json"
  std::optional<json::object> output_schema;  // JSON Schema of the answer; means output_format "json".
  std::optional<std::vector<sdk::ToolSpec>> client_tools;  // The caller runs them (approvals of kind `tool`).
  std::optional<json::object> metadata;
  std::optional<std::string> entry_agent_override;  // Of an agent that is a team: the member that begins.
  std::optional<bool> latest;  // Not the version of the agent that the session began with: the newest.
};
BOOST_DESCRIBE_STRUCT(ChatOptions, (),
                      (agent_config_id, session_id, model, system_prompt, tools, env, output_format,
                       output_schema, client_tools, metadata, entry_agent_override, latest))

struct ChatBody : ChatOptions {
  std::string message;
  std::optional<bool> stream;                // true
  std::optional<bool> cancel_on_disconnect;  // false
};
BOOST_DESCRIBE_STRUCT(ChatBody, (ChatOptions), (message, stream, cancel_on_disconnect))

// POST /query: the same without streaming, under the original's name of the message.
struct QueryBody : ChatOptions {
  std::string prompt;
};
BOOST_DESCRIBE_STRUCT(QueryBody, (ChatOptions), (prompt))

// Of 1 to 1 MiB; the error names /<field>.
Result<void> check_message(std::string_view field, const std::string& text);
Result<ChatBody> parse_chat(std::string_view text);
Result<QueryBody> parse_query(std::string_view text);

}  // namespace isa::agent
