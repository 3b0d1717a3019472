#include "pool/routes.h"

#include "net/trace_headers.h"
#include "pool/direct_chat.h"
#include "pool/wire.h"

#include <charconv>
#include <stdexcept>

namespace isa::pool {
namespace {

using net::Method;
using net::Request;
using net::Response;

// Longer than any wait that acquire accepts, and than an agent's turn runs.
constexpr std::chrono::milliseconds kAcquireTimeout = std::chrono::seconds(310);
constexpr std::chrono::milliseconds kTurnTimeout = std::chrono::minutes(20);
constexpr std::size_t kChatBodyMax = 16 << 20;  // Bytes: a whole history comes along.

bool may_touch(const Identity& caller, const Instance& instance) {
  return caller.is_internal || (instance.lease && instance.lease->user_id == caller.user);
}

Error unknown_instance(const Request& request) {
  return not_found("instance {} does not exist", request.param("instance_id"));
}

// An instance and the pool that it belongs to; both null when it does not exist for the caller.
struct Place {
  Pool* pool = nullptr;
  InstancePtr instance;
};

Task<Result<Place>> find_place(Service& service, const Request& request) {
  const InstanceId id(request.param("instance_id"));
  Place place;
  ISA_CO_TRY(place.pool, co_await service.pool_with(request.param("type"), id));
  if (!place.pool) co_return place;
  ISA_CO_TRY(place.instance, co_await place.pool->fleet().fetch(id));
  if (place.instance && !may_touch(request.identity, *place.instance)) co_return unknown_instance(request);
  co_return place;
}

// The instance that the caller holds by a lease.
Task<Result<Place>> held(Service& service, const Request& request,
                         std::optional<std::int64_t> fencing_token) {
  ISA_CO_TRY(auto place, co_await find_place(service, request));
  if (!place.pool) co_return unknown_instance(request);
  const InstanceId id(request.param("instance_id"));
  ISA_CO_TRY(place.instance, co_await place.pool->fleet().leased(id, fencing_token));
  co_return place;
}

Result<LeaseBody> lease_body(const Request& request) {
  if (!request.body.empty()) return json::parse_as<LeaseBody>(request.body);
  LeaseBody body;  // DELETE has no body: ?fencing_token=
  const auto text = request.query_value("fencing_token");
  if (text.empty()) return body;
  std::int64_t token = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), token);
  if (ec != std::errc() || end != text.data() + text.size())
    return validation_error("fencing_token is not an integer").with_param("/fencing_token");
  body.fencing_token = token;
  return body;
}

InstanceView view_of(Pool& pool, const Instance& instance) {
  InstanceView view;
  view.instance_id = instance.id;
  view.pool_type = pool.fleet().shape().pool_type;
  view.deployment_id = pool.fleet().shape().deployment_id;
  view.status = instance.state;
  if (!instance.sandbox_id.empty()) view.sandbox_id = instance.sandbox_id;
  view.lease = instance.lease;
  view.open_streams = static_cast<std::int64_t>(instance.open_streams);
  view.created_at = instance.created_at;
  return view;
}

Task<Result<Response>> get_stats(Service& service, Request& request) {
  auto name = std::string(request.param("type"));
  if (const auto deployment = request.query_value("deployment_id"); !deployment.empty())
    name += "/" + std::string(deployment);
  ISA_CO_TRY(const auto stats, co_await service.stats(std::move(name)));
  co_return Response::json(200, json::write(stats));
}

