#include "net/contract_routes.h"

namespace isa::net {
namespace {

Task<Result<Response>> show(std::string_view text) {
  co_return Response::text(200, "text/plain; charset=utf-8", std::string(text));
}

}  // namespace

void add_contract_routes(Router& router, std::string_view contract, std::string_view common) {
  const RouteOptions open{.is_public = true};
  router.add({Method::get, "/openapi.yaml", [contract](Request&) { return show(contract); }, open});
  router.add({Method::get, "/common.yaml", [common](Request&) { return show(common); }, open});
}

}  // namespace isa::net
