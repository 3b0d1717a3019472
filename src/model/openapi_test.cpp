// The contract, api/model.openapi.yaml, against the routes that are served.
#include "model/service.h"
#include "net/contract/contract.h"

#include <gtest/gtest.h>

namespace isa::model {
namespace {

const auto kFile = net::contract_of("model");

TEST(OpenApi, DescribesTheServedRoutesAndNoOthers) {
  net::Client client;
  Service service(Settings(), client);
  EXPECT_EQ(net::differences(service.router(), kFile), std::vector<std::string>());
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  EXPECT_EQ(net::broken_references(kFile), std::vector<std::string>());
}

}  // namespace
}  // namespace isa::model
