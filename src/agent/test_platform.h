// Test support: the agent service on a real store and a real event log in a folder, driven through its
// routes. The one stand-in is the upstream model provider.
#pragma once

#include "agent/service.h"
#include "base/signal.h"
#include "base/testing.h"
#include "net/service_routes.h"
#include "net/sse.h"
#include "store/file_event_log.h"
#include "store/sqlite/sqlite_store.h"

#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace isa::agent::testing {

using isa::testing::TempFolder;

// A model provider that says what a test tells it to, piece by piece, and waits where it is told to.
class ScriptedModel : public model::ModelClient {
 public:
  explicit ScriptedModel(asio::any_io_executor executor) : changed_(executor) {}

  std::vector<std::string> pieces{"Hello", ", ", "world"};
  std::optional<Error> fails_with;                                           // After the pieces.
  std::function<std::vector<std::string>(const sdk::ChatRequest&)> answers;  // The pieces, by what was asked.
  std::size_t pause_after = SIZE_MAX;  // Pieces; waits for resume() there.
  std::function<std::optional<sdk::Part>(const sdk::ChatRequest&)> calls;  // A tool, after the pieces.
  std::vector<sdk::ChatRequest> requests;
  std::map<std::string, Usd> prices;  // Of one call of a model.

  void resume() {
    pause_after = SIZE_MAX;
    changed_.notify();
  }
  Task<void> wait_for_requests(std::size_t count) {
    while (requests.size() < count) co_await changed_.wait();
  }

  Task<Result<sdk::ChatResult>> chat(sdk::ChatRequest request, sdk::ChatSink sink, Deadline) override {
    if (answers) pieces = answers(request);
    const auto price = prices.find(request.model);
    const auto call = calls ? calls(request) : std::nullopt;
    requests.push_back(std::move(request));
    changed_.notify();
    sdk::ChatResult result;
    if (price != prices.end()) result.usage.cost_usd = price->second;
    std::string text;
    const auto say = pieces;
    for (std::size_t i = 0; i <= say.size(); ++i) {
      while (i >= pause_after) co_await changed_.wait();
      if (i == say.size()) break;
      sdk::ChatDelta delta;
      delta.text = say[i];
      ISA_CO_TRYV(co_await sink(delta));
      text += say[i];
    }
    if (fails_with) co_return Failure(*fails_with);
    result.message = sdk::Message::make(sdk::ChatRole::assistant, text);
    if (call) {
      result.message.parts.push_back(*call);
      result.finish_reason = sdk::FinishReason::tool_calls;
    }
    result.usage.input_tokens = 3;
    result.usage.output_tokens = static_cast<std::int64_t>(say.size());
    co_return result;
  }
  Task<Result<void>> check(std::string model_id) override {
    if (model_id.starts_with("builtin/")) co_return ok();
    co_return failed_dependency("no key for '{}'; set model.openai.api_key", model_id)
        .with_code("model_not_configured");
  }
  Task<Result<void>> check_price(std::string model_id) override {
    if (prices.contains(model_id)) co_return ok();
    co_return failed_dependency("no price for '{}'; set model.prices", model_id)
        .with_code("model_price_unknown");
  }
  Task<net::Response> forward(net::Request, Identity) override { co_return net::Response{.status = 404}; }

 private:
  Signal changed_;
};

// No sandboxes on this machine: what a platform answers whose pool manager is down.
class NoPool : public pool::PoolClient {
 public:
  static Error down() {
    return service_unavailable("the pool manager is not there").with_code("pool_unavailable");
  }
  Task<Result<pool::Acquired>> acquire(std::string, pool::AcquireRequest) override { co_return down(); }
  Task<Result<net::OpenResponse>> stream(std::string, InstanceId, std::int64_t, sdk::RuntimeChat) override {
    co_return down();
  }
  Task<Result<cloud_os::VmModelUse>> settle(std::string, InstanceId, std::int64_t, RunId) override {
    co_return down();
  }
  Task<Result<pool::LeaseInfo>> renew(std::string, InstanceId, std::int64_t) override { co_return down(); }
  Task<Result<void>> release(std::string, InstanceId, std::optional<std::int64_t>) override {
    co_return down();
  }
  Task<Result<pool::PoolStats>> stats(std::string) override { co_return down(); }
  Task<Result<void>> configure(std::string, pool::Deployment) override { co_return down(); }
  Task<Result<void>> remove_deployment(std::string) override { co_return down(); }
};

// The reading end of a stream. `hold` makes it a reader that takes nothing until release().
class Reader : public net::BodyWriter {
 public:
  explicit Reader(asio::any_io_executor executor) : changed_(executor) {}
  Task<Result<void>> write(std::vector<net::Frame> frames) override {
    while (is_held) co_await changed_.wait();
    for (const auto& frame : frames) text += *frame;
    changed_.notify();
    if (leaves_after != 0 && events().size() >= leaves_after) co_return upstream_error("the reader left");
    co_return ok();
  }
  void release() {
    is_held = false;
    changed_.notify();
  }
  std::vector<net::SseEvent> events() const {
    net::SseParser parser;
    (void)parser.feed(text);
    std::vector<net::SseEvent> list;
    while (auto event = parser.next()) list.push_back(*std::move(event));
    return list;
  }
  Task<void> wait_for_events(std::size_t count) {
    while (events().size() < count) co_await changed_.wait();
  }

  std::string text;
  bool is_held = false;
  std::size_t leaves_after = 0;

 private:
  Signal changed_;
};

struct Call {
  net::Method method = net::Method::get;
  std::string path;
  std::string body = {};
  std::string user = "ann";
  std::map<std::string, std::string> headers = {};
  std::vector<Membership> orgs = {};
};

