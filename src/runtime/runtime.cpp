#include "runtime/runtime.h"

#include "base/log.h"
#include "net/trace_headers.h"
#include "runtime/broker_web.h"
#include "runtime/chat_skills.h"
#include "runtime/event_writer.h"
#include "sdk/http_chat_model.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <malloc.h>
#include <tuple>
#include <utility>

#include <unistd.h>

namespace isa::runtime {
namespace {

constexpr std::size_t kInitMax = 1 << 20;  // Bytes.
constexpr std::size_t kChatsMax = 8;
constexpr std::size_t kChatMax = 64 << 20;  // The history comes with every chat.
// Of an answer that is not streamed; the agent's own limit ends the run much earlier.
constexpr std::chrono::hours kChatTimeout{24};

constexpr std::chrono::seconds kBrokerTimeout{10};
constexpr std::int64_t kEquipSecondsMax = 600;  // More than any MCP server is given to start.

struct BrokerEnvironment {
  std::map<std::string, std::string> env;
};
BOOST_DESCRIBE_STRUCT(BrokerEnvironment, (), (env))

// What a chat says to a caller that wants one answer and no stream.
struct Summary {
  std::string status;
  std::string response;
  json::value usage = json::object();
  std::int64_t duration_ms = 0;
  std::optional<std::string> code;  // Of an error.
};
BOOST_DESCRIBE_STRUCT(Summary, (), (status, response, usage, duration_ms, code))

Task<Result<void>> keep_last(sdk::Event event, Summary& to) {
  if (!event.is_terminal()) co_return ok();
  to.response = event.content.value_or("");
  if (event.type == sdk::EventType::error) {
    to.status = "error";
    to.code = json::read<std::string>(event.metadata.at("code")).value_or("internal_error");
  } else {
    to.status = json::read<std::string>(event.metadata.at("subtype")).value_or("success");
  }
  co_return ok();
}

}  // namespace

// A chat that was let in.
struct Runtime::Chat {
  Chat(std::list<Chat*>& chats, sdk::AgentSpec spec, std::vector<std::shared_ptr<sdk::Tool>> available_tools)
      : all(chats), agent(std::move(spec)), available(std::move(available_tools)) {
    all.push_back(this);
  }
  Chat(const Chat&) = delete;
  ~Chat() {
    end();
    ::malloc_trim(0);  // A sandbox waits for its user most of the time: give back what the chat needed.
  }
  void end() {
    all.remove(this);
    tools.reset();  // With what it used of the MCP servers.
  }

