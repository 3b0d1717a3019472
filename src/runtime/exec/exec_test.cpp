// Commands, over the socket of the real program.
#include "runtime/control_test_support.h"
#include "runtime/exec/exec_request.h"

#include <signal.h>

namespace isa::runtime::testing {
namespace {

using isa::testing::run;
using json::object;

TEST(Exec, StreamsBothOutputsAndTheExitCode) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto seen = co_await sandbox.exec({{"command", "echo to out; echo to err >&2; exit 3"}});
    EXPECT_EQ(seen.out, "to out\n");
    EXPECT_EQ(seen.err, "to err\n");
    EXPECT_EQ(seen.exit->code, 3);
    EXPECT_FALSE(seen.exit->signal);
    EXPECT_EQ(seen.exit->reason, "exited");
    EXPECT_EQ(seen.events.front().event, "start");
    EXPECT_EQ(seen.events.back().event, "exit");
    EXPECT_GT(seen.start->pid, 0);
    EXPECT_EQ(seen.last_id, "15") << "14 bytes, and one for the exit";
  }());
}

TEST(Exec, IsNamedByWhoeverStartsIt) {
  run([]() -> Task<void> {
    Control sandbox;
    const std::string id = "exec_" + make_ulid();
    const std::string body = R"({"command":"exit 4","background":true})";
    EXPECT_EQ((co_await sandbox.call(Method::post, "/exec?id=" + id, body)).status, 201);
    EXPECT_EQ((co_await sandbox.call(Method::get, "/exec/" + id)).status, 200);
    EXPECT_EQ((co_await sandbox.call(Method::post, "/exec?id=" + id, body)).status, 409) << "once only";
    for (const std::string bad :
         {"x", "exec_1", "exec_ABCDEFGHIJKLMNOPQRSTUVWXYZ", "exec_../../../../../../../../.."})
      EXPECT_EQ((co_await sandbox.call(Method::post, "/exec?id=" + bad, body)).status, 422) << bad;
  }());
}

TEST(Exec, TakesArgumentsAsTheyAreAndAFolderAndVariables) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto words = co_await sandbox.exec({{"argv", json::array{"printf", "%s|", "a b", "$HOME", ""}}});
    EXPECT_EQ(words.out, "a b|$HOME||");
    const auto place = co_await sandbox.exec(
        {{"command", "pwd; echo $GREETING"}, {"cwd", "/usr"}, {"env", object{{"GREETING", "hello"}}}});
    EXPECT_EQ(place.out, "/usr\nhello\n");
    const auto own = co_await sandbox.exec({{"command", "pwd; echo $GREETING$ISA_TEST_INHERITED"}});
    EXPECT_EQ(own.out, sandbox.workspace() + "\nyes\n") << "variables of one command are not the next one's";
  }());
}

TEST(Exec, RefusesWhatCannotBeStartedAndNamesTheField) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto refused = [&](std::string body, std::string_view param) -> Task<void> {
      const auto answer = co_await sandbox.call(Method::post, "/exec", body);
      EXPECT_EQ(answer.status, 422) << body << answer.body;
      EXPECT_NE(answer.body.find(param), std::string::npos) << answer.body;
    };
    co_await refused("{}", "/command");
    co_await refused(R"({"command":"a","argv":["b"]})", "/command");
    co_await refused(R"({"argv":[]})", "/argv");
    co_await refused(R"({"argv":["no-such-program"]})", "/argv");
    co_await refused(R"({"command":"a\u0000b"})", "/command");
    co_await refused(R"({"command":"a","cwd":"/nowhere"})", "/cwd");
    co_await refused(R"({"command":"a","env":{"LD_PRELOAD":"x"}})", "/env/LD_PRELOAD");
    co_await refused(R"({"command":"a","timeout_s":0})", "/timeout_s");
    co_await refused(R"({"command":"a","pty":{"cols":0}})", "/pty");
    co_await refused(R"({"command":"a","unknown":1})", "/unknown");
    EXPECT_EQ((co_await sandbox.call(Method::post, "/exec", R"({"argv":["/no/such"]})")).status, 404);
    EXPECT_EQ((co_await sandbox.call(Method::post, "/exec", R"({"argv":["/etc/passwd"]})")).status, 422);
    EXPECT_EQ((co_await sandbox.call(Method::get, "/exec/exec_none")).status, 404);
  }());
}

