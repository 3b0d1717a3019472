#include "agent/executors/in_process.h"

#include "agent/skills/delivery.h"

namespace isa::agent {
namespace {

sdk::Event tools_unavailable(const std::vector<std::string>& names) {
  sdk::Event event{sdk::EventType::system, "", {}};
  json::array list;
  std::string text;
  for (const auto& name : names) {
    list.emplace_back(name);
    text += (text.empty() ? "" : ", ") + name;
  }
  event.content =
      fmt::format("Not available in env cloud_shared, which has no sandbox: {}. Use env cloud_pool.", text);
  event.metadata["event"] = "tools.unavailable";
  event.metadata["tools"] = std::move(list);
  return event;
}

}  // namespace

Task<Result<void>> InProcessExecutor::run(Turn turn, sdk::EventSink sink, TurnRecord& record) {
  sdk::ToolBox tools(sdk::plain_tools(), turn.agent.tools);
  if (!turn.skills.missing.empty()) {
    auto notice = skills_unavailable(turn.skills.missing);
    ISA_CO_TRYV(co_await sink(std::move(notice)));
  }
  if (!turn.skills.skills.empty()) {
    turn.agent.system_prompt = sdk::with_skills(std::move(turn.agent.system_prompt), turn.agent.skills);
    tools.grant(sdk::make_use_skill(skills_of_turn(skills_, std::move(turn.skills))));
  }
  if (!tools.unavailable().empty()) {
    auto notice = tools_unavailable(tools.unavailable());
    ISA_CO_TRYV(co_await sink(std::move(notice)));
  }
  auto outcome = co_await sdk::run_turn(turn.agent, std::move(turn.history), std::move(turn.message), model_,
                                        tools, std::move(sink), std::move(turn.trace));
  record.new_messages = std::move(outcome.new_messages);
  record.usage = outcome.usage;
  co_return ok();
}

}  // namespace isa::agent
