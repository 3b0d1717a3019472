#include "agent/teams/open_tasks.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

sdk::Event changed(std::string task, std::string state) {
  return {sdk::EventType::system, "", {{"event", "dag_task"}, {"task_id", task}, {"state", state}}};
}

sdk::Event result_of(std::string task) {
  return {sdk::EventType::tool_result, "", {{"tool_use_id", "c"}, {"task_id", task}}};
}

TEST(OpenTasks, KnowWhoseCallsWaitForPeopleWhileOthersWork) {
  OpenTasks tasks;
  tasks.see({sdk::EventType::system,
             "",
             {{"event", "dag_start"},
              {"tasks", json::parse(R"([{"task_id":"a","state":"pending"},{"task_id":"b"}])").value()}}});
  tasks.see(changed("a", "running"));
  tasks.see(changed("b", "running"));
  tasks.see(changed("a", "waiting"));
  EXPECT_TRUE(tasks.waits(result_of("a")));
  EXPECT_FALSE(tasks.waits(result_of("b")));
  EXPECT_FALSE(tasks.waits({sdk::EventType::tool_result, "", {{"tool_use_id", "c"}}}));
  tasks.see(changed("a", "running"));
  EXPECT_FALSE(tasks.waits(result_of("a")));
}

}  // namespace
}  // namespace isa::agent
