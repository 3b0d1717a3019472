// What the agents of one run of a team tell each other: a small key-value store with tools.
#pragma once

#include "sdk/team/member.h"

namespace isa::sdk::team {

// Lives on one event loop; the tools refer to it.
class SharedState {
 public:
  static constexpr std::size_t kKeysMax = 128;
  static constexpr std::size_t kKeyMax = 128;          // Bytes.
  static constexpr std::size_t kValueMax = 16 << 10;   // Bytes of a value as JSON text.
  static constexpr std::size_t kBytesMax = 128 << 10;  // Of all keys and values.

  // validation_error when it says more than a state may hold.
  static Result<SharedState> from(const json::object& entries);

  // Errors name the limit and what to do; nothing is changed then.
  Result<void> set(std::string_view key, json::value value);
  const json::value* find(std::string_view key) const { return entries_.if_contains(key); }
  const json::object& entries() const { return entries_; }

  // shared_state_get {key}, shared_state_set {key, value} (null removes), shared_state_list {}.
  std::vector<RemoteTool> tools();

 private:
  RemoteAnswer get(const json::object& arguments) const;
  RemoteAnswer set(const json::object& arguments);
  RemoteAnswer list() const;

  json::object entries_;
  std::size_t bytes_ = 0;
};

}  // namespace isa::sdk::team
