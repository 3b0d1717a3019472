#include "sdk/mcp/client.h"

#include "sdk/mcp/listings.h"

#include <algorithm>
#include <array>

namespace isa::sdk::mcp {
namespace {

constexpr std::string_view kModernVersion = "2026-07-28";
// Those that this client can speak, the best first.
constexpr std::array<std::string_view, 4> kLegacyVersions = {"2025-11-25", "2025-06-18", "2025-03-26",
                                                             "2024-11-05"};
constexpr int kInputRoundsMax = 8;  // How often one call may come back with questions.
constexpr std::size_t kInputsMax = 16;

json::object client_info() {
  return {{"name", "isa"}, {"title", "isA"}, {"version", "0.1.0"}};
}

bool lists(const json::value* array, std::string_view text) {
  const auto* items = array ? array->if_array() : nullptr;
  return items && std::ranges::any_of(*items, [&](const json::value& item) {
           return item.is_string() && std::string_view(item.get_string()) == text;
         });
}

const json::object* object_at(const json::object& from, std::string_view key) {
  const auto* found = from.if_contains(key);
  return found ? found->if_object() : nullptr;
}

std::string text_at(const json::object& from, std::string_view key) {
  const auto* found = from.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

// Only a server of the modern era answers by these (2026-07-28, versioning).
bool is_modern_refusal(std::int64_t code) {
  return code == rpc_code::kHeaderMismatch || code == rpc_code::kMissingCapability ||
         code == rpc_code::kUnsupportedVersion;
}

// An answer to a probe that says: I know nothing of this.
bool means_legacy(const Error& error) {
  const auto code = error.code();
  if (error.kind() == ErrorKind::timeout) return true;
  return code.starts_with("http_4") && code != "http_401" && code != "http_403" && code != "http_429";
}

}  // namespace

Client::Client(std::unique_ptr<Transport> transport, ClientOptions options)
    : transport_(std::move(transport)), options_(std::move(options)) {
  transport_->start(*this);
}

Client::~Client() = default;

Task<void> Client::close() {
  co_await transport_->close();
}

Task<Result<void>> Client::connect(Deadline deadline) {
  if (options_.only != Era::legacy) {
    ISA_CO_TRY(const bool is_modern, co_await probe_modern(deadline));
    if (is_modern) co_return ok();
    if (options_.only == Era::modern)
      co_return upstream_error("the MCP server '{}' does not speak revision {}", options_.server,
                               kModernVersion);
  }
  co_return co_await initialize(deadline);
}

// False: nothing says that it is of the modern era.
Task<Result<bool>> Client::probe_modern(Deadline deadline) {
  protocol_ = {Era::modern, std::string(kModernVersion)};
  transport_->speak(protocol_);
  // Twice at most: a server that refuses the version and lists that very one gets another try.
  for (int tries = 0; tries < 2; ++tries) {
    CallLimits limits;
    limits.deadline = deadline.tightened(options_.probe);
    auto answer = co_await exchange("server/discover", {}, {}, limits);
    if (!answer) {
      if (transport_->failure() || !means_legacy(answer.error()) || deadline.passed())
        co_return Failure(std::move(answer).error());
      co_return false;
    }
    if (answer->kind == Frame::Kind::result) {
      if (!lists(answer->result.if_contains("supportedVersions"), kModernVersion)) co_return false;
      adopt(answer->result, std::string(kModernVersion));
      co_return true;
    }
    const auto& error = answer->error;
    if (!is_modern_refusal(error.code)) co_return false;
    if (error.code != rpc_code::kUnsupportedVersion) co_return error_of(error, "server/discover");
    const auto* data = error.data.if_object();
    if (!lists(data ? data->if_contains("supported") : nullptr, kModernVersion)) co_return false;
  }
  co_return upstream_error("the MCP server '{}' refuses the revision {} that it lists", options_.server,
                           kModernVersion);
}

Task<Result<void>> Client::initialize(Deadline deadline) {
  protocol_ = {Era::legacy, ""};  // HTTP names the version from the next request on.
  transport_->speak(protocol_);
  json::object params{{"protocolVersion", kLegacyVersions.front()},
                      {"capabilities", options_.capabilities},
                      {"clientInfo", client_info()}};
  CallLimits limits;
  limits.deadline = deadline;
  ISA_CO_TRY(const auto answer, co_await ask("initialize", std::move(params), {}, limits));
  auto version = text_at(answer, "protocolVersion");
  if (std::ranges::find(kLegacyVersions, version) == kLegacyVersions.end())
    co_return upstream_error("the MCP server '{}' speaks the revision '{}', which is not known here",
                             options_.server, version.substr(0, 32));
  adopt(answer, std::move(version));
  co_return co_await transport_->notify("notifications/initialized", {}, deadline);
}

void Client::adopt(const json::object& answer, std::string version) {
  protocol_.version = std::move(version);
  transport_->speak(protocol_);
  const auto* capabilities = object_at(answer, "capabilities");
  capabilities_ = capabilities ? *capabilities : json::object();
}

json::object Client::meta() const {
  if (protocol_.era == Era::legacy) return {};
  return {{"io.modelcontextprotocol/protocolVersion", protocol_.version},
          {"io.modelcontextprotocol/clientInfo", client_info()},
          {"io.modelcontextprotocol/clientCapabilities", options_.capabilities}};
}

Task<Result<Frame>> Client::exchange(std::string method, json::object params, HeaderFields headers,
                                     const CallLimits& limits) {
  const auto id = ++last_id_;
  auto extra = meta();
  struct Listening {
    std::map<std::int64_t, const ProgressSink*>& all;
    std::int64_t id;
    ~Listening() { all.erase(id); }
  } listening{progress_, id};
  if (limits.progress) {
    progress_[id] = &limits.progress;
    extra["progressToken"] = id;
  }
  if (!extra.empty()) params["_meta"] = std::move(extra);
  Call call{id, std::move(method), std::move(params), std::move(headers), limits.deadline, options_.silence};
  co_return co_await transport_->call(std::move(call));
}

Task<Result<json::object>> Client::ask(std::string method, json::object params, HeaderFields headers,
                                       const CallLimits& limits) {
  auto again_params = params;
  auto again_headers = headers;
  auto answer = co_await exchange(method, std::move(params), std::move(headers), limits);
  if (!answer && answer.error().code() == "mcp_session_lost" && method != "initialize") {
    // The server does not know the session any more, so it did nothing: a new one, and once more.
    ISA_CO_TRYV(co_await initialize(limits.deadline));
    tools_changed_ = true;
    answer = co_await exchange(method, std::move(again_params), std::move(again_headers), limits);
  }
  if (!answer) co_return Failure(std::move(answer).error());
  if (answer->kind == Frame::Kind::error) co_return error_of(answer->error, method);
  co_return std::move(answer->result);
}

Task<Result<json::object>> Client::ask_with_input(std::string method, json::object params,
                                                  HeaderFields headers, CallLimits limits) {
  const auto original = params;
  for (int round = 0; round < kInputRoundsMax; ++round) {
    ISA_CO_TRY(auto result, co_await ask(method, std::move(params), headers, limits));
    const auto type = result.contains("resultType") ? text_at(result, "resultType") : "complete";
    if (type == "complete" || protocol_.era == Era::legacy) co_return result;
    if (type != "input_required")
      co_return upstream_error("the MCP server '{}' answered {} by a result of the unknown type '{}'",
                               options_.server, method, type.substr(0, 64));
    params = original;
    if (const auto* requests = object_at(result, "inputRequests")) {
      ISA_CO_TRY(params["inputResponses"], co_await answer_inputs(*requests));
    }
    if (const auto* state = result.if_contains("requestState")) params["requestState"] = *state;
  }
  co_return upstream_error("the MCP server '{}' asked for more input {} times over", options_.server,
                           kInputRoundsMax);
}

Task<Result<json::object>> Client::answer_inputs(const json::object& requests) {
  if (requests.size() > kInputsMax)
    co_return upstream_error("the MCP server '{}' asks for {} inputs at once", options_.server,
                             requests.size());
  json::object answers;
  for (const auto& [key, value] : requests) {
    const auto* request = value.if_object();
    const auto* params = request ? object_at(*request, "params") : nullptr;
    auto method = request ? text_at(*request, "method") : std::string();
    ISA_CO_TRY(auto answer, co_await options_.input(std::move(method), params ? *params : json::object()));
    answers[key] = std::move(answer);
  }
  co_return answers;
}

void Client::on_notification(const Frame& notification) {
  if (notification.method == "notifications/tools/list_changed") tools_changed_ = true;
  if (notification.method != "notifications/progress") return;
  const auto& params = notification.params;
  const auto* token = params.if_contains("progressToken");
  const auto found = token && token->is_int64() ? progress_.find(token->get_int64()) : progress_.end();
  if (found == progress_.end()) return;
  Progress progress;
  const auto number = [&](std::string_view key) -> std::optional<double> {
    const auto* value = params.if_contains(key);
    return value && value->is_number() ? std::optional(value->to_number<double>()) : std::nullopt;
  };
  progress.progress = number("progress").value_or(0);
  progress.total = number("total");
  progress.message = text_at(params, "message");
  (*found->second)(progress);
}

Task<std::string> Client::on_request(Frame request) {
  if (request.method == "ping") co_return result_text(request.id, {});
  const auto id = request.id;
  auto answer = co_await options_.input(std::move(request.method), std::move(request.params));
  if (answer) co_return result_text(id, *answer);
  const bool is_unknown = answer.error().kind() == ErrorKind::not_implemented;
  co_return error_text(id, is_unknown ? rpc_code::kMethodNotFound : -32603, answer.error().message());
}

Error Client::error_of(const RpcError& error, std::string_view method) const {
  const auto kind = error.code == rpc_code::kInvalidParams    ? ErrorKind::validation_error
                    : error.code == rpc_code::kMethodNotFound ? ErrorKind::not_implemented
                    : error.code == -32002                    ? ErrorKind::not_found
                                                              : ErrorKind::upstream_error;
  return make_error(kind, "the MCP server '{}' refused {}: {} (code {})", options_.server, method,
                    cut_text(error.message, 2000), error.code);
}

bool Client::tools_are_fresh() const {
  if (tools_changed_) return false;
  const auto* tools = object_at(capabilities_, "tools");
  const auto* tells = tools ? tools->if_contains("listChanged") : nullptr;
  // By stdio every notification arrives; by HTTP only while a call waits.
  const bool would_tell = !transport_->is_http() && tells && tells->is_bool() && tells->get_bool();
  return would_tell || Deadline::Clock::now() < tools_fresh_until_;
}

template <class Item>
Task<Result<Listed<Item>>> Client::list(std::string method, std::string key, Deadline deadline,
                                        Result<Item> (*read)(const json::value&, bool)) {
  Listed<Item> listed;
  std::string cursor;
  CallLimits limits;
  limits.deadline = deadline;
  for (std::size_t page = 0;; ++page) {
    json::object params;
    if (!cursor.empty()) params["cursor"] = cursor;
    ISA_CO_TRY(const auto answer, co_await ask(method, std::move(params), {}, limits));
    const auto* items = answer.if_contains(key);
    if (!items || !items->is_array())
      co_return upstream_error("the MCP server '{}' answered {} without '{}'", options_.server, method, key);
    for (const auto& value : items->get_array()) {
      if (listed.items.size() >= kItemsMax) break;
      if (auto item = read(value, transport_->is_http() && protocol_.era == Era::modern))
        listed.items.push_back(*std::move(item));
      else
        ++listed.refused;
    }
    if (const auto* ttl = answer.if_contains("ttlMs"); ttl && ttl->is_int64() && key == "tools")
      tools_fresh_until_ = Deadline::Clock::now() +
                           std::chrono::milliseconds(std::clamp<std::int64_t>(ttl->get_int64(), 0, kTtlMax));
    const auto next = text_at(answer, "nextCursor");
    listed.is_cut = !next.empty() && (page + 1 >= kPagesMax || listed.items.size() >= kItemsMax);
    if (next.empty() || listed.is_cut) co_return listed;
    if (next == cursor)
      co_return upstream_error("the MCP server '{}' repeats the page '{}' of {}", options_.server,
                               next.substr(0, 64), method);
    cursor = next;
  }
}

Task<Result<Listed<ToolInfo>>> Client::list_tools(Deadline deadline) {
  tools_changed_ = false;  // What changes from now on is news.
  tools_fresh_until_ = {};
  auto listed = co_await list<ToolInfo>("tools/list", "tools", deadline, read_tool);
  if (!listed) tools_changed_ = true;
  co_return listed;
}

Task<Result<Listed<ResourceInfo>>> Client::list_resources(Deadline deadline) {
  return list<ResourceInfo>("resources/list", "resources", deadline, read_resource_info);
}

Task<Result<Listed<ResourceInfo>>> Client::list_resource_templates(Deadline deadline) {
  return list<ResourceInfo>("resources/templates/list", "resourceTemplates", deadline, read_resource_info);
}

Task<Result<Listed<PromptInfo>>> Client::list_prompts(Deadline deadline) {
  return list<PromptInfo>("prompts/list", "prompts", deadline, read_prompt);
}

Task<Result<ToolAnswer>> Client::call_tool(const ToolInfo& tool, json::object arguments, CallLimits limits) {
  auto headers = header_fields(tool.headers, arguments);
  headers.emplace_back("Mcp-Name", header_value(tool.name));
  json::object params{{"name", tool.name}, {"arguments", std::move(arguments)}};
  ISA_CO_TRY(auto result,
             co_await ask_with_input("tools/call", std::move(params), std::move(headers), std::move(limits)));
  ToolAnswer answer;
  if (auto* content = result.if_contains("content"); content && content->is_array())
    answer.content = std::move(content->get_array());
  if (auto* structured = result.if_contains("structuredContent")) answer.structured = std::move(*structured);
  const auto* is_error = result.if_contains("isError");
  answer.is_error = is_error && is_error->is_bool() && is_error->get_bool();
  co_return answer;
}

Task<Result<json::array>> Client::read_resource(std::string uri, CallLimits limits) {
  HeaderFields headers{{"Mcp-Name", header_value(uri)}};
  json::object params{{"uri", std::move(uri)}};
  ISA_CO_TRY(auto result, co_await ask_with_input("resources/read", std::move(params), std::move(headers),
                                                  std::move(limits)));
  auto* contents = result.if_contains("contents");
  if (!contents || !contents->is_array())
    co_return upstream_error("the MCP server '{}' answered resources/read without 'contents'",
                             options_.server);
  co_return std::move(contents->get_array());
}

Task<Result<json::array>> Client::get_prompt(std::string name, json::object arguments, CallLimits limits) {
  HeaderFields headers{{"Mcp-Name", header_value(name)}};
  json::object params{{"name", std::move(name)}};
  if (!arguments.empty()) params["arguments"] = std::move(arguments);
  ISA_CO_TRY(auto result, co_await ask_with_input("prompts/get", std::move(params), std::move(headers),
                                                  std::move(limits)));
  auto* messages = result.if_contains("messages");
  if (!messages || !messages->is_array())
    co_return upstream_error("the MCP server '{}' answered prompts/get without 'messages'", options_.server);
  co_return std::move(messages->get_array());
}

InputHandler decline_input() {
  return [](std::string method, json::object) -> Task<Result<json::object>> {
    if (method == "elicitation/create") co_return json::object{{"action", "decline"}};
    co_return not_implemented("this client does not answer {}", method);
  };
}

}  // namespace isa::sdk::mcp