  std::list<Chat*>& all;
  sdk::AgentSpec agent;
  std::vector<std::shared_ptr<sdk::Tool>> available;
  std::shared_ptr<sdk::Tool> use_skill;  // Null without skills.
  std::optional<sdk::ToolBox> tools;     // Once it is equipped.
  sdk::TurnInput input;
  std::string run_id;
  std::shared_ptr<sdk::Steering> steering = std::make_shared<sdk::Steering>();
  TraceContext trace;
  bool wants_stream = true;
};

Runtime::Runtime(const asio::any_io_executor& executor, RuntimeOptions options,
                 std::shared_ptr<sdk::ProcessTable> processes, std::shared_ptr<sdk::ShellTable> shells)
    : options_(std::move(options)),
      processes_(std::move(processes)),
      shells_(std::move(shells)),
      model_(
          sdk::make_http_chat_model(client_, net::Url{net::Endpoint::unix_socket(options_.broker), "/v1"})),
      mcp_servers_(executor,
                   connect_from_sandbox(executor, client_, options_.broker, options_.workspace, processes_)) {
}

Task<void> Runtime::stop() {
  return mcp_servers_.stop();
}

net::Router Runtime::routes() {
  using net::Method;
  using net::Request;
  const auto health = [](Request&) -> Task<Result<net::Response>> {
    const json::object ready{{"status", "ready"}};
    co_return net::Response::json(200, ready);
  };
  const net::RouteOptions open{.is_public = true};
  const net::RouteOptions binding{.body_max = kInitMax, .is_public = true};
  const net::RouteOptions chatting{
      .body_max = kChatMax, .is_public = true, .timeout = kChatTimeout, .cancel_on_disconnect = true};
  return net::Router({
      {Method::get, "/health", health, open},
      {Method::post, "/init", [this](Request& request) { return init(request); }, binding},
      {Method::post, "/api/v1/agents/chat", [this](Request& request) { return chat(request); }, chatting},
  });
}

Task<Result<net::Response>> Runtime::init(net::Request& request) {
  if (bound_)
    co_return conflict("this sandbox is bound already; take another one").with_code("already_initialized");
  ISA_CO_TRY(auto init, json::parse_as<sdk::RuntimeInit>(request.body));
  ISA_CO_TRYV(check_environment(init.env));
  // Only the platform's own place for it is changed; where this process may not, the name stays what it was.
  if (!init.hostname.empty() && ::sethostname(init.hostname.data(), init.hostname.size()) != 0)
    log::info("runtime.hostname_kept");
  bound_ = std::move(init);
  const json::object answer{{"status", "initialized"}};
  co_return net::Response::json(200, answer);
}

// By every chat and command anew: what may be reached and which secrets there are changes while the sandbox
// lives. Not by init: a warm sandbox is bound and initialised side by side, and the broker knows only from
// then on.
Task<Result<void>> Runtime::learn_environment() {
  net::ClientRequest question;
  question.target = "/environment";
  const auto answer = co_await client_.send(net::Endpoint::unix_socket(options_.broker), std::move(question),
                                            Deadline::after(kBrokerTimeout));
  if (!answer) {  // Then nothing outside is reached either, whatever programs are told.
    log::warn("runtime.no_broker", {{"message", answer.error().message()}});
    co_return ok();
  }
  BrokerEnvironment known;
  if (answer->status == 200) {
    ISA_CO_TRY(known, json::parse_as<BrokerEnvironment>(answer->body));
  } else if (auto error = net::error_of(answer->status, answer->body); error.code() != "sandbox_not_bound") {
    co_return Failure(std::move(error));
  }
  if (known.env == from_broker_) co_return ok();
  from_broker_ = std::move(known.env);
  tools_.clear();  // They were made with the former.
  co_return ok();
}

Task<Result<std::map<std::string, std::string>>> Runtime::fresh_environment() {
  ISA_CO_TRYV(co_await learn_environment());
  co_return environment();
}

std::map<std::string, std::string> Runtime::environment() const {
  auto variables = tool_environment(environ, bound_.value_or(sdk::RuntimeInit()));
  for (const auto& [name, value] : from_broker_) variables[name] = value;
  name_ports(variables, from_broker_, options_.ports);
  return variables;
}

Result<std::vector<std::shared_ptr<sdk::Tool>>> Runtime::tools() {
  if (!tools_.empty()) return tools_;
  sdk::WorkspaceOptions options;
  options.path = options_.workspace;
  options.env = environment();
  options.processes = processes_;
  options.shells = shells_;
  options.web = std::make_shared<BrokerWeb>(client_, net::Endpoint::unix_socket(options_.broker));
  ISA_TRY(tools_, sdk::workspace_tools(std::move(options)));
  for (auto& tool : sdk::plain_tools()) tools_.push_back(std::move(tool));
  return tools_;
}

Result<std::shared_ptr<Runtime::Chat>> Runtime::begin_chat(sdk::RuntimeChat from) {
  if (!bound_)
    return conflict("this sandbox is not bound yet; POST /init first").with_code("not_initialized");
  if (chats_.size() >= kChatsMax)
    return conflict(
               "this sandbox answers {} messages already, its limit; wait for the end of one, or drop its "
               "connection to cancel it",
               kChatsMax)
        .with_code("chat_in_progress");
  if (!from.agent) return validation_error("/agent: this field is required").with_param("/agent");
  sdk::TurnInput input;
  ISA_TRY(input.history, sdk::messages_from_json(from.history.value_or(json::array())));
  if (from.resumption) {
    auto& resumption = input.resumption.emplace();
    ISA_TRY(resumption.new_messages, sdk::messages_from_json(from.resumption->new_messages));
    resumption.answers = std::move(from.resumption->answers);
    resumption.progress = from.resumption->progress;
  }
  ISA_TRY(auto available, tools());
  auto chat = std::make_shared<Chat>(chats_, *std::move(from.agent), std::move(available));
  input.message = std::move(from.message);
  input.steering = chat->steering;
  chat->input = std::move(input);
  chat->run_id = from.run_id.value_or("");
  chat->wants_stream = from.stream.value_or(true);
  return chat;
}

Result<net::Response> Runtime::steer(sdk::RuntimeChat from) {
  const auto found = std::ranges::find_if(
      chats_, [&](const Chat* chat) { return !chat->run_id.empty() && chat->run_id == from.run_id; });
  if (found == chats_.end() || !(*found)->steering->offer(std::move(from.message)))
    return conflict("no turn of this run is under way here").with_code("turn_not_running");
  const json::object answer{{"status", "taken"}};
  return net::Response::json(200, answer);
}

Task<Result<net::Response>> Runtime::chat(net::Request& request) {
  ISA_CO_TRY(auto from, json::parse_as<sdk::RuntimeChat>(request.body));
  if (from.steer.value_or(false)) co_return steer(std::move(from));
  ISA_CO_TRYV(co_await learn_environment());
  auto skills = std::exchange(from.skills, std::nullopt).value_or(std::vector<sdk::RuntimeSkill>());
  ISA_CO_TRY(auto chat, begin_chat(std::move(from)));
  ISA_CO_TRY(chat->use_skill, co_await bring_skills(options_.workspace, std::move(skills), chat->agent));
  chat->trace = net::trace_of(request.headers);
  if (!chat->wants_stream) co_return co_await answer(std::move(chat));
  auto body = [this, chat = std::move(chat)](net::BodyWriter& to) { return stream(chat, to); };
  co_return net::Response::sse(std::move(body));
}

Task<Result<void>> Runtime::equip(Chat& chat, const sdk::EventSink& sink) {
  const std::chrono::seconds seconds(std::min(chat.agent.limits.max_seconds, kEquipSecondsMax));
  auto equipment = co_await mcp_servers_.equip(chat.agent.mcp_servers, environment(), chat.agent.tools,
                                               Deadline::after(seconds));
  for (auto& tool : equipment.tools) chat.available.push_back(std::move(tool));
  chat.tools.emplace(std::move(chat.available), chat.agent.tools);
  if (chat.use_skill) chat.tools->grant(std::move(chat.use_skill));
  for (const auto& one : equipment.unavailable) {
    auto event = mcp_unavailable(one);
    ISA_CO_TRYV(co_await sink(std::move(event)));
  }
  co_return ok();
}

// Runs the turn and says what came of it. What goes wrong travels as a value, because this is one side of
// `||`.
Task<void> Runtime::converse(Chat& chat, EventWriter& writer, std::exception_ptr& failure) {
  try {
    sdk::EventSink sink = [&writer](sdk::Event event) { return writer.send(std::move(event)); };
    if (!co_await equip(chat, sink)) co_return;  // Nobody listens any more.
    auto outcome = co_await sdk::run_turn(chat.agent, std::move(chat.input), *model_, *chat.tools,
                                          std::move(sink), chat.trace);
    chat.end();  // Before the caller learns of it and sends the next message.
    std::ignore = co_await writer.send_history(std::move(outcome));  // A reader that left needs none.
  } catch (...) {
    failure = std::current_exception();
  }
}

Task<void> Runtime::stream(std::shared_ptr<Chat> chat, net::BodyWriter& to) {
  using namespace asio::experimental::awaitable_operators;
  EventWriter writer(to, co_await asio::this_coro::executor);
  std::exception_ptr failure;
  co_await (converse(*chat, writer, failure) || writer.heartbeat());
  if (failure) std::rethrow_exception(failure);
}

Task<net::Response> Runtime::answer(std::shared_ptr<Chat> chat) {
  const auto begin = Deadline::Clock::now();
  Summary summary;
  sdk::EventSink sink = [&summary](sdk::Event event) { return keep_last(std::move(event), summary); };
  std::ignore = co_await equip(*chat, sink);  // This sink takes everything.
  const auto outcome = co_await sdk::run_turn(chat->agent, std::move(chat->input), *model_, *chat->tools,
                                              std::move(sink), chat->trace);
  if (!outcome.pending.empty()) summary.status = "suspended";
  summary.usage = json::write(outcome.progress.usage);
  summary.duration_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(Deadline::Clock::now() - begin).count();
  chat->end();
  co_return net::Response::json(200, json::write(summary));
}

}  // namespace isa::runtime