TEST(Exec, ASignalIsNotAnExitCode) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto seen = co_await sandbox.exec({{"command", "kill -9 $$"}});
    EXPECT_FALSE(seen.exit->code);
    EXPECT_EQ(seen.exit->signal, 9);
    EXPECT_EQ(seen.exit->reason, "signaled");
  }());
}

TEST(Exec, BytesThatAreNoTextArriveAsTheyAre) {
  run([]() -> Task<void> {
    Control sandbox;
    std::string every;
    for (int i = 0; i < 256; ++i) every.push_back(static_cast<char>(i));
    const auto seen = co_await sandbox.exec(
        {{"command", "cat"}, {"stdin", object{{"data_base64", to_base64(every)}, {"eof", true}}}});
    EXPECT_EQ(seen.out, every);
    EXPECT_EQ(seen.exit->code, 0);
  }());
}

TEST(Exec, ACharacterThatIsWrittenInPiecesIsOneCharacter) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto seen = co_await sandbox.exec(
        {{"command",
          R"(printf '\342'; sleep 0.05; printf '\202'; sleep 0.05; printf '\254'; printf '\377')"}});
    EXPECT_EQ(seen.out, "\xe2\x82\xac\xff");
    const auto& first = seen.events.at(1);
    EXPECT_TRUE(first.data.find("data_base64") == std::string::npos ||
                first.data.find("4oKs") != std::string::npos)
        << first.data;
  }());
}

TEST(Exec, AReaderThatComesBackGetsWhatItHasNotSeen) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto id = co_await sandbox.background({{"command", "seq 1 20000; exit 4"}});
    const auto ended = co_await sandbox.ended(id);
    const auto all = co_await sandbox.output(id, "0");
    EXPECT_EQ(all.lost, 0);
    EXPECT_EQ(all.exit->code, 4);
    EXPECT_EQ(ended.output_end, static_cast<std::int64_t>(all.out.size()));
    for (const std::size_t after : {std::size_t{1}, std::size_t{777}, std::size_t{50'000}, all.out.size()}) {
      const auto rest = co_await sandbox.output(id, std::to_string(after));
      EXPECT_EQ(rest.out, all.out.substr(after)) << after;
      EXPECT_EQ(rest.exit->code, 4);
    }
    const auto nothing = co_await sandbox.output(id, all.last_id);
    EXPECT_EQ(nothing.events.size(), 1U) << "the exit was seen, too";
    net::Headers headers;
    headers.set("Last-Event-ID", "100");
    const auto by_header =
        co_await Control::read(co_await sandbox.open(Method::get, "/exec/" + id + "/output", "", headers));
    EXPECT_EQ(by_header.out, all.out.substr(100));
    const auto beyond = co_await sandbox.call(Method::get, "/exec/" + id + "/output?after=99999999");
    EXPECT_EQ(beyond.status, 422);
  }());
}

TEST(Exec, OutputThatNobodyReadsIsBoundedAndTheLossIsCounted) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto id =
        co_await sandbox.background({{"command", "head -c 3000000 /dev/zero | tr '\\0' x; echo end"}});
    const auto ended = co_await sandbox.ended(id);
    EXPECT_EQ(ended.output_end, 3'000'004);
    const auto seen = co_await sandbox.output(id, "1000");
    EXPECT_EQ(seen.lost + 1000 + static_cast<std::int64_t>(seen.out.size()), 3'000'004);
    EXPECT_EQ(seen.lost + 1000, ended.output_begin);
    EXPECT_TRUE(seen.out.ends_with("xend\n"));
    EXPECT_LT(seen.out.size(), 300'000U);
    EXPECT_EQ(seen.exit->code, 0);
  }());
}

