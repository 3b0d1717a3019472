#include "model/service.h"

#include "model/forwarded.h"
#include "model/relay.h"
#include "net/trace_headers.h"

#include <algorithm>

namespace isa::model {
namespace {

constexpr std::size_t kBodyMax = 32 << 20;  // Anthropic's own limit; images travel in the body.

// Rough size of a request, for an estimate of its tokens.
std::size_t text_bytes(const sdk::ChatRequest& request) {
  std::size_t bytes = 0;
  for (const auto& message : request.messages)
    for (const auto& part : message.parts) bytes += part.text.size() + part.arguments.size();
  return bytes;
}

Error price_unknown(const Route& route) {
  const auto id = route.model_id();
  return failed_dependency(
             "limits.max_usd needs the price of the model '{}', which is not known: set it in model.prices "
             "(ISA_MODEL_PRICES), such as `{} input=2.5 output=10` in US dollars per million tokens, or use "
             "a "
             "model that GET /v1/models shows with its pricing",
             id, id)
      .with_code("model_price_unknown")
      .with_param("model");
}

}  // namespace

Service::Service(Settings settings, net::Client& client)
    : settings_(std::move(settings)), catalogue_(settings_, client), router_(router()) {}

net::Router Service::router() {
  using net::Method;
  using net::Request;
  net::RouteOptions model;
  model.body_max = kBodyMax;
  model.timeout = settings_.timeout;
  model.cancel_on_disconnect = true;
  net::RouteOptions list;
  list.timeout = settings_.list_timeout * 4;
  return net::Router({
      {Method::post, "/v1/chat/completions", [this](Request& r) { return chat_completions(r); }, model},
      {Method::post, "/v1/messages", [this](Request& r) { return messages(r); }, model},
      {Method::get, "/v1/models", [this](Request& r) { return list_models(r); }, list},
      {Method::get, "/v1/models/{id...}", [this](Request& r) { return get_model(r); }, list},
      {Method::post, "/api/v1/invoke", [this](Request& r) { return invoke(r); }, model},
      {Method::get, "/api/v1/models/resolve", [this](Request& r) { return resolve(r); }},
  });
}

net::Health Service::health() const {
  net::Health health;
  health.dependencies = catalogue_.dependencies();
  return health;
}

Task<Result<void>> Service::check(std::string model_id) {
  const auto route = catalogue_.resolve(model_id);
  if (!route) co_return Failure(route.error());
  co_return ok();
}

Task<Result<void>> Service::check_price(std::string model_id) {
  ISA_CO_TRY(const auto route, catalogue_.resolve(model_id));
  if (!route.price) co_return price_unknown(route);
  co_return ok();
}

Task<Result<sdk::ChatResult>> Service::chat(sdk::ChatRequest request, sdk::ChatSink sink, Deadline deadline) {
  ISA_CO_TRY(auto route, catalogue_.resolve(request.model));
  Call::Facts facts{
      request.model, std::string(route.provider->name()), {}, {}, request.trace, text_bytes(request),
      route.price};
  request.model = std::move(route.model);
  ISA_CO_TRY(auto stream, co_await open_answer(*route.provider, std::move(request), deadline, formats_));
  Call call(std::move(stream), std::move(facts));
  co_return co_await with_deadline(deadline, collect(call, &sink), "the model did not finish in time");
}

Task<net::Response> Service::forward(net::Request request, Identity identity) {
  const auto& where = request.target.empty() ? request.path : request.target;
  if (!where.starts_with("/v1/")) {
    const auto error = not_found("there is nothing at {} to be passed on; the models are under /v1/", where);
    co_return net::error_response(error, request.request_id);
  }
  request.headers = without_credentials(request.headers);
  request.identity = std::move(identity);
  co_return co_await router_.dispatch(request);
}

Task<Result<net::Response>> Service::chat_completions(net::Request& request) {
  co_return co_await serve(request, openai_dialect());
}

Task<Result<net::Response>> Service::messages(net::Request& request) {
  co_return co_await serve(request, anthropic_dialect());
}

Task<net::Response> Service::serve(net::Request& request, const Dialect& dialect) {
  auto response = co_await answer(request, dialect);
  if (response) co_return std::move(*response);
  co_return dialect.error(response.error(), request.request_id);
}

Task<Result<net::Response>> Service::answer(net::Request& request, const Dialect& dialect) {
  ISA_CO_TRY(auto served, dialect.read(request));
  ISA_CO_TRY(auto route, catalogue_.resolve(served.chat.model));
  const bool same_dialect = route.provider->dialect() == dialect.name();
  if (!same_dialect && !served.untranslatable.empty())
    co_return validation_error("{} cannot be said to the provider {}, which speaks another dialect",
                               served.untranslatable, route.provider->name());
  auto relay = std::make_shared<Relay>();
  relay->writer = dialect.writer(served, request.request_id);
  Call::Facts facts{served.chat.model,  std::string(route.provider->name()), request.identity.user.value(),
                    request.request_id, net::trace_of(request.headers),      text_bytes(served.chat),
                    route.price};
  const bool streams = served.stream;
  const auto pricing = route.price ? json::serialize(to_json(*route.price)) : std::string();
  auto chat = std::move(served.chat);
  chat.model = std::move(route.model);
  chat.trace = net::trace_of(request.headers);
  ISA_CO_TRY(auto stream, co_await open_answer(*route.provider, std::move(chat), request.deadline, formats_));
  // OpenAI's chunks are written anew, which mends what compatible servers get wrong; Anthropic's events hold
  // blocks that the common form does not (citations, tools of the provider) and go through as they are.
  relay->is_verbatim = same_dialect && dialect.name() == anthropic_dialect().name();
  relay->call = std::make_unique<Call>(std::move(stream), std::move(facts));
  net::Response response;
  if (streams) {
    response = net::Response::sse([relay](net::BodyWriter& to) { return relay_stream(relay, to); });
  } else {
    ISA_CO_TRY(auto result, co_await collect(*relay->call, nullptr));
    if (result.id.empty()) result.id = make_ulid();
    response = dialect.whole(result);
  }
  if (!pricing.empty()) response.headers.set("X-Model-Pricing", pricing);
  co_return response;
}

Task<Result<net::Response>> Service::resolve(net::Request& request) {
  ISA_CO_TRY(const auto route, catalogue_.resolve(request.query_value("model")));
  if (request.query_value("priced") == "true" && !route.price) co_return price_unknown(route);
  json::object to;
  to["provider"] = route.provider->name();
  to["model"] = route.model;
  if (route.price) to["pricing"] = to_json(*route.price);
  co_return net::Response::json(200, to);
}

Task<Result<net::Response>> Service::list_models(net::Request& request) {
  const auto& dialect = request.headers.has("anthropic-version") ? anthropic_dialect() : openai_dialect();
  const auto models = co_await catalogue_.list();
  co_return net::Response::json(200, dialect.model_list(models));
}

Task<Result<net::Response>> Service::get_model(net::Request& request) {
  const auto& dialect = request.headers.has("anthropic-version") ? anthropic_dialect() : openai_dialect();
  const auto& id = request.param("id");
  const auto models = co_await catalogue_.list();
  const auto found = std::ranges::find(models, id, &ListedModel::id);
  if (found == models.end()) {
    const auto error =
        not_found("there is no model '{}'; GET /v1/models lists them", id).with_code("model_not_found");
    co_return dialect.error(error, request.request_id);
  }
  co_return net::Response::json(200, dialect.model_entry(*found));
}

}  // namespace isa::model
