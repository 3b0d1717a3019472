#include "agent/triggers/trigger_routes.h"

#include "agent/paging.h"
#include "agent/triggers/webhook_signature.h"

namespace isa::agent {
namespace {

struct TestBody {
  using json_defaults = void;
  json::object payload;
};
BOOST_DESCRIBE_STRUCT(TestBody, (), (payload))

store::TriggerId id_in(const net::Request& request) {
  return store::TriggerId(request.param("id"));
}

net::Response with_secret(const Triggers::Made& made) {
  auto answer = json::write(made.trigger);
  if (made.trigger.type == store::TriggerType::webhook) {
    answer.get_object()["secret"] = made.secret;
    answer.get_object()["path"] = "/api/v1/agents/hooks/" + made.trigger.id.value();
  }
  return net::Response::json(200, answer);
}

}  // namespace

TriggerRoutes::Answer TriggerRoutes::list(net::Request& request) {
  ISA_CO_TRY(const auto triggers, co_await triggers_.store().list(request.identity));
  json::object body{{"triggers", json::write(triggers)}};
  co_return net::Response::json(200, std::move(body));
}

TriggerRoutes::Answer TriggerRoutes::create(net::Request& request, store::Once once) {
  ISA_CO_TRY(auto body, json::parse_as<CreateTrigger>(request.body));
  ISA_CO_TRY(const auto made,
             co_await triggers_.create(request.identity, once.new_id<store::TriggerId>(), std::move(body)));
  co_return with_secret(made);
}

TriggerRoutes::Answer TriggerRoutes::made(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto made, co_await triggers_.made(request.identity, once.new_id<store::TriggerId>()));
  co_return with_secret(made);
}

TriggerRoutes::Answer TriggerRoutes::get(net::Request& request) {
  ISA_CO_TRY(const auto trigger, co_await triggers_.store().find(request.identity, id_in(request)));
  co_return net::Response::json(200, json::write(trigger));
}

TriggerRoutes::Answer TriggerRoutes::patch(net::Request& request) {
  ISA_CO_TRY(auto body, json::parse_as<PatchTrigger>(request.body));
  ISA_CO_TRY(const auto trigger, co_await triggers_.patch(request.identity, id_in(request), std::move(body)));
  co_return net::Response::json(200, json::write(trigger));
}

TriggerRoutes::Answer TriggerRoutes::remove(net::Request& request) {
  ISA_CO_TRYV(co_await triggers_.remove(request.identity, id_in(request)));
  json::object body{{"id", request.param("id")}, {"deleted", true}};
  co_return net::Response::json(200, std::move(body));
}

TriggerRoutes::Answer TriggerRoutes::fire(net::Request& request, store::Once once) {
  TestBody body;
  if (!request.body.empty()) {
    ISA_CO_TRY(body, json::parse_as<TestBody>(request.body));
  }
  ISA_CO_TRY(const auto firing,
             co_await triggers_.fire(request.identity, id_in(request), once.new_id<store::FiringId>(),
                                     once.new_id<RunId>(), std::move(body.payload)));
  co_return net::Response::json(200, json::write(firing));
}

TriggerRoutes::Answer TriggerRoutes::fired_already(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto firing,
             co_await triggers_.store().find_firing(request.identity, once.new_id<store::FiringId>()));
  co_return net::Response::json(200, json::write(firing));
}

TriggerRoutes::Answer TriggerRoutes::firings(net::Request& request) {
  ISA_CO_TRY(auto asked, page_asked(request));
  ISA_CO_TRY(const auto page, co_await triggers_.store().firings(request.identity, id_in(request),
                                                                 std::move(asked.cursor), asked.limit));
  co_return net::Response::json(200, page_body("firings", page));
}

TriggerRoutes::Answer TriggerRoutes::event(net::Request& request, store::Once once) {
  ISA_CO_TRY(auto event, parse_event(request.body));
  auto seed = once.has_key ? std::optional(once.seed) : std::nullopt;
  ISA_CO_TRY(const auto verdicts,
             co_await triggers_.intake().event(request.identity.user, std::move(event), std::move(seed)));
  json::object body{{"triggers", json::write(verdicts)}};
  co_return net::Response::json(200, std::move(body));
}

TriggerRoutes::Answer TriggerRoutes::hook(net::Request& request) {
  std::string signature(request.headers.get(kSignatureHeader));
  ISA_CO_TRY(const auto verdict,
             co_await triggers_.intake().webhook(id_in(request), std::move(signature), request.body));
  co_return net::Response::json(200, json::write(verdict));
}

}  // namespace isa::agent
