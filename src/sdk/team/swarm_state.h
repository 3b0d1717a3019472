// How far the agents of a swarm are. Can be written down and read back while one of them waits for people.
#pragma once

#include "sdk/team/outcome.h"
#include "sdk/team/prompts.h"
#include "sdk/team/waiting.h"

#include <map>
#include <utility>

namespace isa::sdk::team {

struct SwarmState {
  // Nothing done yet: the entry agent is next.
  SwarmState(const TeamSpec& team, std::string message) : current(team.entry), prompt(std::move(message)) {}

  // What write() wrote of the same team. validation_error when it names an agent that the team does not have.
  static Result<SwarmState> resume(const TeamSpec& team, const json::value& written);
  json::value write() const;

  std::string current;  // The member that is next, or under way.
  std::string prompt;   // What it is told.
  std::int64_t step = 0;
  std::map<std::string, std::int64_t> visits;
  std::map<std::string, std::vector<Message>> memories;  // Of each agent: its turns in this run.
  std::optional<Handoff> next;                           // That the current agent wants.
  std::string last_answer;                               // The last that was not empty, and whose it was.
  std::string last_speaker;
  std::vector<std::pair<std::string, std::string>> moves;
  std::vector<HandoffResult> handoff_trace;
  std::map<std::string, std::string> agent_outputs;
  Usage usage;
  std::optional<WaitingTurn> waiting;  // Of the current agent.
};

}  // namespace isa::sdk::team