Task<Result<Response>> acquire(Service& service, Request& request) {
  const auto& caller = request.identity;
  ISA_CO_TRY(auto body, json::parse_as<AcquireBody>(request.body));
  if (body.pool_type && *body.pool_type != request.param("type"))
    co_return validation_error("pool_type '{}' is not the pool of the path", *body.pool_type)
        .with_param("/pool_type");
  if (caller.is_internal && !body.user_id)
    co_return validation_error("name the user that the lease is for").with_param("/user_id");
  if (!caller.is_internal && body.user_id && *body.user_id != caller.user)
    co_return insufficient_permissions("user_id is somebody else; leave it out").with_param("/user_id");
  if (!caller.is_internal && body.org_id && !caller.belongs_to(*body.org_id))
    co_return not_found("organization {} does not exist", body.org_id->value());
  if (!caller.is_internal && body.allowance)
    co_return insufficient_permissions(
        "only the platform's own roles set the limits of a run; leave allowance out")
        .with_param("/allowance");

  AcquireRequest wanted;
  wanted.session_id = std::move(body.session_id);
  wanted.user_id = body.user_id.value_or(caller.user);
  wanted.org_id = std::move(body.org_id);
  wanted.agent_config_id = std::move(body.agent_config_id);
  wanted.deployment_id = std::move(body.deployment_id);
  wanted.config = std::move(body.config);
  wanted.timeout = body.timeout;
  wanted.allowance = std::move(body.allowance);
  wanted.trace = net::trace_of(request.headers);
  ISA_CO_TRY(const auto acquired, co_await service.acquire(request.param("type"), std::move(wanted)));
  co_return Response::json(200, json::write(acquired));
}

// Operators and other roles only.
Result<void> check_internal(const Request& request) {
  if (request.identity.is_internal) return ok();
  return insufficient_permissions("only the platform's own roles may do this");
}

Task<Result<Response>> settle(Service& service, Request& request) {
  ISA_CO_TRYV(check_internal(request));
  ISA_CO_TRY(auto body, json::parse_as<SettleBody>(request.body));
  ISA_CO_TRY(const auto place, co_await held(service, request, body.fencing_token));
  ISA_CO_TRY(const auto use, co_await place.pool->leases().settle(place.instance->id, body.fencing_token,
                                                                  std::move(body.run_id)));
  co_return Response::json(200, json::write(use));
}

Task<Result<Response>> execute(Service& service, Request& request) {
  ISA_CO_TRY(auto body, json::parse_as<ExecuteBody>(request.body));
  ISA_CO_TRY(auto place, co_await held(service, request, body.fencing_token));
  ExecuteAnswer answer;
  if (body.action == ExecuteAction::reset) {
    ISA_CO_TRYV(co_await place.pool->leases().use(place.instance));
    place.instance->conversation.reset();
    co_return Response::json(200, json::write(answer));
  }
  if (!body.params || body.params->prompt.empty())
    co_return validation_error("a query needs a prompt").with_param("/params/prompt");
  auto agent =
      body.params->context ? body.params->context->agent.value_or(sdk::AgentSpec{}) : sdk::AgentSpec{};
  ISA_CO_TRY(answer.result.response,
             co_await query(*place.pool, std::move(place.instance), std::move(body.params->prompt),
                            std::move(agent), net::trace_of(request.headers)));
  co_return Response::json(200, json::write(answer));
}

Task<void> pass_on(std::shared_ptr<net::OpenResponse> from, net::BodyWriter& to) {
  while (true) {
    auto piece = co_await from->body->read();
    // The head is sent: breaking off is how a server says that there should have been more.
    if (!piece) throw std::runtime_error("the sandbox's stream broke off: " + piece.error().message());
    if (piece->empty()) co_return;
    if (!co_await to.write(std::move(*piece))) co_return;
  }
}

Response passing_on(net::OpenResponse opened) {
  const auto from = std::make_shared<net::OpenResponse>(std::move(opened));
  auto response = Response::sse([from](net::BodyWriter& to) { return pass_on(from, to); });
  response.status = from->status;
  if (const auto type = from->headers.get("Content-Type"); !type.empty())
    response.headers.set("Content-Type", std::string(type));
  return response;
}

