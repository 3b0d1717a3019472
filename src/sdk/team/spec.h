// What a team of agents is: its members, who begins, and either tasks that depend on each other (a DAG) or
// agents that hand over to each other (a swarm). Design: agents.md, "Multi-agent".
#pragma once

#include "base/json.h"
#include "sdk/loop.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isa::sdk::team {

inline constexpr std::size_t kMembersMax = 20;
inline constexpr std::size_t kTasksMax = 100;
inline constexpr std::int64_t kParallelMax = 8;
inline constexpr std::int64_t kHandoffsMax = 50;
inline constexpr std::size_t kSpecBytesMax = 512 << 10;  // Of a routing_spec as JSON text.

enum class Routing { dag, swarm };
BOOST_DESCRIBE_ENUM(Routing, dag, swarm)
enum class ExecutionMode { sequential, parallel };
BOOST_DESCRIBE_ENUM(ExecutionMode, sequential, parallel)
// Where the turns of a member run: in the sandbox of the team's session, or in one of the member's own.
enum class MemberSandbox { shared, own };
BOOST_DESCRIBE_ENUM(MemberSandbox, shared, own)

// Whether a member asks people: a REACTIVE one never does.
enum class MemberMode { REACTIVE, COLLABORATIVE, PROACTIVE };
BOOST_DESCRIBE_ENUM(MemberMode, REACTIVE, COLLABORATIVE, PROACTIVE)

// Calls that wait until a person has decided.
struct MemberApproval {
  using json_defaults = void;
  std::string match;              // A pattern of sdk/approval_pattern.h.
  std::int64_t timeout_s = 1800;  // Then it counts as denied.
  // Of update_plan: a checkpoint each time that so many more steps are finished; 0: none.
  std::optional<std::int64_t> every = std::nullopt;
};
BOOST_DESCRIBE_STRUCT(MemberApproval, (), (match, timeout_s, every))

// An agent of a team: defined here, or an agent config by its id, which whoever runs the team looks up.
struct Member {
  using json_defaults = void;
  std::string name;
  std::string description;  // What the other members are told of it.
  std::optional<AgentId> agent_config_id;
  AgentSpec agent;                  // Of one that is defined here; model "" is the default.
  std::vector<std::string> skills;  // The same, and mode and approvals.
  MemberMode mode = MemberMode::REACTIVE;
  std::optional<std::vector<MemberApproval>> approvals;
  MemberSandbox sandbox = MemberSandbox::shared;
};
BOOST_DESCRIBE_STRUCT(Member, (),
                      (name, description, agent_config_id, agent, skills, mode, approvals, sandbox))

struct TaskSpec {
  using json_defaults = void;
  std::string id;
  std::string title;
  std::string description;
  std::string agent;  // A member's name.
  std::vector<std::string> depends_on;
  std::optional<std::vector<std::string>> tools;  // Of the member's tools those that this task may use.
  std::int64_t timeout_s = 600;                   // Of one attempt.
  std::int64_t retries = 0;                       // Further attempts after one that failed.
};
BOOST_DESCRIBE_STRUCT(TaskSpec, (), (id, title, description, agent, depends_on, tools, timeout_s, retries))

// As JSON it is what the platform keeps for itself; a routing_spec is read by read_team().
struct TeamSpec {
  using json_defaults = void;
  std::vector<Member> members;
  std::vector<TaskSpec> tasks;
  Routing routing = Routing::dag;
  std::string entry;              // A member's name.
  std::int64_t max_parallel = 4;  // Tasks at once; 1 when the tasks run one after the other.
  std::int64_t max_handoffs = 10;
  std::int64_t max_visits = 5;      // Of one agent in one run.
  std::int64_t max_seconds = 1800;  // Of a whole run.
  json::object shared_state;        // What a run begins with.

  // DAG first: without tasks, a team of type dag is a swarm from its entry agent.
  bool runs_as_dag() const { return routing == Routing::dag && !tasks.empty(); }
  const Member* find(std::string_view name) const;
};
BOOST_DESCRIBE_STRUCT(TeamSpec, (),
                      (members, tasks, routing, entry, max_parallel, max_handoffs, max_visits, max_seconds,
                       shared_state))

// What stands beside the routing_spec, in the record of a team or in a request. It wins over what the
// routing_spec says of the same; a routing_type or execution_mode that contradicts it is an error.
struct TeamChoice {
  std::optional<std::string> routing_type;    // dag, swarm, or llm, which is read as swarm.
  std::optional<std::string> execution_mode;  // sequential or parallel.
  std::optional<std::string> entry_agent_id;
  std::optional<std::string> entry_agent_override;  // Of a request; beats everything.
};

// Reads a routing_spec strictly, under its own names and those of the original (id, model, task_id, dag,
// entry_agent, routing_type llm). validation_error with the JSON pointer of the field: an unknown field, no
// agents, two of one name, an entry that is no member, a task of nobody, and whatever check_tasks() says.
Result<TeamSpec> read_team(const json::object& routing_spec, const TeamChoice& choice = {});

// Ids twice, a dependency on itself or on a task that does not exist, a cycle: the error names the tasks,
// a cycle as they wait ("a -> b -> a": a waits for b, and b for a).
Result<void> check_tasks(const std::vector<TaskSpec>& tasks);

}  // namespace isa::sdk::team