// Enough to see that nothing is kept as it is.
class TestSealer : public Sealer {
 public:
  std::string seal(const std::string& text) const override { return "sealed:" + turned(text); }
  Result<std::string> open(const std::string& sealed) const override {
    if (is_key_lost) return failed_dependency("it was sealed with another key");
    if (!sealed.starts_with("sealed:")) return failed_dependency("it was not sealed");
    return turned(sealed.substr(7));
  }

  bool is_key_lost = false;

 private:
  static std::string turned(std::string text) {
    for (auto& c : text) c = static_cast<char>(c ^ 0x55);
    return text;
  }
};

class Platform {
 public:
  // Two templates of its own: `plain`, and `researcher` like the built-in one.
  static void write_templates(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "plain.yaml") << "id: plain\nname: Plain\nenv: cloud_shared\n";
    std::ofstream(folder / "researcher.yaml")
        << "id: researcher\nname: Web Researcher\nsystem_prompt: |\n  You are a research-focused assistant.\n"
           "tools: [web_search, web_crawl, read_file, write_file]\nskills: [web]\nmode: COLLABORATIVE\n";
  }

  // And two skills: `plain`, and `web` like the built-in one.
  static void write_skills(const std::filesystem::path& folder) {
    for (const std::string name : {"plain", "web"}) {
      std::filesystem::create_directories(folder / name / "references");
      std::ofstream(folder / name / "SKILL.md") << "---\nname: " << name << "\ndescription: About " << name
                                                << ".\n---\nThe body of " << name << ".\n";
      std::ofstream(folder / name / "references/more.md") << "more about " << name << "\n";
    }
  }

  Platform(asio::any_io_executor executor, const std::filesystem::path& folder,
           AgentServiceConfig config = {}, pool::PoolClient* other_pool = nullptr)
      : model(executor),
        store(store::sqlite::SqliteStore::open(folder / "isa.db").value()),
        log(store::open_file_event_log({.folder = folder / "events"}).value()),
        executor_(executor) {
    write_templates(folder / "templates");
    config.templates_dir = (folder / "templates").string();
    write_skills(folder / "skills");
    config.skills_dir = (folder / "skills").string();
    config.drain_timeout = std::chrono::milliseconds(0);
    Service::Parts parts{store->agent_configs(),
                         store->templates(),
                         store->teams(),
                         store->skills(),
                         store->sessions(),
                         store->runs(),
                         store->approvals(),
                         *log,
                         store->idempotency(),
                         store->triggers(),
                         sealer,
                         (folder / "memory").string(),
                         other_pool ? *other_pool : pool,
                         model,
                         {}};
    service = Service::open(executor, parts, config).value();
    router = service->router();
    net::ServiceInfo info{.role = "agent", .version = "test"};
    info.health = [this] { return service->health(); };
    info.metrics_page = [] { return std::string(); };
    net::add_service_routes(router, std::move(info));
  }

  Task<net::Response> send(Call call) {
    net::Request request;
    request.method = call.method;
    request.target = call.path;
    request.body = std::move(call.body);
    for (auto& [name, value] : call.headers) request.headers.set(name, value);
    request.identity.user = UserId(call.user);
    request.identity.orgs = std::move(call.orgs);
    co_return co_await router.dispatch(request);
  }
  // The body of an answer as JSON; null when it is none.
  Task<json::value> ask(Call call) {
    const auto response = co_await send(std::move(call));
    co_return json::parse(response.body).value_or(json::value());
  }
  Task<json::value> post(std::string path, std::string body) {
    Call call{net::Method::post, std::move(path), std::move(body)};
    co_return co_await ask(std::move(call));
  }
  Task<json::value> get(std::string path) {
    Call call{net::Method::get, std::move(path)};
    co_return co_await ask(std::move(call));
  }
  // A whole stream, read to its end.
  Task<std::string> read(net::Response response) {
    Reader reader(executor_);
    if (response.stream) co_await response.stream(reader);
    co_return reader.text;
  }

  ScriptedModel model;
  NoPool pool;
  TestSealer sealer;
  std::unique_ptr<store::sqlite::SqliteStore> store;
  std::unique_ptr<store::EventLog> log;
  std::unique_ptr<Service> service;
  net::Router router;

 private:
  asio::any_io_executor executor_;
};

// The type of an event of a stream, or "[DONE]".
inline std::string type_of(const net::SseEvent& event) {
  const auto document = json::parse(event.data);
  return document ? std::string(document->at("type").as_string()) : event.data;
}

inline std::vector<std::string> types_of(std::string_view stream) {
  net::SseParser parser;
  (void)parser.feed(stream);
  std::vector<std::string> types;
  while (auto event = parser.next()) types.push_back(type_of(*event));
  return types;
}

// Runs a test's body against a started platform in a folder of its own, and stops it.
inline void with_platform(std::function<Task<void>(Platform&)> body, AgentServiceConfig config = {}) {
  const TempFolder folder;
  const auto whole = [](const std::filesystem::path& at, std::function<Task<void>(Platform&)> inner,
                        AgentServiceConfig settings) -> Task<void> {
    Platform platform(co_await asio::this_coro::executor, at, settings);
    auto started = co_await platform.service->start();
    if (!started) throw std::runtime_error(started.error().message());
    std::exception_ptr failure;
    try {
      co_await inner(platform);
    } catch (...) {
      failure = std::current_exception();
    }
    platform.model.resume();
    co_await platform.service->stop();
    if (failure) std::rethrow_exception(failure);
  };
  isa::testing::run(whole(folder.path(), std::move(body), std::move(config)));
}

}  // namespace isa::agent::testing
