#include "base/testing.h"
#include "sdk/tool.h"
#include "sdk/tools/process_table.h"
#include "sdk/tools/shell_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace isa::sdk {
namespace {

struct Place {
  explicit Place(const asio::any_io_executor& executor) : shells(std::make_shared<ShellTable>(executor)) {
    make_box();
  }
  void make_box() {
    WorkspaceOptions options;
    options.path = folder.path();
    options.env = {{"PATH", "/usr/bin:/bin"}};
    options.processes = processes;
    options.shells = shells;
    box.emplace(workspace_tools(std::move(options)).value(), known_tool_names());
  }
  Task<ToolOutput> call(std::string tool, json::object arguments) {
    const auto part = Part::make_tool_call("1", std::move(tool), json::serialize(arguments));
    co_return co_await box->call(part, Deadline::after(std::chrono::seconds(20)));
  }
  Task<json::object> ask(std::string tool, json::object arguments) {
    const auto output = co_await call(std::move(tool), std::move(arguments));
    EXPECT_FALSE(output.is_error) << output.text;
    co_return json::parse(output.text).value_or(json::value(json::object())).as_object();
  }
  Task<std::string> start(std::string command) {
    const auto started =
        co_await ask("bash_execute", {{"command", std::move(command)}, {"run_in_background", true}});
    co_return std::string(started.at("shell_id").as_string());
  }
  // Waits for more.
  Task<json::object> read(std::string id) {
    return ask("bash_output", {{"shell_id", std::move(id)}, {"wait", 20}});
  }
  Task<json::object> ended(std::string id) {
    for (;;) {
      auto news = co_await read(id);
      if (news.at("status") != "running" && !news.contains("more_bytes")) co_return news;
    }
  }

