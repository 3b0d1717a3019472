#include "app/run_outcome.h"

namespace isa::app {
namespace {

std::string text_at(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

}  // namespace

Result<void> outcome_of(const sdk::Event& event) {
  if (event.type == sdk::EventType::error)
    return upstream_error("the run ended with an error: {}", event.content.value_or("unknown"))
        .with_code(text_at(event.metadata, "code"));
  if (event.type != sdk::EventType::result) return ok();
  const auto subtype = text_at(event.metadata, "subtype");
  if (subtype == "success" || subtype.empty()) return ok();
  if (subtype == "interrupted") return cancelled("the run was cancelled before it finished");
  if (subtype == "steered")
    return cancelled("the message was handed to the run that was under way, which answers it");
  const auto problem = text_at(event.metadata, "problem");
  return upstream_error("the run stopped before it finished: {}{}", subtype,
                        problem.empty() ? "" : " - " + problem)
      .with_code(subtype);
}

std::string how_to_answer(const json::object& question) {
  const auto id = text_at(question, "request_id");
  const auto kind = text_at(question, "kind");
  const auto* options = question.if_contains("options");
  const bool is_choice = kind == "choice" && options && options->is_array();
  if (is_choice)
    return fmt::format("isa approvals approve {} --text OPTION, one of {}", id, json::serialize(*options));
  if (kind == "input" || kind == "choice") return fmt::format("isa approvals approve {} --text ANSWER", id);
  if (kind == "tool") return fmt::format("isa approvals approve {} --text RESULT", id);
  const bool can_be_edited = text_at(question, "tool") != "request_authorization";
  return fmt::format("isa approvals approve|deny{} {}", can_be_edited ? "|edit" : "", id);
}

}  // namespace isa::app
