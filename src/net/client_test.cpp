// The client against servers that are slow, broken, or stubborn: raw sockets that say exactly what they are
// told to.
#include "net/client.h"

#include "base/task_group.h"
#include "net/listener.h"
#include "net/server_test_support.h"

#include <gtest/gtest.h>

namespace isa::net {
namespace {

using namespace std::chrono_literals;

// What a raw server does with its nth connection (from 0).
using Play = Task<void> (*)(int nth, Socket& socket);
using Script = Task<void> (*)(Client& client, Endpoint at, int& connections);

Task<std::string> hear_until(Socket& socket, std::string end) {
  std::string heard;
  std::array<char, 4096> buffer;
  while (heard.find(end) == std::string::npos) {
    const auto [ec, count] = co_await socket.async_read_some(asio::buffer(buffer), no_throw);
    if (ec) co_return std::string();
    heard.append(buffer.data(), count);
  }
  co_return heard;
}

Task<void> say(Socket& socket, std::string text) {
  for (std::string_view rest = text; !rest.empty();) {
    const auto [ec, count] = co_await socket.async_write_some(asio::buffer(rest), no_throw);
    if (ec) co_return;
    rest.remove_prefix(count);
  }
}

Task<void> run_one(Play play, int nth, Socket socket) {
  co_await play(nth, socket);
}

Task<void> accept_all(Acceptor& acceptor, Play play, TaskGroup& tasks, int& connections) {
  for (;;) {
    auto socket = co_await acceptor.async_accept(use_task);
    tasks.spawn("play", run_one(play, connections++, std::move(socket)));
  }
}

Task<void> stage(Play play, Script script, ClientOptions options) {
  auto socket = ListeningSocket::open(Endpoint::tcp("127.0.0.1", 0)).value();
  const auto at = socket.endpoint();
  auto acceptor = adopt_listener(co_await asio::this_coro::executor, socket.release());
  if (!acceptor) throw std::runtime_error(acceptor.error().message());
  int connections = 0;
  TaskGroup tasks(co_await asio::this_coro::executor);
  tasks.spawn("accept", accept_all(*acceptor, play, tasks, connections));
  {
    Client client(options);
    co_await script(client, at, connections);
  }
  co_await tasks.stop();
}

void perform(Play play, Script script, ClientOptions options = {}) {
  testing::run(stage(play, script, options));
}

Task<Result<ClientResponse>> get(Client& client, Endpoint at, Deadline deadline = soon()) {
  ClientRequest request;
  request.target = "/x";
  co_return co_await client.send(std::move(at), std::move(request), deadline);
}

Task<void> answer_for_ever(int, Socket& socket) {
  while (!(co_await hear_until(socket, "\r\n\r\n")).empty())
    co_await say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

Task<void> ask_three_times(Client& client, Endpoint at, int& connections) {
  for (int i = 0; i < 3; ++i) {
    const auto answer = co_await get(client, at);
    EXPECT_TRUE(answer && answer->body == "ok");
  }
  EXPECT_EQ(connections, 1);
}
TEST(Client, UsesOneConnectionForRequestsInARow) {
  perform(answer_for_ever, ask_three_times);
}

Task<void> close_after_each(int, Socket& socket) {
  co_await hear_until(socket, "\r\n\r\n");
  co_await say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  socket.close();
}
Task<void> ask_a_closer_three_times(Client& client, Endpoint at, int& connections) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(co_await get(client, at));
  EXPECT_EQ(connections, 3);
}
TEST(Client, NoticesThatAServerClosedAConnectionAtRest) {
  perform(close_after_each, ask_a_closer_three_times);
}

// The first connection serves one request, then takes a second and closes without a word.
Task<void> die_on_the_second(int nth, Socket& socket) {
  co_await hear_until(socket, "\r\n\r\n");
  co_await say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + std::to_string(nth));
  if (nth == 0)
    co_await hear_until(socket, "\r\n\r\n");
  else
    co_await hear_until(socket, "never");
}
Task<void> ask_twice(Client& client, Endpoint at, int& connections) {
  EXPECT_TRUE(co_await get(client, at));
  const auto second = co_await get(client, at);
  EXPECT_TRUE(second);
  if (second) EXPECT_EQ(second->body, "1");
  EXPECT_EQ(connections, 2);
}
TEST(Client, SendsOnceMoreWhenAReusedConnectionDiesBeforeTheAnswer) {
  perform(die_on_the_second, ask_twice);
}

Task<void> close_at_once(int, Socket& socket) {
  co_await hear_until(socket, "\r\n\r\n");
}
Task<void> ask_in_vain(Client& client, Endpoint at, int& connections) {
  const auto answer = co_await get(client, at);
  EXPECT_FALSE(answer);
  if (!answer) EXPECT_EQ(answer.error().kind(), ErrorKind::upstream_error);
  EXPECT_EQ(connections, 1);
}
TEST(Client, DoesNotRepeatARequestOnAFreshConnection) {
  perform(close_at_once, ask_in_vain);
}

// Serves one request, and on the next dies in the middle of the answer's head.
Task<void> die_in_the_answer(int, Socket& socket) {
  co_await hear_until(socket, "\r\n\r\n");
  co_await say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n0");
  co_await hear_until(socket, "\r\n\r\n");
  co_await say(socket, "HTTP/1.1 20");
}
Task<void> ask_twice_in_vain(Client& client, Endpoint at, int& connections) {
  EXPECT_TRUE(co_await get(client, at));
  const auto second = co_await get(client, at);
  EXPECT_FALSE(second);
  EXPECT_EQ(connections, 1);
}
TEST(Client, DoesNotRepeatARequestWhoseAnswerHadBegun) {
  perform(die_in_the_answer, ask_twice_in_vain);
}

Task<void> never_answer(int, Socket& socket) {
  co_await hear_until(socket, "never");
}
Task<void> ask_until_a_deadline(Client& client, Endpoint at, int&) {
  const auto answer = co_await get(client, at, Deadline::after(50ms));
  EXPECT_FALSE(answer);
  if (!answer) EXPECT_EQ(answer.error().kind(), ErrorKind::timeout);
  ClientRequest request;
  const auto opened = co_await client.open(at, request, Deadline::after(50ms));
  EXPECT_FALSE(opened);
  if (!opened) EXPECT_EQ(opened.error().kind(), ErrorKind::timeout);
}
TEST(Client, GivesUpAtTheDeadline) {
  perform(never_answer, ask_until_a_deadline);
}

Task<void> begin_and_fall_silent(int, Socket& socket) {
  co_await hear_until(socket, "\r\n\r\n");
  co_await say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  co_await hear_until(socket, "never");
}
Task<void> hear_silence(Client& client, Endpoint at, int&) {
  ClientRequest request;
  auto opened = co_await client.open(at, request, Deadline::after(10s), 50ms);
  EXPECT_TRUE(opened);
  if (!opened) co_return;
  const auto first = co_await opened->body->read();
  EXPECT_TRUE(first && *first == "hello");
  const auto second = co_await opened->body->read();
  EXPECT_FALSE(second);
  if (!second) EXPECT_EQ(second.error().kind(), ErrorKind::timeout);
}
TEST(Client, GivesUpOnAStreamThatFallsSilent) {
  perform(begin_and_fall_silent, hear_silence);
}

Task<void> break_off(int nth, Socket& socket) {
  co_await hear_until(socket, "\r\n\r\n");
  if (nth == 0)
    co_await say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  else
    co_await say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
}
Task<void> hear_broken_answers(Client& client, Endpoint at, int&) {
  for (int i = 0; i < 2; ++i) {
    const auto answer = co_await get(client, at);
    EXPECT_FALSE(answer) << "half an answer must not look whole";
    if (!answer) EXPECT_EQ(answer.error().kind(), ErrorKind::upstream_error);
  }
}
TEST(Client, TellsABrokenOffBodyFromAWholeOne) {
  perform(break_off, hear_broken_answers);
}

Task<void> end_with_the_connection(int, Socket& socket) {
  co_await hear_until(socket, "\r\n\r\n");
  co_await say(socket, "HTTP/1.1 200 OK\r\n\r\nuntil the end");
}
Task<void> hear_until_the_end(Client& client, Endpoint at, int&) {
  const auto answer = co_await get(client, at);
  EXPECT_TRUE(answer && answer->body == "until the end");
}
TEST(Client, ReadsABodyThatEndsWithTheConnection) {
  perform(end_with_the_connection, hear_until_the_end);
}

// A byte at a time: every place where an answer can be split.
Task<void> dribble(int, Socket& socket) {
  while (!(co_await hear_until(socket, "\r\n\r\n")).empty()) {
    const std::string text =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
    for (const char c : text) {
      co_await say(socket, std::string(1, c));
      co_await sleep_for(0ms);
    }
  }
}
Task<void> hear_the_dribble(Client& client, Endpoint at, int& connections) {
  for (int i = 0; i < 2; ++i) {
    const auto answer = co_await get(client, at);
    EXPECT_TRUE(answer);
    if (!answer) co_return;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "abc0123456789");
    EXPECT_FALSE(answer->headers.has("Trailer"));
  }
  EXPECT_EQ(connections, 1);
}
TEST(Client, ReadsAnAnswerThatArrivesByteByByte) {
  perform(dribble, hear_the_dribble);
}

