#include "agent/run_ending.h"

#include "agent/told_messages.h"

#include <algorithm>
#include <array>
#include <set>

namespace isa::agent {
namespace {

using store::RunState;

constexpr std::array kKinds{
    ErrorKind::invalid_request,          ErrorKind::unauthorized,     ErrorKind::insufficient_credits,
    ErrorKind::insufficient_permissions, ErrorKind::not_found,        ErrorKind::conflict,
    ErrorKind::payload_too_large,        ErrorKind::validation_error, ErrorKind::failed_dependency,
    ErrorKind::rate_limit_exceeded,      ErrorKind::quota_exceeded,   ErrorKind::cancelled,
    ErrorKind::internal_error,           ErrorKind::not_implemented,  ErrorKind::upstream_error,
    ErrorKind::service_unavailable,      ErrorKind::timeout,
};

// The kind of an error that arrived as an event: its code is a kind's name, one of ours, or a custom agent's
// own.
ErrorKind kind_of(std::string_view code) {
  for (const auto kind : kKinds)
    if (code == to_string(kind)) return kind;
  if (code == "model_not_configured" || code == "model_not_found" || code == "model_price_unknown")
    return ErrorKind::failed_dependency;
  if (code == "interrupted") return ErrorKind::service_unavailable;
  if (code == "error_max_turns" || code == "error_max_handoffs") return ErrorKind::timeout;
  if (code == "error_budget") return ErrorKind::quota_exceeded;
  return ErrorKind::upstream_error;
}

std::string string_in(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

sdk::Event result_of_stop(std::string_view subtype, const std::string& text) {
  sdk::Event event{sdk::EventType::result, text, {}};
  event.metadata["subtype"] = subtype;
  return event;
}

sdk::Event terminal_of(TurnFacts& facts) {
  if (facts.stop == StopReason::asked) return result_of_stop("interrupted", facts.text);
  if (facts.stop == StopReason::steered) return result_of_stop("steered", facts.text);
  // An agent that does not know of limits takes the refusal for a failure of the model.
  if (facts.met && facts.terminal && facts.terminal->type == sdk::EventType::error) {
    auto event = result_of_stop("error_budget", facts.text);
    event.metadata["limit"] = facts.met->limit;
    event.metadata["problem"] = facts.met->problem;
    return event;
  }
  if (facts.terminal) return std::move(*facts.terminal);
  if (facts.stop == StopReason::platform)
    return sdk::error_event("interrupted",
                            "the platform stopped while the agent was working; send the message again", true);
  if (facts.error)
    return sdk::error_event(std::string(facts.error->code()), facts.error->message(),
                            is_retryable(facts.error->kind()));
  return sdk::error_event("internal_error", "the run ended without an answer", false);
}

// The platform's own count wins over what the agent says, which may say more besides. `of_programs` is the
// part that programs beside the agent used.
void say_usage(const TurnFacts& facts, json::object& metadata) {
  auto total = facts.usage.value_or(sdk::Usage{});
  total += facts.programs;
  const auto* said = metadata.if_contains("usage");
  if (!facts.usage && !facts.is_counted) return;
  if (said && (!facts.is_counted || total.is_nothing())) return;
  json::object usage;
  if (said && said->is_object()) usage = said->get_object();
  usage.erase("cost_usd");
  usage.erase("of_programs");
  for (auto& field : json::write(total).get_object()) usage[field.key()] = std::move(field.value());
  if (!facts.programs.is_nothing()) usage["of_programs"] = json::write(facts.programs);
  metadata["usage"] = std::move(usage);
}

void judge_result(RunEnding& ending, const std::string& text) {
  auto& event = ending.terminal;
  if (!event.content || event.content->empty()) event.content = text;
  auto subtype = string_in(event.metadata, "subtype");
  if (subtype.empty()) event.metadata["subtype"] = subtype = "success";
  if (subtype == "success") {
    ending.state = RunState::succeeded;
    ending.response = event.content;
  } else if (subtype == "interrupted") {
    ending.state = RunState::cancelled;
    ending.failure = cancelled("the run was cancelled").with_code("interrupted");
  } else if (subtype == "steered") {
    ending.state = RunState::cancelled;
    ending.failure = cancelled("the message was handed to the run that was under way; read that one's answer")
                         .with_code("steered");
  } else {
    const auto code = subtype == "error_model" ? "upstream_error" : subtype;
    const auto problem = string_in(event.metadata, "problem");
    ending.failure = subtype == "error_task_failed"
                         ? make_error(kind_of(code), "{}", *event.content).with_code(subtype)
                         : make_error(kind_of(code), "the agent stopped before it finished: {}{}", subtype,
                                      problem.empty() ? "" : " - " + problem)
                               .with_code(subtype);
  }
}

void judge_error(RunEnding& ending, std::optional<Error> error) {
  auto& event = ending.terminal;
  auto code = string_in(event.metadata, "code");
  if (code.empty()) event.metadata["code"] = code = "agent_error";
  const auto kind = kind_of(code);
  if (!event.content) event.content = "the agent failed without saying why";
  if (!event.metadata.contains("retryable")) event.metadata["retryable"] = is_retryable(kind);
  const bool is_the_same = error && error->code() == code;
  ending.failure = is_the_same ? std::move(*error) : Error(kind, *event.content).with_code(code);
}

// Gives every tool call a result and drops what a program in a sandbox has no business to write into the
// history.
void make_whole(std::vector<sdk::Message>& messages) {
  std::erase_if(messages, [](const auto& message) { return message.role == sdk::ChatRole::system; });
  std::vector<sdk::Message> whole;
  whole.reserve(messages.size());
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto calls = messages[i].tool_calls();
    const bool has_calls = messages[i].role == sdk::ChatRole::assistant && !calls.empty();
    whole.push_back(std::move(messages[i]));
    if (!has_calls) continue;
    const bool has_results = i + 1 < messages.size() && messages[i + 1].role == sdk::ChatRole::tool;
    whole.push_back(has_results ? std::move(messages[++i]) : sdk::Message{sdk::ChatRole::tool, {}});
    auto& results = whole.back().parts;
    std::set<std::string> answered;
    for (const auto& part : results) answered.insert(part.id);
    for (const auto& call : calls)
      if (!answered.contains(call.id))
        results.push_back(
            sdk::Part::make_tool_result(call.id, "The call was cut off; its effect is unknown.", true));
  }
  messages = std::move(whole);
}

}  // namespace

RunEnding ending_of(TurnFacts facts) {
  RunEnding ending{.terminal = terminal_of(facts)};
  ending.terminal.metadata["duration_ms"] = facts.duration_ms;
  if (!facts.unheard.empty()) ending.terminal.metadata["unheard"] = json::write(facts.unheard);
  say_usage(facts, ending.terminal.metadata);
  if (const auto* usage = ending.terminal.metadata.if_contains("usage"); usage && usage->is_object())
    ending.usage = usage->get_object();
  if (ending.terminal.type == sdk::EventType::result)
    judge_result(ending, facts.text);
  else
    judge_error(ending, std::move(facts.error));
  ending.session_end = sdk::Event{sdk::EventType::session_end, "", {}};
  ending.session_end.metadata["duration_ms"] = facts.duration_ms;
  ending.session_end.metadata["outcome"] = json::name_of(ending.state);
  return ending;
}

RunEnding ending_in(const std::vector<store::LoggedEvent>& events) {
  TurnFacts facts;
  for (const auto& logged : events) {
    auto event = sdk::event_from_wire(*logged.json);
    if (!event) continue;  // The terminal event is our own, always.
    const auto* duration = event->metadata.if_contains("duration_ms");
    if (event->type == sdk::EventType::session_end && duration)
      facts.duration_ms = json::read<std::int64_t>(*duration).value_or(0);
    if (event->is_terminal()) facts.terminal = std::move(*event);
  }
  return ending_of(std::move(facts));
}

std::string_view why_cut_off(StopReason stop) {
  if (stop == StopReason::asked) return "the run was cancelled before it was completed";
  if (stop == StopReason::platform) return "the platform stopped before it was completed";
  return "the run ended before it was completed";
}

sdk::Event out_of_time(std::int64_t seconds, std::string text) {
  sdk::Event event{sdk::EventType::result, std::move(text), {}};
  event.metadata = {{"subtype", "error_budget"},
                    {"limit", "max_seconds"},
                    {"problem", fmt::format("max_seconds: the {} s of the run are over", seconds)}};
  return event;
}

void add_report(RunEnding& ending, const OpenTasks& tasks) {
  auto report = tasks.report();
  if (report && !ending.terminal.metadata.contains("tasks"))
    ending.terminal.metadata["tasks"] = *std::move(report);
}

std::string_view failure_code(const RunEnding& ending) {
  return ending.failure ? ending.failure->code() : std::string_view();
}

std::vector<store::SessionMessage> history_of(const RunId& run, Timestamp at, const std::string& message,
                                              std::optional<std::vector<sdk::Message>> recorded,
                                              const std::vector<store::LoggedEvent>& events) {
  if (!recorded) recorded = messages_told(message, events);
  make_whole(*recorded);
  std::vector<store::SessionMessage> messages;
  for (const auto& one : *recorded) messages.push_back({run, at, sdk::to_json(one)});
  return messages;
}

}  // namespace isa::agent
