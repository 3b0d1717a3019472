#include "sdk/team/shared_state.h"

#include "sdk/tools/typed_tool.h"

namespace isa::sdk::team {
namespace {

struct Key {
  std::string key;
};
BOOST_DESCRIBE_STRUCT(Key, (), (key))

struct Entry {
  std::string key;
  json::value value;
};
BOOST_DESCRIBE_STRUCT(Entry, (), (key, value))

struct Nothing {};
BOOST_DESCRIBE_STRUCT(Nothing, (), ())

RemoteAnswer said(std::string text) {
  return {.output = {.text = std::move(text)}};
}

RemoteAnswer refused(const Error& error) {
  return {.output = tool_failure(error)};
}

}  // namespace

Result<SharedState> SharedState::from(const json::object& entries) {
  SharedState state;
  for (const auto& entry : entries) {
    if (auto kept = state.set(entry.key(), entry.value()); !kept)
      return validation_error("/shared_state: {}", kept.error().message()).with_param("/shared_state");
  }
  return state;
}

Result<void> SharedState::set(std::string_view key, json::value value) {
  if (key.empty() || key.size() > kKeyMax)
    return validation_error("a key has 1 to {} bytes, not {}", kKeyMax, key.size());
  const auto* old = entries_.if_contains(key);
  const auto freed = old ? key.size() + json::serialize(*old).size() : 0;
  if (value.is_null()) {
    bytes_ -= freed;
    entries_.erase(key);
    return ok();
  }
  const auto size = json::serialize(value).size();
  if (size > kValueMax)
    return validation_error("the value of '{}' has {} bytes; at most {} are kept. Write it to a file instead",
                            key, size, kValueMax);
  if (!old && entries_.size() >= kKeysMax)
    return validation_error(
        "the shared state holds {} keys, its limit; set one that you no longer need to null", kKeysMax);
  if (bytes_ - freed + key.size() + size > kBytesMax)
    return validation_error(
        "the shared state would have more than {} bytes; set what you no longer need to null", kBytesMax);
  bytes_ += key.size() + size - freed;
  entries_[key] = std::move(value);
  return ok();
}

RemoteAnswer SharedState::get(const json::object& arguments) const {
  const auto wanted = json::read<Key>(arguments);
  if (!wanted) return refused(wanted.error());
  const auto* value = find(wanted->key);
  if (!value)
    return refused(not_found("the shared state has no '{}'; shared_state_list names its keys", wanted->key));
  return said(json::serialize(*value));
}

RemoteAnswer SharedState::set(const json::object& arguments) {
  auto entry = json::read<Entry>(arguments);
  if (!entry) return refused(entry.error());
  const bool is_removed = entry->value.is_null();
  if (auto kept = set(entry->key, std::move(entry->value)); !kept) return refused(kept.error());
  return said(fmt::format("{} '{}'", is_removed ? "removed" : "kept", entry->key));
}

RemoteAnswer SharedState::list() const {
  json::object sizes;
  for (const auto& entry : entries_) sizes[entry.key()] = json::serialize(entry.value()).size();
  return said(json::serialize(json::object{{"bytes_of_each_key", std::move(sizes)}}));
}

std::vector<RemoteTool> SharedState::tools() {
  std::vector<RemoteTool> tools;
  tools.push_back(
      {make_tool_spec("shared_state_get", "Reads one value that the agents of this team share.", R"({
      "type": "object", "additionalProperties": false, "required": ["key"],
      "properties": {"key": {"type": "string"}}})"),
       [this](json::object arguments) -> Task<RemoteAnswer> { co_return get(arguments); }});
  tools.push_back(
      {make_tool_spec("shared_state_set",
                      "Keeps a value that every agent of this team can read; null removes it.", R"({
      "type": "object", "additionalProperties": false, "required": ["key", "value"],
      "properties": {"key": {"type": "string"}, "value": {"description": "Any JSON value"}}})"),
       [this](json::object arguments) -> Task<RemoteAnswer> { co_return set(arguments); }});
  tools.push_back(
      {make_tool_spec("shared_state_list", "Names the keys of the values that the agents share.", R"({
      "type": "object", "additionalProperties": false, "properties": {}})"),
       [this](json::object arguments) -> Task<RemoteAnswer> {
         const auto none = json::read<Nothing>(arguments);
         co_return none ? list() : refused(none.error());
       }});
  return tools;
}

}  // namespace isa::sdk::team