TEST(Exec, AReaderThatIsThereMissesNothing) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto seen = co_await sandbox.exec({{"command", "head -c 8000000 /dev/zero | tr '\\0' x"}});
    EXPECT_EQ(seen.out.size(), 8'000'000U);
    EXPECT_EQ(seen.lost, 0);
  }());
}

TEST(Exec, GoesOnWhenItsReaderLeaves) {
  run([]() -> Task<void> {
    Control sandbox;
    std::string id;
    {
      auto reader = co_await sandbox.open(
          Method::post, "/exec",
          json::serialize(object{{"command", "echo first; read line; echo got $line"}, {"stdin", object()}}));
      Seen seen;
      while (seen.out.empty()) seen.add(**(co_await reader->next()));
      id = seen.start->exec_id;
    }
    const auto fed = co_await sandbox.post("/exec/" + id + "/stdin", {{"data", "it\n"}, {"eof", true}});
    EXPECT_EQ(fed.status, 200) << fed.body;
    const auto seen = co_await sandbox.output(id, "6");
    EXPECT_EQ(seen.out, "got it\n");
    EXPECT_EQ(seen.exit->code, 0);
  }());
}

TEST(Exec, WritesAndClosesItsInput) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto id = co_await sandbox.background({{"command", "cat; echo done"}, {"stdin", object()}});
    const auto input = "/exec/" + id + "/stdin";
    EXPECT_EQ((co_await sandbox.post(input, {{"data", "one "}})).status, 200);
    EXPECT_EQ((co_await sandbox.post(input, {{"data_base64", to_base64("two\n")}})).status, 200);
    EXPECT_EQ((co_await sandbox.post(input, {{"data", "x"}, {"data_base64", "eA=="}})).status, 422);
    EXPECT_EQ((co_await sandbox.post(input, {{"eof", true}})).status, 200);
    EXPECT_EQ((co_await sandbox.output(id, "0")).out, "one two\ndone\n");
    EXPECT_EQ((co_await sandbox.post(input, {{"data", "late"}})).status, 409);
    const auto closed = co_await sandbox.background({{"command", "sleep 60"}});
    EXPECT_EQ((co_await sandbox.post("/exec/" + closed + "/stdin", {{"data", "x"}})).status, 409);
  }());
}

TEST(Exec, InputThatIsNotReadIsRefusedAndDoesNotBlock) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto id = co_await sandbox.background({{"command", "sleep 60"}, {"stdin", object()}});
    int status = 200;
    for (int i = 0; i < 4 && status == 200; ++i)
      status =
          (co_await sandbox.post("/exec/" + id + "/stdin", {{"data", std::string(900'000, 'x')}})).status;
    EXPECT_EQ(status, 409);
  }());
}

TEST(Exec, ASignalReachesTheWholeGroup) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto id = co_await sandbox.background({{"command", "sleep 1000 & sleep 1001 & echo $! ; wait"}});
    const auto path = "/exec/" + id + "/signal";
    auto reader = co_await sandbox.open(Method::get, "/exec/" + id + "/output");
    Seen seen;
    while (!seen.out.ends_with('\n')) seen.add(**(co_await reader->next()));
    EXPECT_EQ((co_await sandbox.post(path, {{"signal", "NONSENSE"}})).status, 422);
    EXPECT_EQ((co_await sandbox.post(path, {{"signal", "SIGTERM"}})).status, 200);
    while (!seen.exit) seen.add(**(co_await reader->next()));
    EXPECT_EQ(seen.exit->signal, SIGTERM);
    EXPECT_TRUE(ends(std::stoi(seen.out)));
    EXPECT_EQ((co_await sandbox.post(path, {{"signal", "9"}})).status, 409) << "it has ended";
  }());
}

TEST(Exec, ACommandThatTakesTooLongIsKilledWithEverythingItStarted) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto seen = co_await sandbox.exec(
        {{"command", "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1; done"}, {"timeout_s", 1}});
    EXPECT_EQ(seen.exit->reason, "timeout");
    EXPECT_EQ(seen.exit->signal, SIGKILL);
    EXPECT_TRUE(ends(std::stoi(seen.out)));
  }());
}

