// What the platform says to the runtime inside a sandbox, over the sandbox's own socket.
//
//   GET  /health                  200 {"status":"ready"} as soon as the runtime serves, before any init
//   POST /init                    RuntimeInit; late binding, once per sandbox (a second one is a 409)
//   POST /api/v1/agents/chat      RuntimeChat -> SSE of events (sdk/event.h, without id, seq and run_id),
//   then one
//                                 `event: history` with RuntimeHistory, then data: [DONE]. Dropping the
//                                 connection cancels the turn. A custom agent sends no history.
//                                 409 with code skills_missing, before anything ran: send the chat again with
//                                 the files of its skills.
//   /exec..., /files...           sdk/exec_protocol.h, sdk/files_protocol.h
#pragma once

#include "sdk/loop.h"

#include <map>

namespace isa::sdk {

struct RuntimeInit {
  using json_defaults = void;
  std::string session_id;
  std::string user_id;
  std::string hostname;
  std::map<std::string, std::string> env;  // Of tools. Never a secret.
  TraceContext trace;                      // Travels as a header, here and below.
};
BOOST_DESCRIBE_STRUCT(RuntimeInit, (), (session_id, user_id, hostname, env))

// sdk/suspension.h, Resumption
struct RuntimeResumption {
  json::array new_messages;
  std::vector<CallAnswer> answers;
  TurnProgress progress;
  std::optional<std::vector<std::string>> said;
};
BOOST_DESCRIBE_STRUCT(RuntimeResumption, (), (new_messages, answers, progress, said))
struct RuntimeSkillFile {
  using json_defaults = void;
  std::string path;
  std::string content;  // In base64.
  bool is_executable = false;
};
BOOST_DESCRIBE_STRUCT(RuntimeSkillFile, (), (path, content, is_executable))

// One of the agent's skills. A sandbox that was given its files once knows it by name and hash.
struct RuntimeSkill {
  std::string name;
  std::string hash;  // content_hash() of the files.
  std::optional<std::vector<RuntimeSkillFile>> files;
};
BOOST_DESCRIBE_STRUCT(RuntimeSkill, (), (name, hash, files))

struct RuntimeChat {
  std::string message;
  std::optional<bool> stream;
  std::optional<std::string> session_id;
  std::optional<std::string> run_id;
  std::optional<AgentSpec> agent;
  std::optional<json::array> history;           // Of messages (sdk/chat.h, to_json), oldest first.
  std::optional<RuntimeResumption> resumption;  // Then `message` is not looked at.
  std::optional<std::vector<RuntimeSkill>> skills;
  // `message` is for the turn of run_id that is under way (sdk/steering.h): 200, or 409 turn_not_running.
  std::optional<bool> steer;
  TraceContext trace;
};
BOOST_DESCRIBE_STRUCT(RuntimeChat, (),
                      (message, stream, session_id, run_id, agent, history, resumption, skills, steer))

struct RuntimeHistory {
  json::array new_messages;
  Usage usage;
  std::optional<std::vector<PendingCall>> pending;  // Not empty: the turn is suspended.
  std::optional<TurnProgress> progress;
};
BOOST_DESCRIBE_STRUCT(RuntimeHistory, (), (new_messages, usage, pending, progress))

}  // namespace isa::sdk
