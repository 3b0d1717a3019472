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

using Listeners = std::multimap<RunId, std::shared_ptr<sdk::Steering>>;

// A turn's place among those that can be spoken to.
class Listening {
 public:
  Listening(Listeners& all, const RunId& run, std::shared_ptr<sdk::Steering> steering)
      : all_(all), place_(all.emplace(run, std::move(steering))) {}
  Listening(const Listening&) = delete;
  ~Listening() { all_.erase(place_); }

 private:
  Listeners& all_;
  Listeners::iterator place_;
};

}  // namespace

Task<Result<void>> InProcessExecutor::run(Turn turn, sdk::EventSink sink, TurnRecord& record) {
  sdk::ToolBox tools(sdk::plain_tools(), turn.agent.tools);
  if (!turn.skills.missing.empty() && !turn.resumption) {
    auto notice = skills_unavailable(turn.skills.missing);
    ISA_CO_TRYV(co_await sink(std::move(notice)));
  }
  if (!turn.skills.skills.empty()) {
    turn.agent.system_prompt = sdk::with_skills(std::move(turn.agent.system_prompt), turn.agent.skills);
    tools.grant(sdk::make_use_skill(skills_of_turn(skills_, std::move(turn.skills))));
  }
  if (!tools.unavailable().empty() && !turn.resumption) {
    auto notice = tools_unavailable(tools.unavailable());
    ISA_CO_TRYV(co_await sink(std::move(notice)));
  }
  auto steering = std::make_shared<sdk::Steering>();
  const Listening entry(listening_, turn.run, steering);
  sdk::TurnInput input{std::move(turn.history), std::move(turn.message), std::move(turn.resumption),
                       std::move(steering)};
  auto outcome = co_await sdk::run_turn(turn.agent, std::move(input), model_, tools, std::move(sink),
                                        std::move(turn.trace));
  record.new_messages = std::move(outcome.new_messages);
  record.usage = outcome.progress.usage;
  record.pending = std::move(outcome.pending);
  record.progress = outcome.progress;
  co_return ok();
}

Task<Result<void>> InProcessExecutor::steer(SessionId, RunId run, std::string message) {
  const auto found = listening_.find(run);
  if (found == listening_.end() || !found->second->offer(std::move(message)))
    co_return conflict("no turn of this run is under way").with_code("turn_not_running");
  co_return ok();
}

}  // namespace isa::agent
