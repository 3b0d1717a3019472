#include "agent/triggers/trigger_request.h"

#include "agent/field_rules.h"

namespace isa::agent {
namespace {

constexpr std::int64_t kCooldownMax = std::int64_t{30} * 24 * 3600;
constexpr std::size_t kTriggerPromptMax = 20'000;
constexpr std::size_t kEventTypeMax = 200;

Error broken(std::string pointer, std::string_view rule) {
  return validation_error("{}: {}", pointer, rule).with_param(pointer);
}

template <class T>
Result<void> check_not_null(std::string_view field, const Presence<T>& value) {
  if (value.is_null()) return broken(fmt::format("/{}", field), "must not be null; leave it out instead");
  return ok();
}

// What creating and changing have in common. The rule is not read.
template <class Body>
Result<void> apply(const Body& body, store::Trigger& to) {
  ISA_TRYV(check_not_null("rule", body.rule));
  ISA_TRYV(check_not_null("cooldown_s", body.cooldown_s));
  ISA_TRYV(check_not_null("enabled", body.enabled));
  if (body.rule.has_value()) to.rule = *body.rule;
  to.cooldown_s = body.cooldown_s.value_or(to.cooldown_s);
  if (body.session_id.is_present()) to.session_id.reset();
  if (body.session_id.has_value()) to.session_id = *body.session_id;
  ISA_TRYV(check_length("name", to.name, 1, kNameMax));
  ISA_TRYV(check_length("prompt", to.prompt, 1, kTriggerPromptMax));
  if (to.session_id) ISA_TRYV(check_id("session_id", to.session_id->value()));
  if (to.cooldown_s < 0 || to.cooldown_s > kCooldownMax)
    return broken("/cooldown_s", fmt::format("must be from 0 to {} seconds", kCooldownMax));
  return ok();
}

}  // namespace

Result<store::Trigger> create_trigger(store::TriggerId id, const CreateTrigger& body, UserId owner,
                                      Timestamp at) {
  store::Trigger made;
  made.id = std::move(id);
  made.owner_id = std::move(owner);
  made.agent_config_id = body.agent_config_id;
  made.name = body.name;
  made.type = body.type;
  made.prompt = body.prompt;
  made.created_at = made.updated_at = at;
  if (!body.rule.is_present() && body.type != store::TriggerType::webhook)
    return broken("/rule", fmt::format("says when a trigger of type {} fires; it is missing",
                                       json::name_of(body.type)));
  ISA_TRYV(apply(body, made));
  ISA_TRYV(parse_rule(made.type, made.rule));
  if (body.enabled.value_or(true)) return enabled(std::move(made), at);
  return disabled(std::move(made), std::nullopt, at);
}

Result<store::Trigger> patch_trigger(store::Trigger current, const PatchTrigger& body, Timestamp at) {
  ISA_TRY(auto next, change_trigger(std::move(current), body, at));
  ISA_TRYV(parse_rule(next.type, next.rule));
  return next;
}

Result<store::Trigger> change_trigger(store::Trigger current, const PatchTrigger& body, Timestamp at) {
  ISA_TRYV(check_not_null("name", body.name));
  ISA_TRYV(check_not_null("prompt", body.prompt));
  auto next = current;
  next.name = body.name.value_or(next.name);
  next.prompt = body.prompt.value_or(next.prompt);
  ISA_TRYV(apply(body, next));
  next.updated_at = at;
  const bool is_enabled = body.enabled.value_or(current.enabled);
  if (!is_enabled) {
    // What the platform said of it stays said.
    return current.enabled ? disabled(std::move(next), std::nullopt, at) : std::move(next);
  }
  const bool is_new_time = next.rule != current.rule || !current.enabled || body.enabled.has_value();
  return is_new_time ? enabled(std::move(next), at) : std::move(next);
}

Result<Event> parse_event(std::string_view text) {
  ISA_TRY(auto body, json::parse_as<EventBody>(text));
  if (body.type.empty() || body.type.size() > kEventTypeMax)
    return broken("/type", fmt::format("must be 1 to {} bytes", kEventTypeMax));
  if (!body.data.is_object()) return broken("/data", "must be an object");
  return Event{std::move(body.type), std::move(body.data)};
}

}  // namespace isa::agent
