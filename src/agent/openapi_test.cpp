// The contract, api/agent.openapi.yaml, against the routes that are served.
#include "agent/test_platform.h"
#include "net/contract/contract.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

const auto kFile = net::contract_of("agent");

TEST(OpenApi, DescribesTheServedRoutesAndNoOthers) {
  testing::with_platform([](testing::Platform& p) -> Task<void> {
    EXPECT_EQ(net::differences(p.service->router(), kFile), std::vector<std::string>());
    co_return;
  });
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  EXPECT_EQ(net::broken_references(kFile), std::vector<std::string>());
}

}  // namespace
}  // namespace isa::agent
