// POST /api/v1/invoke: the body of the original platform's model service, in both of its documented shapes.
#include "model/relay.h"
#include "model/service.h"

namespace isa::model {
namespace {

// {"input_data", "task": "chat", "service_type": "text", "model"?, "provider"?, "tools"?, "stream"?}
struct LegacyBody {
  using json_ignore_unknown = void;
  json::value input_data;
  std::optional<std::string> model, provider, service_type, task;
  std::optional<json::array> tools;
  std::optional<bool> stream;
};
BOOST_DESCRIBE_STRUCT(LegacyBody, (), (input_data, model, provider, service_type, task, tools, stream))

json::array messages_of(const json::value& input) {
  if (input.is_array()) return input.get_array();
  json::object message;
  message["role"] = "user";
  message["content"] = input;
  json::array to;
  to.push_back(std::move(message));
  return to;
}

Result<json::object> as_openai(const json::value& document) {
  ISA_TRY(const auto legacy, json::read<LegacyBody>(document));
  if (legacy.service_type.value_or("text") != "text" || legacy.task.value_or("chat") != "chat")
    return not_implemented("this model service serves service_type 'text' with task 'chat' only");
  if (!legacy.input_data.is_string() && !legacy.input_data.is_array())
    return validation_error("/input_data: expected a string or an array of messages")
        .with_param("/input_data");
  json::object to;
  auto model = legacy.model.value_or("");
  if (legacy.provider && !model.empty() && model.find('/') == std::string::npos)
    model = *legacy.provider + "/" + model;
  to["model"] = model;
  to["messages"] = messages_of(legacy.input_data);
  if (legacy.tools) to["tools"] = *legacy.tools;
  if (legacy.stream) to["stream"] = *legacy.stream;
  return to;
}

}  // namespace

Task<Result<net::Response>> Service::invoke(net::Request& request) {
  ISA_CO_TRY(auto document, json::parse(request.body));
  auto* fields = document.if_object();
  const bool is_legacy = fields && fields->contains("input_data");
  if (is_legacy) {
    ISA_CO_TRY(const auto body, as_openai(document));
    request.body = json::serialize(body);
  } else if (fields && !fields->contains("model")) {
    (*fields)["model"] = "";  // The default model.
    request.body = json::serialize(document);
  }
  ISA_CO_TRY(auto response, co_await answer(request, openai_dialect()));
  if (!is_legacy || response.stream) co_return response;
  ISA_CO_TRY(auto result, json::parse(response.body));
  json::object wrapped;
  wrapped["result"] = std::move(result);
  co_return net::Response::json(200, wrapped);
}

}  // namespace isa::model