Task<void> talk_nonsense(int nth, Socket& socket) {
  static const std::vector<std::string> kNonsense = {
      "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x')};
  co_await hear_until(socket, "\r\n\r\n");
  co_await say(socket, kNonsense[static_cast<std::size_t>(nth)]);
}
Task<void> hear_nonsense(Client& client, Endpoint at, int&) {
  for (int i = 0; i < 5; ++i) {
    const auto answer = co_await get(client, at);
    EXPECT_FALSE(answer) << i;
    if (!answer) EXPECT_EQ(answer.error().kind(), ErrorKind::upstream_error) << i;
  }
}
TEST(Client, RefusesWhatIsNoAnswer) {
  perform(talk_nonsense, hear_nonsense);
}

Task<void> answer_too_much(int, Socket& socket) {
  while (!(co_await hear_until(socket, "\r\n\r\n")).empty())
    co_await say(
        socket,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
}
Task<void> ask_one_who_says_too_much(Client& client, Endpoint at, int& connections) {
  for (int i = 0; i < 2; ++i) {
    const auto answer = co_await get(client, at);
    EXPECT_TRUE(answer && answer->body == "ok");
  }
  EXPECT_EQ(connections, 2);
}
TEST(Client, TakesNoAnswerThatNobodyAskedFor) {
  perform(answer_too_much, ask_one_who_says_too_much);
}

Task<void> answer_early_and_close(int, Socket& socket) {
  co_await hear_until(socket, "\r\n\r\n");
  co_await say(socket, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  co_await hear_until(socket, "the end");
}
Task<void> send_too_much(Client& client, Endpoint at, int&) {
  ClientRequest request;
  request.method = Method::post;
  request.body = std::string(8 << 20, 'x') + "the end";
  const auto answer = co_await client.send(at, std::move(request), soon());
  EXPECT_TRUE(answer && answer->status == 413);
}
TEST(Client, HearsAnAnswerThatComesBeforeTheBodyIsSent) {
  perform(answer_early_and_close, send_too_much);
}

Task<void> answer_much(int, Socket& socket) {
  co_await hear_until(socket, "\r\n\r\n");
  co_await say(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
}
Task<void> ask_for_too_much(Client& client, Endpoint at, int&) {
  const auto answer = co_await get(client, at);
  EXPECT_FALSE(answer);
  if (!answer) EXPECT_EQ(answer.error().kind(), ErrorKind::payload_too_large);
}
TEST(Client, RefusesABodyThatIsTooLarge) {
  perform(answer_much, ask_for_too_much, {.body_max = 99'999});
}

Task<void> stream_until_left(int, Socket& socket) {
  co_await hear_until(socket, "\r\n\r\n");
  co_await say(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
  // Empty when the client closes the connection; the test's end waits for this.
  EXPECT_EQ(co_await hear_until(socket, "never"), "");
}
Task<void> read_and_leave(Client& client, Endpoint at, int& connections) {
  ClientRequest request;
  auto opened = co_await client.open(at, request, soon());
  EXPECT_TRUE(opened && (co_await opened->body->read()) == "hello");
  opened->body.reset();
  auto again = co_await client.open(at, request, soon());
  EXPECT_TRUE(again);
  EXPECT_EQ(connections, 2) << "a connection with half an answer in it is not used again";
}
TEST(Client, ClosesTheConnectionOfABodyThatIsNotReadToItsEnd) {
  perform(stream_until_left, read_and_leave);
}

Task<void> read_for_ever(Client& client, Endpoint at, bool& unwound) {
  struct Mark {
    bool& to;
    ~Mark() { to = true; }
  };
  const Mark mark{unwound};
  ClientRequest request;
  auto opened = co_await client.open(at, request, soon());
  for (;;) {
    if (!co_await opened->body->read()) co_return;
  }
}
Task<void> cancel_a_reader(Client& client, Endpoint at, int&) {
  bool unwound = false;
  TaskGroup tasks(co_await asio::this_coro::executor);
  tasks.spawn("read", read_for_ever(client, at, unwound));
  while (tasks.size() > 0 && !unwound) {
    co_await sleep_for(0ms);
    tasks.cancel();
  }
  co_await tasks.join();
  EXPECT_TRUE(unwound);
}
TEST(Client, UnwindsWhenItsTaskIsCancelled) {
  perform(never_answer, cancel_a_reader);
}

Task<void> ask_nobody() {
  // The port is free again when the socket is gone: nobody listens there.
  const auto at = ListeningSocket::open(Endpoint::tcp("127.0.0.1", 0)).value().endpoint();
  Client client;
  const auto refused = co_await get(client, at);
  EXPECT_FALSE(refused);
  if (!refused) EXPECT_EQ(refused.error().kind(), ErrorKind::service_unavailable);
  const auto no_socket = co_await get(client, Endpoint::unix_socket("/nonexistent/s"));
  EXPECT_FALSE(no_socket);
  if (!no_socket) EXPECT_EQ(no_socket.error().kind(), ErrorKind::service_unavailable);
  auto secure = at;
  secure.tls = true;
  const auto without_tls = co_await get(client, secure);
  EXPECT_FALSE(without_tls);
}
TEST(Client, SaysWhomItCannotReach) {
  testing::run(ask_nobody());
}

Task<void> send_dirty_requests(Client& client, Endpoint at, int& connections) {
  ClientRequest header;
  header.headers.add("X-A", "a\r\nX-Evil: 1");
  EXPECT_FALSE(co_await client.send(at, header, soon()));
  ClientRequest target;
  target.target = "/a b";
  EXPECT_FALSE(co_await client.send(at, target, soon()));
  target.target = "/a\r\nX-Evil: 1";
  EXPECT_FALSE(co_await client.send(at, target, soon()));
  EXPECT_EQ(connections, 0);
}
TEST(Client, SendsNothingThatWouldBreakItsHead) {
  perform(answer_for_ever, send_dirty_requests);
}

Task<void> rest_for_a_while(Client& client, Endpoint at, int& connections) {
  EXPECT_TRUE(co_await get(client, at));
  co_await sleep_for(60ms);  // Longer than idle_timeout: the time itself is what is tested.
  EXPECT_TRUE(co_await get(client, at));
  EXPECT_EQ(connections, 2);
}
TEST(Client, ClosesConnectionsThatRestTooLong) {
  perform(answer_for_ever, rest_for_a_while, {.idle_timeout = 20ms});
}

}  // namespace
}  // namespace isa::net