Task<Result<Response>> stream(Service& service, Request& request) {
  ISA_CO_TRY(auto body, json::parse_as<StreamBody>(request.body));
  ISA_CO_TRY(auto place, co_await held(service, request, body.fencing_token));
  auto context = std::move(body.context).value_or(ChatContext{});
  if (context.chat) {
    context.chat->trace = net::trace_of(request.headers);
    ISA_CO_TRY(auto opened, co_await place.pool->leases().stream(place.instance->id, body.fencing_token,
                                                                 std::move(*context.chat)));
    co_return passing_on(std::move(opened));
  }
  if (body.prompt.value_or("").empty())
    co_return validation_error("a chat needs a prompt").with_param("/prompt");
  auto agent = std::move(context.agent).value_or(sdk::AgentSpec{});
  ISA_CO_TRY(auto opened,
             co_await stream_turn(*place.pool, std::move(place.instance), std::move(*body.prompt),
                                  std::move(agent), net::trace_of(request.headers)));
  co_return passing_on(std::move(opened));
}

Task<Result<Response>> release(Service& service, Request& request) {
  ISA_CO_TRY(const auto body, lease_body(request));
  ISA_CO_TRYV(co_await find_place(service, request));
  InstanceId id(request.param("instance_id"));
  json::object done{{"instance_id", id.value()}, {"status", "released"}};
  ISA_CO_TRYV(co_await service.release(request.param("type"), std::move(id), body.fencing_token));
  co_return Response::json(200, done);
}

Task<Result<Response>> renew(Service& service, Request& request) {
  ISA_CO_TRY(const auto body, lease_body(request));
  ISA_CO_TRY(const auto place, co_await held(service, request, body.fencing_token));
  LeaseView view;
  ISA_CO_TRY(view.lease, co_await place.pool->leases().renew(place.instance->id, body.fencing_token));
  co_return Response::json(200, json::write(view));
}

// Of a shared store, also those that other pool managers look after.
Task<Result<void>> add_views(Pool& pool, const Request& request, InstanceList& to) {
  std::set<InstanceId> seen;
  for (const auto& instance : pool.fleet().all()) {
    seen.insert(instance->id);
    if (may_touch(request.identity, *instance)) to.instances.push_back(view_of(pool, *instance));
  }
  if (!pool.fleet().is_shared()) co_return ok();
  ISA_CO_TRY(const auto rows, co_await pool.fleet().store().list(pool.fleet().shape().pool));
  for (const auto& row : rows) {
    if (seen.contains(row.id)) continue;
    Instance instance;
    instance.id = row.id;
    instance.sandbox_id = row.sandbox_id;
    instance.state = row.state;
    instance.lease = row.lease;
    instance.created_at = row.created_at;
    if (may_touch(request.identity, instance)) to.instances.push_back(view_of(pool, instance));
  }
  co_return ok();
}

// Of a type that may have none at the moment; not_found for one that there is not.
Result<std::vector<Pool*>> pools_asked_for(Service& service, const Request& request) {
  const auto& type = request.param("type");
  auto pools = service.pools_of(type);
  if (pools.empty() && type != kCustomPool) ISA_TRYV(service.pool(type));
  return pools;
}

Task<Result<Response>> list_instances(Service& service, Request& request) {
  ISA_CO_TRY(const auto pools, pools_asked_for(service, request));
  InstanceList list;
  for (auto* const pool : pools) ISA_CO_TRYV(co_await add_views(*pool, request, list));
  co_return Response::json(200, json::write(list));
}

Task<Result<Response>> get_instance(Service& service, Request& request) {
  ISA_CO_TRY(const auto place, co_await find_place(service, request));
  if (!place.instance) co_return unknown_instance(request);
  co_return Response::json(200, json::write(view_of(*place.pool, *place.instance)));
}

