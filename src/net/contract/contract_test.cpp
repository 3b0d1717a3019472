#include "net/contract/contract.h"

#include "base/testing.h"

#include <gtest/gtest.h>

#include <fstream>

namespace isa::net {
namespace {

using Strings = std::vector<std::string>;

constexpr std::string_view kServiceRoutes = R"(
  /health: { get: { security: [] } }
  /ready: { get: { security: [] } }
  /openapi.yaml: { get: { security: [] } }
  /common.yaml: { get: { security: [] } }
  /metrics: { $ref: "shared.yaml#/components/pathItems/Metrics" }
)";
constexpr std::string_view kThings = R"(
  /things/{id}:
    get: {}
    put: { x-body-max: 2097152, security: [{ internalService: [], internalSecret: [] }] }
  /files/{path}:
    parameters: [{ name: path, in: path, x-rest: true }]
    get: {}
)";

class Contract : public ::testing::Test {
 protected:
  Contract() {
    std::ofstream(folder_ / "shared.yaml")
        << "components: { pathItems: { Metrics: { get: { security: [] } } } }\n";
  }
  std::filesystem::path file(std::string_view paths) {
    std::ofstream(folder_ / "role.openapi.yaml") << "paths:" << kServiceRoutes << paths;
    return folder_ / "role.openapi.yaml";
  }
  static Router things(RouteOptions options = {.body_max = 2 << 20, .is_internal = true}) {
    return Router({{Method::get, "/things/{id}", {}},
                   {Method::put, "/things/{id}", {}, options},
                   {Method::get, "/files/{path...}", {}}});
  }

  isa::testing::TempFolder folder_;
};

TEST_F(Contract, AgreesWithTheRoutesThatItDescribes) {
  EXPECT_EQ(differences(things(), file(kThings)), Strings());
}

TEST_F(Contract, ARouteThatIsNotDescribedIsNamed) {
  auto router = things();
  router.add({Method::post, "/things", {}});
  EXPECT_EQ(differences(std::move(router), file(kThings)),
            Strings{"post /things is served but not described"});
}

TEST_F(Contract, ADescriptionOfARouteThatIsNotServedIsNamed) {
  const auto with_more = std::string(kThings) + "  /things: { post: {} }\n";
  EXPECT_EQ(differences(things(), file(with_more)), Strings{"post /things is described but not served"});
}

TEST_F(Contract, WhoMayCallAndHowMuchAreCompared) {
  EXPECT_EQ(
      differences(things({.is_public = true}), file(kThings)),
      (Strings{"put /things/{id} serves everybody, but the file says other roles only",
               "put /things/{id} takes bodies of 1048576 bytes, but the file says 2097152 (x-body-max)"}));
}

TEST_F(Contract, AParameterThatTakesSlashesIsSaidToDoSo) {
  const auto found =
      differences(Router({{Method::get, "/files/{path...}", {}}}), file("  /files/{path}: { get: {} }\n"));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].starts_with("get /files/{path}: the path's last parameter takes slashes")) << found[0];
}

TEST_F(Contract, AFileThatCannotBeReadIsADifference) {
  EXPECT_FALSE(differences(Router(), folder_ / "nowhere.openapi.yaml").empty());
}

TEST_F(Contract, ReferencesThatLeadNowhereAreNamed) {
  const auto path = file(
      "x: [{ $ref: '#/paths/~1health' }, { $ref: '#/nothing' }, { $ref: 'shared.yaml#/nothing' },"
      " { $ref: 'nowhere.yaml#/x' }]\n");
  const auto broken = broken_references(path);
  ASSERT_EQ(broken.size(), 4U);
  EXPECT_EQ(broken[0], "#/nothing");
  EXPECT_EQ(broken[1], "nowhere.yaml#/x");
  EXPECT_EQ(broken[2], "shared.yaml#/nothing");
  EXPECT_TRUE(broken[3].find("nowhere.yaml: the file cannot be read") != std::string::npos) << broken[3];
}

}  // namespace
}  // namespace isa::net
