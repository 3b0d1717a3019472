#pragma once

#include "net/sse.h"
#include "sdk/runtime_protocol.h"

#include <string_view>
#include <utility>

namespace isa::pool {

// The conversation of callers that use the pool directly (execute, stream with a prompt): the runtime keeps
// none, so each chat brings the history along. It lives as long as the lease and is gone after a restart of
// the pool manager. The agent service sends its own history and does not use this.
class Conversation {
 public:
  // The chat that continues this conversation.
  sdk::RuntimeChat next(std::string prompt, sdk::AgentSpec agent) const;
  void add(const json::array& new_messages);
  void reset() { messages_.clear(); }
  std::size_t size() const { return messages_.size(); }

 private:
  json::array messages_;
};

// Watches the bytes of one chat's stream on their way to the caller.
class ChatWatcher {
 public:
  void feed(std::string_view bytes);

  // What came by: the history that the turn adds, the answer of the result event, or the text of the error
  // event.
  json::array take_new_messages() { return std::exchange(new_messages_, {}); }
  const std::optional<std::string>& answer() const { return answer_; }
  const std::optional<std::string>& failure() const { return failure_; }

 private:
  void see(const net::SseEvent& event);

  net::SseParser parser_;
  bool is_broken_ = false;
  json::array new_messages_;
  std::optional<std::string> answer_;
  std::optional<std::string> failure_;
};

}  // namespace isa::pool