Task<Result<Response>> get_queue(Service& service, Request& request) {
  ISA_CO_TRY(const auto pools, pools_asked_for(service, request));
  Queue queue;
  for (auto* const pool : pools) {
    for (const auto* ticket : pool->queue().tickets()) {
      if (!request.identity.is_internal && ticket->user() != request.identity.user) continue;
      const auto& shape = pool->fleet().shape();
      const auto waited = Deadline::Clock::now() - ticket->since();
      queue.waiting.push_back({.pool_type = shape.pool_type,
                               .deployment_id = shape.deployment_id,
                               .session_id = ticket->session(),
                               .position = static_cast<std::int64_t>(ticket->position()),
                               .waited_ms = std::chrono::floor<std::chrono::milliseconds>(waited).count()});
    }
  }
  co_return Response::json(200, json::write(queue));
}

Task<Result<Response>> set_draining(Service& service, Request& request) {
  ISA_CO_TRYV(check_internal(request));
  std::string type(request.param("type"));
  ISA_CO_TRYV(co_await service.set_draining(type, request.method == Method::post));
  ISA_CO_TRY(const auto stats, co_await service.stats(std::move(type)));
  co_return Response::json(200, json::write(stats));
}

Result<void> check_deployments(const Request& request) {
  ISA_TRYV(check_internal(request));
  if (request.param("type") == kCustomPool) return ok();
  return not_found("only the pool '{}' has deployments", kCustomPool);
}

Task<Result<Response>> list_deployments(Service& service, Request& request) {
  ISA_CO_TRYV(check_deployments(request));
  DeploymentList list;
  ISA_CO_TRY(list.deployments, co_await service.deployments());
  co_return Response::json(200, json::write(list));
}

Task<Result<Response>> put_deployment(Service& service, Request& request) {
  ISA_CO_TRYV(check_deployments(request));
  ISA_CO_TRY(auto deployment, json::parse_as<Deployment>(request.body));
  const auto body = json::write(deployment);
  ISA_CO_TRYV(co_await service.configure(std::string(request.param("deployment_id")), std::move(deployment)));
  co_return Response::json(200, body);
}

Task<Result<Response>> delete_deployment(Service& service, Request& request) {
  ISA_CO_TRYV(check_deployments(request));
  std::string id(request.param("deployment_id"));
  json::object done{{"deployment_id", id}, {"status", "removed"}};
  ISA_CO_TRYV(co_await service.remove_deployment(std::move(id)));
  co_return Response::json(200, done);
}

}  // namespace

net::Router make_router(Service& service) {
  using Call = Task<Result<Response>> (*)(Service&, Request&);
  const auto to = [&service](Call call) -> net::Handler {
    return [&service, call](Request& request) { return call(service, request); };
  };
  const net::RouteOptions open{.is_public = true};
  const net::RouteOptions waits{.timeout = kAcquireTimeout};
  const net::RouteOptions turn{
      .body_max = kChatBodyMax, .timeout = kTurnTimeout, .cancel_on_disconnect = true};
  const std::string pool = "/api/v1/pools/{type}";
  const std::string instance = pool + "/{instance_id}";
  return net::Router({
      {Method::get, pool + "/stats", to(get_stats), open},
      {Method::post, pool + "/acquire", to(acquire), waits},
      {Method::get, pool + "/instances", to(list_instances)},
      {Method::get, pool + "/queue", to(get_queue)},
      {Method::post, pool + "/drain", to(set_draining)},
      {Method::del, pool + "/drain", to(set_draining)},
      {Method::get, pool + "/deployments", to(list_deployments)},
      {Method::put, pool + "/deployments/{deployment_id}", to(put_deployment)},
      {Method::del, pool + "/deployments/{deployment_id}", to(delete_deployment)},
      {Method::get, instance, to(get_instance)},
      {Method::del, instance, to(release)},
      {Method::post, instance + "/execute", to(execute), turn},
      {Method::post, instance + "/stream", to(stream), turn},
      {Method::post, instance + "/release", to(release)},
      {Method::post, instance + "/renew", to(renew)},
      {Method::post, instance + "/settle", to(settle)},
  });
}

}  // namespace isa::pool
