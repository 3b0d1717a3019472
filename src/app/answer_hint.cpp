#include "app/answer_hint.h"

#include <algorithm>

namespace isa::app {
namespace {

std::string text_of(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

}  // namespace

std::string how_to_answer(const json::object& question) {
  const auto id = text_of(question, "request_id");
  const auto kind = text_of(question, "kind");
  const auto* options = question.if_contains("options");
  if (kind == "input") return fmt::format("  isa approvals approve {} --text ANSWER", id);
  if (kind == "tool") return fmt::format("  isa approvals approve {} --text RESULT", id);
  if (kind == "choice")  // As JSON: an agent's words stay on their line.
    return fmt::format("  one of {}\n  isa approvals approve {} --text ONE_OF_THEM",
                       options ? json::serialize(*options) : "[]", id);
  const bool is_editable = options && options->is_array() &&
                           std::ranges::find(options->get_array(), "edit") != options->get_array().end();
  return fmt::format("  isa approvals approve|deny {}{}", id,
                     is_editable ? fmt::format("\n  isa approvals edit {} --args JSON", id) : "");
}

}  // namespace isa::app
