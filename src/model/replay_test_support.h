// For tests of model/: a provider's server that answers with recorded bytes, and the service in front of it.
#pragma once

#include "base/testing.h"
#include "model/service.h"
#include "net/server.h"
#include "net/sse.h"

#include <gtest/gtest.h>

#include <deque>
#include <fstream>

namespace isa::model {

inline std::string recorded(const std::string& name) {
  std::ifstream file(std::string(ISA_FIXTURES) + "/streams/" + name + ".sse", std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  EXPECT_FALSE(bytes.empty()) << name;
  return bytes;
}

// What the provider's server does with one request.
struct Scripted {
  int status = 200;
  std::string body;
  std::string content_type = "text/event-stream";
  std::vector<std::pair<std::string, std::string>> headers;
  std::size_t piece = 0;    // Bytes per write; 0: all at once.
  bool stays_open = false;  // After the body, until the reader leaves.
};

// Answers every request with the next of its script, and keeps what it was asked.
class ReplayServer {
 public:
  std::deque<Scripted> script;
  std::vector<net::Request> requests;
  bool was_left = false;  // A stream that stays open was cancelled.
  std::function<void()> on_left = [] {};

  net::Router router() {
    net::RouteOptions options;
    options.is_public = true;
    const auto handler = [this](net::Request& request) { return answer(request); };
    return net::Router({{net::Method::post, "/v1/chat/completions", handler, options},
                        {net::Method::post, "/v1/messages", handler, options},
                        {net::Method::get, "/v1/models", handler, options}});
  }
  json::object body(std::size_t at) const { return json::parse(requests.at(at).body)->as_object(); }

 private:
  struct Leaving {
    ReplayServer& server;
    ~Leaving() {
      server.was_left = true;
      server.on_left();
    }
  };

  Task<Result<net::Response>> answer(net::Request& request) {
    requests.push_back(request);
    if (script.empty()) co_return internal_error("the script is at its end");
    auto now = std::move(script.front());
    script.pop_front();
    auto response = net::Response::text(now.status, now.content_type, now.body);
    for (auto& [name, value] : now.headers) response.headers.set(name, value);
    if (now.content_type == "text/event-stream" && now.status == 200)
      response.stream = [this, now](net::BodyWriter& to) { return stream(now, to); };
    co_return response;
  }

  Task<void> stream(Scripted now, net::BodyWriter& to) {
    std::string_view rest = now.body;
    while (!rest.empty()) {
      const auto piece = rest.substr(0, now.piece == 0 ? rest.size() : now.piece);
      if (auto written = co_await to.write(std::string(piece)); !written) co_return;
      rest.remove_prefix(piece.size());
    }
    if (!now.stays_open) co_return;
    const Leaving leaving{*this};
    co_await sleep_until(Deadline::after(std::chrono::minutes(1)));
  }
};

// The whole answer to one request.
struct Answer {
  int status = 0;
  net::Headers headers;
  std::string body;
  std::vector<net::SseEvent> events;  // Of a stream.

  json::value json() const { return json::parse(body).value_or(json::value()); }
  // The data of the events, without [DONE].
  std::vector<json::object> chunks() const;
};

// The model service before a provider's server that plays the script, both on a loop that lives as long as
// one call of these methods. No socket is between the test and the service.
class ReplayTest : public ::testing::Test {
 protected:
  ReplayServer upstream;
  Settings settings;
  std::function<void(Settings&)> adjust = [](Settings&) {};  // Sees the address of the provider's server.

  Answer post(std::string path, std::string body, net::Headers headers = {});
  Answer get(std::string path, net::Headers headers = {});
  Answer forward(net::Request request, Identity identity);
  Result<sdk::ChatResult> chat(sdk::ChatRequest request, Deadline deadline = soon());

  // The same bodies to one service, which remembers what it learned between them.
  std::vector<Answer> post_all(std::string path, std::vector<std::string> bodies);

  static Deadline soon() { return Deadline::after(std::chrono::seconds(20)); }

 private:
  // Runs `work` with a service whose providers all are the replay server.
  void with_service(std::function<Task<void>(Service&)> work);
  Task<void> serve_and(std::function<Task<void>(Service&)> work);
};

inline sdk::ChatRequest asking(std::string model, std::string text) {
  sdk::ChatRequest request;
  request.model = std::move(model);
  request.messages.push_back(sdk::Message::make(sdk::ChatRole::user, std::move(text)));
  return request;
}

}  // namespace isa::model
