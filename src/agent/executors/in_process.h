#pragma once

#include "agent/turn_executor.h"
#include "model/client.h"

#include <map>
#include <memory>

namespace isa::agent {

// env cloud_shared: the agent loop in this very process. There is no sandbox here, so file and shell tools
// are refused; a turn whose agent lists some begins with a system event that names them.
class InProcessExecutor : public TurnExecutor {
 public:
  InProcessExecutor(model::ModelClient& model, const SkillLibrary& skills) : model_(model), skills_(skills) {}
  Task<Result<void>> run(Turn turn, sdk::EventSink sink, TurnRecord& record) override;
  Task<Result<void>> steer(SessionId session, RunId run, std::string message) override;

 private:
  model::ModelClient& model_;
  const SkillLibrary& skills_;
  std::multimap<RunId, std::shared_ptr<sdk::Steering>> listening_;  // Members of a team share the run.
};

}  // namespace isa::agent