TEST(Exec, HasATerminalOfItsOwn) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto id = co_await sandbox.background(
        {{"command", "tty; stty size; read line; echo \"<$line>\"; stty size; sleep 1000 & cat"},
         {"pty", object{{"cols", 100}, {"rows", 30}}}});
    auto reader = co_await sandbox.open(Method::get, "/exec/" + id + "/output");
    Seen seen;
    while (seen.out.find("30 100") == std::string::npos) seen.add(**(co_await reader->next()));
    EXPECT_TRUE(seen.out.starts_with("/dev/pts/")) << seen.out;
    EXPECT_EQ((co_await sandbox.post("/exec/" + id + "/resize", {{"cols", 50}, {"rows", 20}})).status, 200);
    EXPECT_EQ((co_await sandbox.post("/exec/" + id + "/stdin", {{"data", "hello\n"}})).status, 200);
    while (seen.out.find("20 50") == std::string::npos) seen.add(**(co_await reader->next()));
    EXPECT_NE(seen.out.find("<hello>"), std::string::npos) << seen.out;
    EXPECT_EQ((co_await sandbox.post("/exec/" + id + "/stdin", {{"eof", true}})).status, 200);
    while (!seen.exit) seen.add(**(co_await reader->next()));
    EXPECT_EQ(seen.exit->code, 0) << "cat has seen the end of its input";
    EXPECT_EQ((co_await sandbox.post("/exec/" + id + "/resize", {{"cols", 50}})).status, 409);
  }());
}

TEST(Exec, AnEndThatComesWithTheStartEndsTheInputOfATerminalToo) {
  run([]() -> Task<void> {
    Control sandbox;
    const auto seen = co_await sandbox.exec({{"command", "cat; echo over"},
                                             {"pty", object()},
                                             {"stdin", object{{"data", "hello\n"}, {"eof", true}}},
                                             {"timeout_s", 10}});
    EXPECT_EQ(seen.exit->reason, "exited");
    EXPECT_NE(seen.out.find("over"), std::string::npos) << seen.out;
  }());
}

TEST(Exec, TooManyCommandsAreRefusedAndTheOldestResultsAreForgotten) {
  run([]() -> Task<void> {
    Control sandbox;
    std::vector<std::string> ids;
    for (int i = 0; i < 64; ++i)
      ids.push_back(co_await sandbox.background({{"argv", json::array{"sleep", "1000"}}}));
    const auto refused = co_await sandbox.post("/exec", {{"command", "true"}});
    EXPECT_EQ(refused.status, 429) << refused.body;
    for (const auto& id : ids) co_await sandbox.post("/exec/" + id + "/signal", {{"signal", "KILL"}});
    for (const auto& id : ids) co_await sandbox.ended(id);
    EXPECT_EQ((co_await sandbox.exec({{"command", "true"}})).exit->code, 0);
    const auto list =
        json::parse_as<sdk::ExecList>((co_await sandbox.call(Method::get, "/exec")).body).value();
    EXPECT_LE(list.execs.size(), 34U);
    EXPECT_EQ((co_await sandbox.call(Method::get, "/exec/" + ids.front())).status, 404);
  }());
}

TEST(ExecRequest, KnowsSignalsByNameAndNumber) {
  EXPECT_EQ(parse_exec_signal(R"({"signal":"SIGTERM"})").value(), SIGTERM);
  EXPECT_EQ(parse_exec_signal(R"({"signal":"INT"})").value(), SIGINT);
  EXPECT_EQ(parse_exec_signal(R"({"signal":"9"})").value(), SIGKILL);
  for (const auto* bad : {R"({"signal":""})", R"({"signal":"0"})", R"({"signal":"-1"})",
                          R"({"signal":"999"})", R"({"signal":9})", R"({})"})
    EXPECT_FALSE(parse_exec_signal(bad).has_value()) << bad;
}

}  // namespace
}  // namespace isa::runtime::testing
