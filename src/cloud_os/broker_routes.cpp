#include "cloud_os/broker_routes.h"

#include <charconv>

namespace isa::cloud_os {
namespace {

using Answer = Task<Result<net::Response>>;
using net::Method;
using net::Request;

constexpr std::int64_t kPage = 100;

// A secret as the API shows it: without the value, which never comes back.
struct SecretList {
  std::vector<store::Secret> secrets;
};
BOOST_DESCRIBE_STRUCT(SecretList, (), (secrets))

struct AuditPage {
  std::vector<store::SandboxAuditEntry> entries;
  std::string next_cursor;
};
BOOST_DESCRIBE_STRUCT(AuditPage, (), (entries, next_cursor))

std::optional<OrgId> org_of(const Request& request) {
  const auto org = request.query_value("org_id");
  return org.empty() ? std::nullopt : std::optional(OrgId(std::string(org)));
}

Answer set(SecretVault& secrets, Request& request) {
  ISA_CO_TRY(auto definition, json::parse_as<SecretDefinition>(request.body));
  auto name = request.param("name");
  ISA_CO_TRY(const auto stored,
             co_await secrets.set(request.identity, std::move(name), std::move(definition)));
  co_return net::Response::json(200, json::write(stored));
}

Answer list(SecretVault& secrets, Request& request) {
  SecretList body;
  ISA_CO_TRY(body.secrets, co_await secrets.list(request.identity, org_of(request)));
  co_return net::Response::json(200, json::write(body));
}

Answer remove(SecretVault& secrets, Request& request) {
  auto name = request.param("name");
  ISA_CO_TRYV(co_await secrets.remove(request.identity, org_of(request), std::move(name)));
  co_return net::Response{.status = 204};
}

Result<std::int64_t> limit_of(const Request& request) {
  const auto text = request.query_value("limit");
  if (text.empty()) return kPage;
  std::int64_t limit = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (ec == std::errc() && end == text.data() + text.size() && limit >= 1 && limit <= 1000) return limit;
  return validation_error("limit must be from 1 to 1000").with_param("limit");
}

// One's own entries; the platform itself sees everybody's.
Answer audit(store::SandboxAuditStore& trail, Request& request) {
  ISA_CO_TRY(const auto limit, limit_of(request));
  store::SandboxAuditQuery query;
  if (!request.identity.is_internal) query.user_id = request.identity.user;
  if (const auto vm = request.query_value("vm_id"); !vm.empty())
    query.sandbox_id = SandboxId(std::string(vm));
  if (const auto session = request.query_value("session_id"); !session.empty()) query.session_id = session;
  std::string cursor(request.query_value("cursor"));
  ISA_CO_TRY(auto page, co_await trail.list(std::move(query), std::move(cursor), limit));
  const AuditPage body{std::move(page.items), std::move(page.next_cursor)};
  co_return net::Response::json(200, json::write(body));
}

}  // namespace

void add_broker_routes(net::Router& router, Brokerage& brokerage) {
  auto& secrets = brokerage.secrets();
  router.add(
      {Method::get, "/api/v1/secrets", [&secrets](Request& request) { return list(secrets, request); }});
  router.add({Method::put, "/api/v1/secrets/{name}",
              [&secrets](Request& request) { return set(secrets, request); }});
  router.add({Method::del, "/api/v1/secrets/{name}",
              [&secrets](Request& request) { return remove(secrets, request); }});
  auto& trail = brokerage.audit();
  router.add({Method::get, "/api/v1/audit", [&trail](Request& request) { return audit(trail, request); }});
}

}  // namespace isa::cloud_os
