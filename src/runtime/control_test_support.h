// A running isa-runtime and what is asked of it, for the tests of exec and files.
#pragma once

#include "base/base64.h"
#include "base/testing.h"
#include "net/client.h"
#include "net/sse.h"
#include "runtime/program_test.h"
#include "sdk/exec_protocol.h"
#include "sdk/files_protocol.h"

#include <gtest/gtest.h>

namespace isa::runtime::testing {

using net::Method;

inline Deadline soon() {
  return Deadline::after(std::chrono::seconds(20));
}

struct Seen {
  std::vector<net::SseEvent> events;
  std::string out, err;
  std::int64_t lost = 0;
  std::string last_id;
  std::optional<sdk::ExecExit> exit;
  std::optional<sdk::ExecState> start;

  void add(const net::SseEvent& event) {
    events.push_back(event);
    if (!event.id.empty()) last_id = event.id;
    if (event.event == "start") start = json::parse_as<sdk::ExecState>(event.data).value();
    if (event.event == "exit") exit = json::parse_as<sdk::ExecExit>(event.data).value();
    if (event.event == "lost") lost += json::parse_as<sdk::ExecLost>(event.data).value().bytes;
    if (event.event != "stdout" && event.event != "stderr") return;
    const auto data = json::parse_as<sdk::ExecData>(event.data).value();
    (event.event == "stdout" ? out : err) += data.data ? *data.data : from_base64(*data.data_base64).value();
  }
};

class Control {
 public:
  Control() : program_(folder_.path(), true) {}

  std::string workspace() const { return (folder_.path() / "workspace").string(); }
  pid_t pid() const { return program_.pid(); }

  Task<net::ClientResponse> call(Method method, std::string target, std::string body = "",
                                 net::Headers headers = {}) {
    auto question = request(method, std::move(target), std::move(body), std::move(headers));
    auto answer = co_await client_.send(at(), std::move(question), soon());
    if (!answer) throw std::runtime_error(answer.error().message());
    co_return std::move(*answer);
  }
  Task<net::ClientResponse> post(std::string target, json::object body = {}) {
    co_return co_await call(Method::post, std::move(target), json::serialize(body));
  }

  Task<std::unique_ptr<net::SseReader>> open(Method method, std::string target, std::string body = "",
                                             net::Headers headers = {}) {
    auto question = request(method, std::move(target), std::move(body), std::move(headers));
    auto answer = co_await client_.open(at(), std::move(question), soon());
    if (!answer) throw std::runtime_error(answer.error().message());
    if (answer->status != 200)
      throw std::runtime_error(std::to_string(answer->status) +
                               (co_await net::read_all(*answer->body, 1 << 20)).value());
    co_return std::make_unique<net::SseReader>(std::move(answer->body));
  }
  static Task<Seen> read(std::unique_ptr<net::SseReader> from) {
    Seen seen;
    for (;;) {
      auto event = co_await from->next();
      if (!event || !*event) co_return seen;
      seen.add(**event);
    }
  }
  Task<Seen> exec(json::object body) {
    co_return co_await read(co_await open(Method::post, "/exec", json::serialize(body)));
  }
  Task<Seen> output(std::string id, std::string after) {
    co_return co_await read(co_await open(Method::get, "/exec/" + id + "/output?after=" + after));
  }
  Task<std::string> background(json::object body) {
    body["background"] = true;
    const auto answer = co_await post("/exec", body);
    if (answer.status != 201) throw std::runtime_error(answer.body);
    co_return json::parse_as<sdk::ExecState>(answer.body).value().exec_id;
  }
  Task<sdk::ExecState> state(std::string id) {
    const auto answer = co_await call(Method::get, "/exec/" + id);
    if (answer.status != 200) throw std::runtime_error(answer.body);
    co_return json::parse_as<sdk::ExecState>(answer.body).value();
  }
  Task<sdk::ExecState> ended(std::string id) {
    const auto deadline = soon();
    for (;;) {
      auto now = co_await state(id);
      if (now.exit) co_return now;
      if (deadline.passed()) throw std::runtime_error("the command does not end");
      co_await sleep_for(std::chrono::milliseconds(2));
    }
  }

 private:
  net::Endpoint at() const { return net::Endpoint::unix_socket((folder_.path() / "control").string()); }
  static net::ClientRequest request(Method method, std::string target, std::string body,
                                    net::Headers headers) {
    net::ClientRequest request;
    request.method = method;
    request.target = std::move(target);
    request.headers = std::move(headers);
    request.body = std::move(body);
    return request;
  }

  isa::testing::TempFolder folder_;
  Program program_;
  net::Client client_;
};

}  // namespace isa::runtime::testing
