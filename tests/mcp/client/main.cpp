// isa-mcp-client URL: does with the MCP server at URL what the conformance suite wants to see: asks for every
// list that the server says it has, and uses every entry. It answers questions as a person would who takes
// every default. What the server speaks it finds out as agents do, though the suite would tell.
// MCP_CONFORMANCE_CONTEXT may hold the calls to make.
#include "base/task_group.h"
#include "sdk/mcp/authorization.h"
#include "sdk/mcp/client.h"
#include "sdk/mcp/http_transport.h"

#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <cstdlib>

namespace isa::sdk::mcp {
namespace {

constexpr std::chrono::seconds kPatience{25};

void say(std::string_view line) {
  std::fprintf(stdout, "%.*s\n", static_cast<int>(line.size()), line.data());
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

json::value example_of(const json::value& schema) {
  const auto* object = schema.if_object();
  const auto* type = object ? object->if_contains("type") : nullptr;
  const std::string_view name = type && type->is_string() ? std::string_view(type->get_string()) : "string";
  if (name == "number" || name == "integer") return 5;
  if (name == "boolean") return true;
  if (name == "object") return json::object();
  if (name == "array") return json::array();
  if (name == "null") return nullptr;
  return "example";
}

json::object examples_of(const json::object& schema) {
  json::object arguments;
  if (const auto* properties = schema.if_contains("properties"); properties && properties->is_object())
    for (const auto& [name, property] : properties->get_object()) arguments[name] = example_of(property);
  return arguments;
}

json::object defaults_of(const json::object& schema) {
  json::object content;
  if (const auto* properties = schema.if_contains("properties"); properties && properties->is_object())
    for (const auto& [name, property] : properties->get_object())
      if (const auto* fields = property.if_object(); fields && fields->contains("default"))
        content[name] = fields->at("default");
  return content;
}

Task<Result<json::object>> accept_defaults(std::string method, json::object params) {
  if (method != "elicitation/create") co_return not_implemented("this client does not answer {}", method);
  const auto* schema = params.if_contains("requestedSchema");
  json::object content;
  if (schema && schema->is_object()) content = defaults_of(schema->get_object());
  co_return json::object{{"action", "accept"}, {"content", std::move(content)}};
}

// As a browser does in which somebody agrees: the answer is where the server sends it back to.
Task<Result<QueryFields>> agree(net::Client& http, std::string url) {
  ISA_CO_TRY(const auto parts, parse_web_url(url));
  net::ClientRequest request;
  request.target = parts.target();
  ISA_CO_TRY(const auto response,
             co_await http.send(parts.endpoint, std::move(request), Deadline::after(kPatience)));
  const auto location = std::string(response.headers.get("Location"));
  const auto query = location.find('?');
  if (query == std::string::npos)
    co_return upstream_error("nobody was sent back (status {})", response.status);
  co_return parse_query(std::string_view(location).substr(query + 1));
}

AuthorizationOptions authorization(net::Client& http) {
  AuthorizationOptions options;
  options.redirect_uri = "http://127.0.0.1:3000/callback";
  options.document = "https://conformance-test.local/client-metadata.json";
  options.visit = [&http](std::string url) { return agree(http, std::move(url)); };
  const auto context = json::parse(variable("MCP_CONFORMANCE_CONTEXT"));
  const auto* known = context ? context->if_object() : nullptr;
  if (known && known->contains("client_id")) {
    const auto text = [&](std::string_view key) {
      const auto* value = known->if_contains(key);
      return value && value->is_string() ? std::string(value->get_string()) : std::string();
    };
    options.known = {text("issuer"), text("client_id"), text("client_secret"), ""};
  }
  return options;
}

Task<Result<void>> use_tools(Client& client, const CallLimits& limits) {
  ISA_CO_TRY(const auto listed, co_await client.list_tools(limits.deadline));
  say(fmt::format("{} tools, {} refused", listed.items.size(), listed.refused));
  const auto context = json::parse(variable("MCP_CONFORMANCE_CONTEXT"));
  const auto* wanted =
      context && context->is_object() ? context->get_object().if_contains("toolCalls") : nullptr;
  for (const auto& tool : listed.items) {
    auto arguments = examples_of(tool.input_schema);
    // Wants to see what this client has kept of the schema of the other tool.
    if (tool.name == "json_schema_echo") arguments["schema"] = listed.items.front().input_schema;
    if (wanted && wanted->is_array())
      for (const auto& one : wanted->get_array())
        if (one.at("name").as_string() == std::string_view(tool.name))
          arguments = one.at("arguments").as_object();
    ISA_CO_TRY(const auto answer, co_await client.call_tool(tool, std::move(arguments), limits));
    say(fmt::format("{}: {}", tool.name, json::serialize(answer.content)));
  }
  co_return ok();
}

Task<Result<void>> use_the_rest(Client& client, const CallLimits& limits) {
  if (client.offers("resources")) {
    ISA_CO_TRY(const auto listed, co_await client.list_resources(limits.deadline));
    for (const auto& resource : listed.items)
      ISA_CO_TRYV(co_await client.read_resource(resource.uri, limits));
  }
  if (client.offers("prompts")) {
    ISA_CO_TRY(const auto listed, co_await client.list_prompts(limits.deadline));
    for (const auto& prompt : listed.items) ISA_CO_TRYV(co_await client.get_prompt(prompt.name, {}, limits));
  }
  co_return ok();
}

Task<Result<void>> converse(Client& client) {
  CallLimits limits;
  limits.deadline = Deadline::after(kPatience);
  ISA_CO_TRYV(co_await client.connect(limits.deadline));
  say(fmt::format("speaks {}", client.version()));
  ISA_CO_TRYV(co_await use_tools(client, limits));
  co_return co_await use_the_rest(client, limits);
}

Task<void> serve(std::string text, Result<void>& result) {
  const auto url = net::Url::parse(text);
  if (!url) {
    result = Failure(url.error());
    co_return;
  }
  net::Client http;
  HttpServer server;
  server.name = "conformance";
  server.to = url->endpoint;
  server.target = url->prefix.empty() ? "/" : url->prefix;
  server.listens = true;
  Authorizer authorizer(http, authorization(http));
  server.authorize = [&authorizer, text](std::string challenge) {
    return authorizer.authorize(text, std::move(challenge), Deadline::after(kPatience));
  };
  ClientOptions options;
  options.server = "conformance";
  options.capabilities = {{"elicitation", json::object()}};
  options.input = accept_defaults;
  Client client(make_http_transport(co_await asio::this_coro::executor, http, std::move(server)),
                std::move(options));
  result = co_await converse(client);
  co_await client.close();
}

int run(const char* url) {
  asio::io_context context(1);
  TaskGroup tasks(context.get_executor());
  Result<void> result = internal_error("the client ended early");
  tasks.spawn("client", serve(url, result));
  context.run();
  if (result) return 0;
  std::fprintf(stderr, "%s %s\n", result.error().message().c_str(), result.error().detail().c_str());
  return 1;
}

}  // namespace
}  // namespace isa::sdk::mcp

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: isa-mcp-client URL\n");
    return 2;
  }
  return isa::sdk::mcp::run(argv[1]);
}
