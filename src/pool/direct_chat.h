#pragma once

#include "pool/pool.h"

namespace isa::pool {

// Chats of callers that use the pool without an agent service: the pool keeps their conversation
// (pool/conversation.h).

// One turn, to its end: the answer's text. upstream_error with the agent's message when the turn failed.
Task<Result<std::string>> query(Pool& pool, InstancePtr instance, std::string prompt, sdk::AgentSpec agent,
                                TraceContext trace = {});

// One turn as a stream of events; its history is kept when it comes by.
Task<Result<net::OpenResponse>> stream_turn(Pool& pool, InstancePtr instance, std::string prompt,
                                            sdk::AgentSpec agent, TraceContext trace = {});

}  // namespace isa::pool
