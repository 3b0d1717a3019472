// The contract, api/cloud_os.openapi.yaml, against the routes that are served.
#include "cloud_os/routes.h"
#include "cloud_os/testing.h"
#include "net/contract/contract.h"

namespace isa::cloud_os::testing {
namespace {

const auto kFile = net::contract_of("cloud_os");

TEST(OpenApi, DescribesTheServedRoutesAndNoOthers) {
  ISA_NEEDS_SANDBOXES();
  with_service([](Service& service) -> Task<void> {
    EXPECT_EQ(net::differences(routes(service), kFile), std::vector<std::string>());
    co_return;
  });
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  EXPECT_EQ(net::broken_references(kFile), std::vector<std::string>());
}

}  // namespace
}  // namespace isa::cloud_os::testing
