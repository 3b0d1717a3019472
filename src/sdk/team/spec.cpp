#include "sdk/team/spec.h"

#include "sdk/approval_pattern.h"

#include <algorithm>
#include <map>
#include <set>

namespace isa::sdk::team {
namespace {

constexpr std::size_t kNameMax = 64;            // Bytes, of members and of tasks' ids.
constexpr std::size_t kTitleMax = 200;          // Bytes.
constexpr std::size_t kTextMax = 100'000;       // Bytes of a prompt or a task's description.
constexpr std::size_t kDescriptionMax = 4'000;  // Bytes of what others are told of a member.
constexpr std::int64_t kSecondsMax = 24L * 3'600;
constexpr std::int64_t kRetriesMax = 5;
constexpr std::size_t kApprovalsMax = 100;
constexpr std::int64_t kCheckpointEveryMax = 100;
constexpr std::int64_t kApprovalSecondsMax = 30L * 24 * 3'600;

struct MemberFields {
  std::optional<std::string> name, id;
  std::optional<std::string> description;
  std::optional<AgentId> agent_config_id;
  std::optional<std::string> system_prompt;
  std::optional<std::string> model_id, model;
  std::optional<std::vector<std::string>> tools;
  std::optional<std::vector<std::string>> skills;
  std::optional<std::string> mode;  // In capitals or, as the original has it, without.
  std::optional<std::vector<MemberApproval>> approvals;
  std::optional<LoopLimits> limits;
  std::optional<MemberSandbox> sandbox;
};
BOOST_DESCRIBE_STRUCT(MemberFields, (),
                      (name, id, description, agent_config_id, system_prompt, model_id, model, tools, skills,
                       mode, approvals, limits, sandbox))

struct TaskFields {
  std::optional<std::string> id, task_id;
  std::optional<std::string> title;
  std::optional<std::string> description;
  std::optional<std::string> agent;
  std::optional<std::vector<std::string>> depends_on;
  std::optional<std::vector<std::string>> tools;
  std::optional<std::int64_t> timeout_s;
  std::optional<std::int64_t> retries;
  std::optional<json::value> priority;   // Of the original, which never looked at it either.
  std::optional<json::object> metadata;  // The author's own.
};
BOOST_DESCRIBE_STRUCT(TaskFields, (),
                      (id, task_id, title, description, agent, depends_on, tools, timeout_s, retries,
                       priority, metadata))

struct TeamFields {
  std::optional<std::vector<MemberFields>> agents;
  std::optional<std::vector<TaskFields>> tasks, dag;
  std::optional<std::string> routing_type;
  std::optional<std::string> execution_mode;
  std::optional<std::string> entry_agent_id, entry_agent;
  std::optional<std::int64_t> max_parallel;
  std::optional<std::int64_t> max_handoffs;
  std::optional<std::int64_t> max_visits;
  std::optional<std::int64_t> max_seconds;
  std::optional<json::object> shared_state;
};
BOOST_DESCRIBE_STRUCT(TeamFields, (),
                      (agents, tasks, dag, routing_type, execution_mode, entry_agent_id, entry_agent,
                       max_parallel, max_handoffs, max_visits, max_seconds, shared_state))

Error broken(std::string pointer, std::string_view rule) {
  return validation_error("{}: {}", pointer, rule).with_param(pointer);
}

Result<void> check_text(const std::string& pointer, std::string_view text, std::size_t max) {
  if (text.size() <= max) return ok();
  return broken(pointer, fmt::format("must have at most {} bytes; this has {}", max, text.size()));
}

Result<void> check_range(const std::string& pointer, std::int64_t value, std::int64_t min, std::int64_t max) {
  if (value >= min && value <= max) return ok();
  return broken(pointer, fmt::format("must be from {} to {}, not {}", min, max, value));
}

// A name stands in a directive ([HANDOFF: name]) and in lists of names.
Result<void> check_name(const std::string& pointer, std::string_view name) {
  const bool is_fine = !name.empty() && name.size() <= kNameMax && name.front() != ' ' &&
                       name.back() != ' ' && std::ranges::none_of(name, [](char c) {
                         return static_cast<unsigned char>(c) < 0x20 || c == 0x7F ||
                                std::string_view("[]<>\"'`,:/\\").contains(c);
                       });
  if (is_fine) return ok();
  return broken(pointer,
                fmt::format("a name has 1 to {} bytes and holds none of []<>\"'`,:/\\, no line break and no "
                            "space at its ends",
                            kNameMax));
}

// A field under its name or that of the original.
template <class T>
Result<std::optional<T>> one_of(const std::string& at, std::string_view name, std::optional<T> value,
                                std::string_view other_name, std::optional<T> other) {
  if (value && other && *value != *other)
    return broken(at + "/" + std::string(other_name),
                  fmt::format("says something else than '{}'; leave one of them out", name));
  return value ? std::move(value) : std::move(other);
}

Result<void> check_approvals(const std::string& at, const std::vector<MemberApproval>& approvals) {
  if (approvals.size() > kApprovalsMax)
    return broken(at, fmt::format("has {} entries; at most {} are allowed", approvals.size(), kApprovalsMax));
  for (std::size_t i = 0; i < approvals.size(); ++i) {
    const auto entry = fmt::format("{}/{}", at, i);
    if (auto checked = check_approval_pattern(approvals[i].match); !checked)
      return broken(entry + "/match", checked.error().message());
    ISA_TRYV(check_range(entry + "/timeout_s", approvals[i].timeout_s, 1, kApprovalSecondsMax));
    if (!approvals[i].every) continue;
    if (approvals[i].match != "update_plan")
      return broken(entry + "/every", "goes with the match 'update_plan' only");
    ISA_TRYV(check_range(entry + "/every", *approvals[i].every, 0, kCheckpointEveryMax));
  }
  return ok();
}

Result<MemberMode> read_mode(const std::string& at, std::string text) {
  const auto written = text;
  for (auto& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const auto mode = json::enum_named<MemberMode>(text);
  if (mode) return *mode;
  return broken(at, fmt::format("expected REACTIVE, COLLABORATIVE or PROACTIVE, found '{}'", written));
}

Result<Member> read_member(const std::string& at, MemberFields from) {
  ISA_TRY(auto name, one_of(at, "name", std::move(from.name), "id", std::move(from.id)));
  if (!name && from.agent_config_id) name = from.agent_config_id->value();
  if (!name) return broken(at + "/name", "an agent of a team needs a name");
  ISA_TRYV(check_name(at + "/name", *name));
  ISA_TRY(auto model, one_of(at, "model_id", std::move(from.model_id), "model", std::move(from.model)));
  const bool is_defined_here =
      from.system_prompt || model || from.tools || from.skills || from.limits || from.approvals;
  if (from.agent_config_id && is_defined_here)
    return broken(at,
                  "a member with agent_config_id is what that agent's config says; leave out "
                  "system_prompt, model_id, tools, skills, approvals and limits, or define the agent here");
  Member member;
  member.name = member.agent.name = *std::move(name);
  member.description = from.description.value_or("");
  member.agent_config_id = std::move(from.agent_config_id);
  member.agent.model = model.value_or("");
  member.agent.system_prompt = from.system_prompt.value_or("");
  member.agent.tools = from.tools.value_or(std::vector<std::string>());
  member.agent.limits = from.limits.value_or(LoopLimits{});
  member.skills = from.skills.value_or(std::vector<std::string>());
  if (from.mode) {
    ISA_TRY(member.mode, read_mode(at + "/mode", *std::move(from.mode)));
  }
  member.approvals = std::move(from.approvals);
  member.sandbox = from.sandbox.value_or(MemberSandbox::shared);
  if (member.approvals) ISA_TRYV(check_approvals(at + "/approvals", *member.approvals));
  ISA_TRYV(check_text(at + "/description", member.description, kDescriptionMax));
  ISA_TRYV(check_text(at + "/system_prompt", member.agent.system_prompt, kTextMax));
  ISA_TRYV(check_text(at + "/model_id", member.agent.model, kTitleMax));
  ISA_TRYV(check_range(at + "/limits/max_turns", member.agent.limits.max_turns, 1, 10'000));
  ISA_TRYV(check_range(at + "/limits/max_seconds", member.agent.limits.max_seconds, 1, kSecondsMax));
  if (member.agent.limits.max_usd == Usd()) return broken(at + "/limits/max_usd", "must be more than 0");
  return member;
}

Result<TaskSpec> read_task(std::size_t index, TaskFields from, const std::string& entry) {
  const auto at = fmt::format("/tasks/{}", index);
  ISA_TRY(auto id, one_of(at, "id", std::move(from.id), "task_id", std::move(from.task_id)));
  TaskSpec task;
  task.id = id.value_or(fmt::format("task_{}", index + 1));
  task.title = from.title.value_or(fmt::format("Task {}", index + 1));
  task.description = from.description.value_or(task.title);
  task.agent = from.agent.value_or(entry);
  task.depends_on = from.depends_on.value_or(std::vector<std::string>());
  task.tools = std::move(from.tools);
  task.timeout_s = from.timeout_s.value_or(task.timeout_s);
  task.retries = from.retries.value_or(task.retries);
  ISA_TRYV(check_name(at + "/id", task.id));
  ISA_TRYV(check_text(at + "/title", task.title, kTitleMax));
  ISA_TRYV(check_text(at + "/description", task.description, kTextMax));
  ISA_TRYV(check_range(at + "/timeout_s", task.timeout_s, 1, kSecondsMax));
  ISA_TRYV(check_range(at + "/retries", task.retries, 0, kRetriesMax));
  return task;
}

std::string names_of(const std::vector<Member>& members) {
  std::string names;
  for (const auto& member : members) names += (names.empty() ? "" : ", ") + member.name;
  return names;
}

Result<std::string> chosen(std::string_view field, const std::optional<std::string>& outer,
                           const std::optional<std::string>& inner, std::string fallback) {
  if (outer && inner && *outer != *inner)
    return broken(fmt::format("/{}", field), fmt::format("says '{}', but the routing_spec says '{}'; leave "
                                                         "one of them out",
                                                         *outer, *inner));
  return outer ? *outer : inner.value_or(std::move(fallback));
}

Result<Routing> read_routing(const TeamChoice& choice, const TeamFields& fields) {
  const auto plain = [](std::optional<std::string> type) {
    if (type == "llm") type = "swarm";
    return type;
  };
  ISA_TRY(const auto type,
          chosen("routing_type", plain(choice.routing_type), plain(fields.routing_type), "dag"));
  const auto routing = json::enum_named<Routing>(type);
  if (!routing) return broken("/routing_type", fmt::format("expected dag or swarm, found '{}'", type));
  return *routing;
}

Result<std::int64_t> read_parallel(const TeamChoice& choice, const TeamFields& fields) {
  ISA_TRY(const auto text,
          chosen("execution_mode", choice.execution_mode, fields.execution_mode, "parallel"));
  const auto mode = json::enum_named<ExecutionMode>(text);
  if (!mode)
    return broken("/execution_mode", fmt::format("expected sequential or parallel, found '{}'", text));
  const auto parallel = fields.max_parallel.value_or(TeamSpec().max_parallel);
  ISA_TRYV(check_range("/max_parallel", parallel, 1, kParallelMax));
  return *mode == ExecutionMode::sequential ? 1 : parallel;
}

Result<std::string> read_entry(const TeamChoice& choice, const TeamFields& fields,
                               const std::vector<Member>& members) {
  const std::pair<std::string_view, const std::optional<std::string>*> said[] = {
      {"/entry_agent_override", &choice.entry_agent_override},
      {"/entry_agent_id", &choice.entry_agent_id},
      {"/routing_spec/entry_agent_id", &fields.entry_agent_id},
      {"/routing_spec/entry_agent", &fields.entry_agent}};
  for (const auto& [pointer, name] : said) {
    if (!*name || (*name)->empty()) continue;
    if (std::ranges::find(members, **name, &Member::name) != members.end()) return **name;
    return broken(std::string(pointer), fmt::format("'{}' is no agent of this team; its agents are: {}",
                                                    **name, names_of(members)));
  }
  return members.front().name;
}

Result<std::vector<Member>> read_members(std::optional<std::vector<MemberFields>> from) {
  if (!from || from->empty()) return broken("/agents", "missing agents: a team needs at least one");
  if (from->size() > kMembersMax)
    return broken("/agents",
                  fmt::format("a team has at most {} agents; this has {}", kMembersMax, from->size()));
  std::vector<Member> members;
  for (std::size_t i = 0; i < from->size(); ++i) {
    const auto at = fmt::format("/agents/{}", i);
    ISA_TRY(auto member, read_member(at, std::move((*from)[i])));
    if (std::ranges::find(members, member.name, &Member::name) != members.end())
      return broken(at + "/name", fmt::format("another agent of this team has the name '{}'", member.name));
    members.push_back(std::move(member));
  }
  return members;
}

// A task may take tools from its agent, never give it more. What a config allows is seen when it is run.
Result<void> check_owner(std::size_t index, const TaskSpec& task, const TeamSpec& team) {
  const auto* member = team.find(task.agent);
  const auto at = fmt::format("/tasks/{}", index);
  if (!member)
    return broken(at + "/agent", fmt::format("'{}' is no agent of this team; its agents are: {}", task.agent,
                                             names_of(team.members)));
  if (!task.tools || member->agent_config_id) return ok();
  for (std::size_t i = 0; i < task.tools->size(); ++i)
    if (std::ranges::find(member->agent.tools, (*task.tools)[i]) == member->agent.tools.end())
      return broken(
          fmt::format("{}/tools/{}", at, i),
          fmt::format("the agent '{}' does not have the tool '{}'", member->name, (*task.tools)[i]));
  return ok();
}

Result<void> read_tasks(std::optional<std::vector<TaskFields>> from, TeamSpec& team) {
  if (!from) return ok();
  if (from->size() > kTasksMax)
    return broken("/tasks", fmt::format("a team has at most {} tasks; this has {}", kTasksMax, from->size()));
  for (std::size_t i = 0; i < from->size(); ++i) {
    ISA_TRY(auto task, read_task(i, std::move((*from)[i]), team.entry));
    ISA_TRYV(check_owner(i, task, team));
    team.tasks.push_back(std::move(task));
  }
  return check_tasks(team.tasks);
}

// Walks along dependencies that are still open until it meets a task again: there must be one, since every
// task of what Kahn's algorithm leaves over waits for another.
std::string cycle_among(const std::vector<TaskSpec>& tasks, const std::set<std::string_view>& open) {
  std::map<std::string_view, const TaskSpec*> by_id;
  for (const auto& task : tasks) by_id[task.id] = &task;
  std::vector<std::string_view> path;
  std::string_view at = *open.begin();
  while (std::ranges::find(path, at) == path.end()) {
    path.push_back(at);
    const auto& needs = by_id.at(at)->depends_on;
    at = *std::ranges::find_if(needs, [&](const std::string& id) { return open.contains(id); });
  }
  std::string text;
  for (auto step = std::ranges::find(path, at); step != path.end(); ++step)
    text += std::string(*step) + " -> ";
  return text + std::string(at);
}

}  // namespace

const Member* TeamSpec::find(std::string_view name) const {
  const auto found = std::ranges::find(members, name, &Member::name);
  return found == members.end() ? nullptr : &*found;
}

Result<void> check_tasks(const std::vector<TaskSpec>& tasks) {
  std::set<std::string_view> ids;
  for (std::size_t i = 0; i < tasks.size(); ++i)
    if (!ids.insert(tasks[i].id).second)
      return broken(fmt::format("/tasks/{}/id", i), fmt::format("another task has the id '{}'", tasks[i].id));
  std::map<std::string_view, std::set<std::string_view>> waits_for;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    auto& needs = waits_for[tasks[i].id];
    for (std::size_t j = 0; j < tasks[i].depends_on.size(); ++j) {
      const auto& need = tasks[i].depends_on[j];
      const auto at = fmt::format("/tasks/{}/depends_on/{}", i, j);
      if (need == tasks[i].id) return broken(at, fmt::format("the task '{}' depends on itself", need));
      if (!ids.contains(need)) return broken(at, fmt::format("there is no task '{}'", need));
      if (!needs.insert(need).second) return broken(at, fmt::format("the task '{}' is named already", need));
    }
  }
  for (bool found = true; found;) {
    found = false;
    for (auto it = waits_for.begin(); it != waits_for.end();) {
      const bool is_free = std::ranges::none_of(it->second, [&](auto id) { return waits_for.contains(id); });
      found = found || is_free;
      it = is_free ? waits_for.erase(it) : std::next(it);
    }
  }
  if (waits_for.empty()) return ok();
  std::set<std::string_view> open;
  for (const auto& [id, needs] : waits_for) open.insert(id);
  return broken("/tasks",
                fmt::format("the tasks wait for each other in a cycle: {} (each waits for the next)",
                            cycle_among(tasks, open)));
}

Result<TeamSpec> read_team(const json::object& routing_spec, const TeamChoice& choice) {
  const json::value document(routing_spec);
  if (const auto size = json::serialize(document).size(); size > kSpecBytesMax)
    return broken("/routing_spec", fmt::format("has {} bytes; at most {} are allowed", size, kSpecBytesMax));
  ISA_TRY(auto fields, json::read<TeamFields>(document));
  TeamSpec team;
  ISA_TRY(team.members, read_members(std::move(fields.agents)));
  ISA_TRY(team.routing, read_routing(choice, fields));
  ISA_TRY(team.max_parallel, read_parallel(choice, fields));
  ISA_TRY(team.entry, read_entry(choice, fields, team.members));
  team.max_handoffs = fields.max_handoffs.value_or(team.max_handoffs);
  team.max_visits = fields.max_visits.value_or(team.max_visits);
  team.max_seconds = fields.max_seconds.value_or(team.max_seconds);
  team.shared_state = fields.shared_state.value_or(json::object());
  ISA_TRYV(check_range("/max_handoffs", team.max_handoffs, 0, kHandoffsMax));
  ISA_TRYV(check_range("/max_visits", team.max_visits, 1, kHandoffsMax));
  ISA_TRYV(check_range("/max_seconds", team.max_seconds, 1, kSecondsMax));
  if (fields.tasks && fields.dag) return broken("/dag", "is another name of 'tasks'; leave one of them out");
  ISA_TRYV(read_tasks(fields.tasks ? std::move(fields.tasks) : std::move(fields.dag), team));
  return team;
}

}  // namespace isa::sdk::team