  isa::testing::TempFolder folder;
  std::shared_ptr<ProcessTable> processes = std::make_shared<ProcessTable>();
  std::shared_ptr<ShellTable> shells;
  std::optional<ToolBox> box;
};

void in_place(std::function<Task<void>(Place&)> test) {
  const auto body = [](std::function<Task<void>(Place&)> run) -> Task<void> {
    Place place(co_await asio::this_coro::executor);
    co_await run(place);
    co_await place.shells->stop();
  };
  isa::testing::run(body(std::move(test)));
}

void expect_it_ends(pid_t pid) {
  ASSERT_GT(pid, 0);
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return;  // Ended and reaped.
  pollfd ended{.fd = fd, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "process " << pid << " is still running";
  ::close(fd);
}

pid_t number_in(const json::object& news) {
  return std::atoi(std::string(news.at("stdout").as_string()).c_str());
}

TEST(BackgroundShell, GivesEachPieceOfOutputOnceAndThenHowItEnded) {
  in_place([](Place& place) -> Task<void> {
    const auto id = co_await place.start(
        "echo one; echo bad >&2; read -r x < <(tail -F go 2>/dev/null); echo two; exit 3");

    auto first = co_await place.read(id);
    std::string out(first.at("stdout").as_string()), err(first.at("stderr").as_string());
    while (out != "one\n" || err != "bad\n") {
      const auto more = co_await place.read(id);
      out += more.at("stdout").as_string();
      err += more.at("stderr").as_string();
      first = more;
    }
    EXPECT_EQ(first.at("status"), "running");
    EXPECT_TRUE(first.at("exit_code").is_null());
    const auto nothing = co_await place.ask("bash_output", {{"shell_id", id}});
    EXPECT_EQ(nothing.at("stdout"), "");

    std::ofstream(place.folder / "go") << "go\n";
    const auto last = co_await place.read(id);
    EXPECT_EQ(last.at("stdout"), "two\n");
    const auto end = co_await place.ended(id);
    EXPECT_EQ(end.at("status"), "exited");
    EXPECT_EQ(end.at("exit_code").to_number<int>(), 3);
  });
}

TEST(BackgroundShell, SurvivesThatTheToolsAreMadeAnew) {
  in_place([](Place& place) -> Task<void> {
    const auto id = co_await place.start("echo $$; exec sleep 1000");
    place.make_box();

    const auto news = co_await place.read(id);
    EXPECT_EQ(news.at("status"), "running");
    const auto list = co_await place.ask("list_shells", {});
    const auto& shell = list.at("shells").as_array().at(0).as_object();
    EXPECT_EQ(shell.at("shell_id").as_string(), id);
    EXPECT_EQ(shell.at("status"), "running");
    EXPECT_EQ(shell.at("command"), "echo $$; exec sleep 1000");
  });
}

TEST(BackgroundShell, IsKilledWithAllItsJobs) {
  in_place([](Place& place) -> Task<void> {
    // A job of its own group, as an interactive shell makes them.
    const auto id = co_await place.start("set -m; sleep 1000 & echo $!; wait");
    const auto job = number_in(co_await place.read(id));

    const auto state = co_await place.ask("kill_shell", {{"shell_id", id}});

    EXPECT_EQ(state.at("status"), "killed");
    EXPECT_TRUE(state.at("exit_code").is_null());
    expect_it_ends(job);
    const auto again = co_await place.ask("kill_shell", {{"shell_id", id}});
    EXPECT_EQ(again.at("status"), "killed");
  });
}

TEST(BackgroundShell, TakesItsJobsAlongWhenItEndsByItself) {
  in_place([](Place& place) -> Task<void> {
    const auto id = co_await place.start("set -m; sleep 1000 & echo $!");
    const auto job = number_in(co_await place.read(id));
    const auto end = co_await place.ended(id);
    EXPECT_EQ(end.at("status"), "exited");
    expect_it_ends(job);
  });
}

TEST(BackgroundShell, NoneIsLeftWhenTheTableStops) {
  in_place([](Place& place) -> Task<void> {
    const auto id = co_await place.start("sleep 1000 & echo $!; wait");
    const auto child = number_in(co_await place.read(id));

    co_await place.shells->stop();

    expect_it_ends(child);
    EXPECT_TRUE(place.shells->list().empty());
  });
}

TEST(BackgroundShell, TheEndOfACommandInFrontLeavesItAlone) {
  in_place([](Place& place) -> Task<void> {
    place.processes = std::make_shared<ProcessTable>(ProcessTable::Orphans::ours);
    place.make_box();
    const auto id = co_await place.start("sleep 1000 & echo $!; wait");
    const auto child = number_in(co_await place.read(id));

    const auto late = co_await place.call("bash_execute", {{"command", "sleep 1000"}, {"timeout", 1}});

    EXPECT_TRUE(late.is_error);
    EXPECT_EQ(::kill(child, 0), 0);
    EXPECT_EQ(place.shells->list().at(0).status, ShellStatus::running);
  });
}

TEST(BackgroundShell, ATimeoutEndsIt) {
  in_place([](Place& place) -> Task<void> {
    const auto started = co_await place.ask(
        "bash_execute", {{"command", "echo $$; sleep 1000"}, {"run_in_background", true}, {"timeout", 1}});
    const std::string id(started.at("shell_id").as_string());
    const auto news = co_await place.ended(id);
    EXPECT_EQ(news.at("status"), "timed_out");
    EXPECT_TRUE(news.at("exit_code").is_null());
  });
}

TEST(BackgroundShell, KeepsABoundedEndOfItsOutputAndSaysWhatIsLost) {
  in_place([](Place& place) -> Task<void> {
    const auto id = co_await place.start("head -c 2000000 /dev/zero | tr '\\0' x; printf 'end\\303\\244'");
    while (place.shells->list().at(0).status == ShellStatus::running)
      co_await sleep_for(std::chrono::milliseconds(1));

    auto news = co_await place.read(id);
    EXPECT_GT(news.at("lost_bytes").to_number<std::size_t>(), 1'000'000U);
    EXPECT_LE(news.at("stdout").as_string().size(), ShellTable::kReadMax);
    std::size_t total = news.at("stdout").as_string().size();
    while (news.contains("more_bytes")) {
      news = co_await place.read(id);
      total += news.at("stdout").as_string().size();
    }
    EXPECT_LE(total, ShellTable::kOutputMax + 1);
    EXPECT_TRUE(std::string(news.at("stdout").as_string()).ends_with("endä"));
  });
}

TEST(BackgroundShell, SoManyRunAndSoManyThatEndedAreKept) {
  in_place([](Place& place) -> Task<void> {
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < ShellTable::kRunningMax; ++i)
      ids.push_back(co_await place.start("sleep 1000"));
    const auto refused =
        co_await place.call("bash_execute", {{"command", "true"}, {"run_in_background", true}});
    EXPECT_TRUE(refused.is_error);
    EXPECT_NE(refused.text.find("kill_shell"), std::string::npos) << refused.text;

    for (const auto& id : ids) co_await place.ask("kill_shell", {{"shell_id", id}});
    for (std::size_t i = 0; i < 2; ++i) {
      const auto id = co_await place.start("true");
      co_await place.ended(id);
    }
    EXPECT_LE(place.shells->list().size(), ShellTable::kEndedMax + 1);
    const auto gone = co_await place.call("bash_output", {{"shell_id", ids[0]}});
    EXPECT_TRUE(gone.is_error);
    EXPECT_NE(gone.text.find("there are: shell_"), std::string::npos) << gone.text;
  });
}

TEST(BackgroundShell, RefusesWhatItDoesNotKnow) {
  in_place([](Place& place) -> Task<void> {
    EXPECT_EQ((co_await place.call("bash_output", {{"shell_id", "shell_9"}})).text,
              "there is no background shell 'shell_9'; there are: none");
    EXPECT_TRUE((co_await place.call("kill_shell", {{"shell_id", "x"}})).is_error);
    EXPECT_TRUE((co_await place.call("bash_output", {{"shell_id", "x"}, {"wait", 61}})).is_error);
    EXPECT_TRUE((co_await place.call("list_shells", {{"x", 1}})).is_error);
  });
}

}  // namespace
}  // namespace isa::sdk
