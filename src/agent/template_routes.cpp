#include "agent/template_routes.h"

#include "agent/etag.h"
#include "agent/public_caller.h"

namespace isa::agent {
namespace {

Result<TemplateFields> new_template(const std::string& text, const store::Once& once) {
  ISA_TRY(auto fields, json::parse_as<TemplateFields>(text));
  if (!fields.id.has_value()) fields.id = TemplateId("tmpl_" + once.seed);
  return fields;
}

}  // namespace

TemplateRoutes::Answer TemplateRoutes::list(net::Request& request) {
  auto who = co_await public_caller(guard_, request);
  ISA_CO_TRY(const auto all, co_await templates_.list(std::move(who)));
  json::object body{{"templates", json::write(all)}};
  co_return net::Response::json(200, std::move(body));
}

TemplateRoutes::Answer TemplateRoutes::get(net::Request& request) {
  auto who = co_await public_caller(guard_, request);
  ISA_CO_TRY(const auto item, co_await templates_.find(std::move(who), TemplateId(request.param("id"))));
  co_return versioned(json::write(item), item.version);
}

TemplateRoutes::Answer TemplateRoutes::create(net::Request& request, store::Once once) {
  ISA_CO_TRY(auto fields, new_template(request.body, once));
  ISA_CO_TRY(const auto item, co_await templates_.create(request.identity, std::move(fields)));
  co_return versioned(json::write(item), item.version);
}

TemplateRoutes::Answer TemplateRoutes::made(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto fields, new_template(request.body, once));
  ISA_CO_TRY(const auto item, co_await templates_.find(request.identity, *fields.id));
  // One of that name that was there before is in the way of this request, not made by it.
  if (item.owner_id != request.identity.user || item.created_at < once.since)
    co_return not_found("template '{}' was not made by this request", item.id.value());
  co_return versioned(json::write(item), item.version);
}

TemplateRoutes::Answer TemplateRoutes::replace(net::Request& request) {
  ISA_CO_TRY(auto fields, json::parse_as<TemplateFields>(request.body));
  ISA_CO_TRY(const auto expected, if_match(request));
  TemplateId id(request.param("id"));
  ISA_CO_TRY(const auto item,
             co_await templates_.replace(request.identity, std::move(id), std::move(fields), expected));
  co_return versioned(json::write(item), item.version);
}

TemplateRoutes::Answer TemplateRoutes::remove(net::Request& request) {
  const TemplateId id(request.param("id"));
  ISA_CO_TRYV(co_await templates_.remove(request.identity, id));
  json::object body{{"id", id.value()}, {"deleted", true}};
  co_return net::Response::json(200, std::move(body));
}

}  // namespace isa::agent
