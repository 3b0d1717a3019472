// The contract, api/pool.openapi.yaml, against the routes that are served.
#include "net/contract/contract.h"
#include "pool/routes.h"
#include "pool/testing.h"

namespace isa::pool::testing {
namespace {

const auto kFile = net::contract_of("pool");

TEST(OpenApi, DescribesTheServedRoutesAndNoOthers) {
  in_world(small_pool(0, 1), [](World& world) -> Task<void> {
    EXPECT_EQ(net::differences(make_router(*world.service), kFile), std::vector<std::string>());
    co_return;
  });
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  EXPECT_EQ(net::broken_references(kFile), std::vector<std::string>());
}

}  // namespace
}  // namespace isa::pool::testing
