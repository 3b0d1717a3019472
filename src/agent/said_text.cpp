#include "agent/said_text.h"

#include <algorithm>

namespace isa::agent {
namespace {

// Otherwise what a program in a sandbox calls its agents grows without end.
constexpr std::size_t kParagraphsMax = 1000;

std::string_view text_in(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found && found->is_string() ? std::string_view(found->get_string()) : std::string_view();
}

}  // namespace

void SaidText::add(const sdk::Event& event) {
  if (event.type != sdk::EventType::text || !event.content) return;
  const auto agent = text_in(event.metadata, "agent");
  const auto task = text_in(event.metadata, "task_id");
  const auto is_its = [&](const Paragraph& one) { return one.agent == agent && one.task_id == task; };
  // Who has no task of its own speaks when the agent before has ended: again, if it is handed back to.
  const auto from = task.empty() && !paragraphs_.empty() ? paragraphs_.end() - 1 : paragraphs_.begin();
  auto its = std::find_if(from, paragraphs_.end(), is_its);
  if (its == paragraphs_.end() && paragraphs_.size() < kParagraphsMax)
    its = paragraphs_.insert(its, Paragraph{std::string(agent), std::string(task), {}});
  else if (its == paragraphs_.end())
    --its;
  its->text += *event.content;
}

std::string SaidText::text() const {
  std::string all;
  for (const auto& one : paragraphs_)
    if (!one.text.empty()) all += (all.empty() ? "" : "\n\n") + one.text;
  return all;
}

}  // namespace isa::agent
