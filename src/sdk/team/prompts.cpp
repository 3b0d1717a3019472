#include "sdk/team/prompts.h"

#include "sdk/team/bounded.h"
#include "sdk/team/directive.h"

namespace isa::sdk::team {
namespace {

std::string tagged(std::string_view tag, std::string_view attributes, std::string_view text) {
  return fmt::format("<{}{}>\n{}\n</{}>", tag, attributes, text, tag);
}

}  // namespace

std::string task_prompt(std::string_view message, const TaskSpec& task, const DagState& state) {
  std::string prompt = tagged("user_message", "", message);
  for (const auto& id : task.depends_on) {
    const auto& done = state.at(id);
    const auto result =
        done.output.empty() ? std::string("(no text)") : cut_end(done.output, kReportedOutputMax);
    prompt += "\n\n" + tagged("task_result", fmt::format(" id=\"{}\" agent=\"{}\"", id, done.agent), result);
  }
  const auto text = task.description == task.title ? task.title : task.title + "\n\n" + task.description;
  prompt += "\n\n" + tagged("task", fmt::format(" id=\"{}\"", task.id), text);
  return prompt + "\n\nDo the task above and answer with its result; it serves the user's message.";
}

std::string handoff_protocol(const TeamSpec& team, std::string_view member) {
  if (team.members.size() < 2) return {};
  std::string text = fmt::format("You are '{}', one agent of a team. The others are:\n", member);
  for (const auto& other : team.members) {
    if (other.name == member) continue;
    const auto description = without_directives(other.description);
    text += fmt::format("- {}{}\n", other.name, description.empty() ? "" : ": " + description);
  }
  return text +
         "\nWhen another agent should go on, call the tool handoff with its name, the reason, and whatever "
         "it "
         "must know. Without tools, end your reply with a line [HANDOFF: name] and the reason. When the "
         "user's "
         "message is answered, just answer; nobody goes on then.";
}

std::string handoff_prompt(std::string_view message, const Handoff& handoff) {
  auto prompt = tagged("user_message", "", message);
  std::string text = fmt::format("The agent '{}' hands this over to you.", handoff.from);
  if (!handoff.reason.empty()) text += fmt::format("\nReason: {}", cut_end(handoff.reason, kContextMax));
  if (!handoff.context.empty())
    text += fmt::format("\nContext:\n{}", cut_front(handoff.context, kContextMax));
  return prompt + "\n\n" + tagged("handoff", fmt::format(" from=\"{}\"", handoff.from), text);
}

std::string refused_prompt(std::string_view message, std::string_view why) {
  return fmt::format(
      "{}\n\nYour handoff was not possible: {}. Answer the user yourself, or hand over to another.",
      tagged("user_message", "", message), why);
}

}  // namespace isa::sdk::team
