#include "net/router.h"

#include "net/server_test_support.h"
#include "net/target.h"

#include <gtest/gtest.h>

namespace isa::net {
namespace {

Router sample() {
  Router router;
  for (const std::string pattern : {"/", "/a/configs", "/a/configs/{id}", "/a/configs/{id}/versions/{n}",
                                    "/a/configs/special", "/a/{kind}/list", "/static/{path...}"})
    router.add(public_route(Method::get, pattern, say_hello));
  router.add(public_route(Method::post, "/a/configs", say_hello));
  router.add(public_route(Method::del, "/a/configs/{id}", say_hello));
  return router;
}

std::string pattern_of(const Router& router, std::string_view path, Method method = Method::get) {
  const auto match = router.match(method, path);
  return match.route == nullptr ? "none" : match.route->pattern;
}

TEST(Router, PrefersLiteralsToParameters) {
  const auto router = sample();
  EXPECT_EQ(pattern_of(router, "/a/configs/special"), "/a/configs/special");
  EXPECT_EQ(pattern_of(router, "/a/configs/other"), "/a/configs/{id}");
  EXPECT_EQ(pattern_of(router, "/a/configs/list"), "/a/configs/{id}") << "the first literal decides";
}

TEST(Router, TriesAParameterWhereTheLiteralLeadsNowhere) {
  Router router;
  router.add(public_route(Method::get, "/a/b/c", say_hello));
  router.add(public_route(Method::get, "/a/{x}/d", say_hello));
  EXPECT_EQ(pattern_of(router, "/a/b/d"), "/a/{x}/d");
}

TEST(Router, GivesTheParametersDecoded) {
  const auto router = sample();
  const auto match = router.match(Method::get, "/a/configs/gr%C3%BCn%20x/versions/7");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.params.find("id")->second, "gr\xC3\xBCn x");
  EXPECT_EQ(match.params.find("n")->second, "7");
}

TEST(Router, KeepsAnEncodedSlashWithinOneParameter) {
  const auto router = sample();
  const auto match = router.match(Method::get, "/a/configs/x%2Fversions%2F1");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.route->pattern, "/a/configs/{id}");
  EXPECT_EQ(match.params.find("id")->second, "x/versions/1");
}

TEST(Router, MatchesNoParameterAcrossOrWithoutASegment) {
  const auto router = sample();
  EXPECT_EQ(pattern_of(router, "/a/configs/x/y"), "none");
  EXPECT_EQ(pattern_of(router, "/a/configs/"), "none");
  EXPECT_EQ(pattern_of(router, "/a/configs/x/../y"), "none");
  EXPECT_EQ(pattern_of(router, "/a//versions/1"), "none");
  EXPECT_EQ(pattern_of(router, "a/configs"), "none");
  EXPECT_EQ(pattern_of(router, ""), "none");
}

TEST(Router, TreatsDotsAsAnyOtherName) {
  const auto router = sample();
  const auto match = router.match(Method::get, "/a/configs/..");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.params.find("id")->second, "..");
}

TEST(Router, GivesTheRestToATail) {
  const auto router = sample();
  EXPECT_EQ(router.match(Method::get, "/static/js/app.js").params.find("path")->second, "js/app.js");
  EXPECT_EQ(router.match(Method::get, "/static/").params.find("path")->second, "");
  EXPECT_EQ(router.match(Method::get, "/static").params.find("path")->second, "");
  EXPECT_EQ(pattern_of(router, "/"), "/");
}

TEST(Router, NamesTheMethodsThatAPathHas) {
  const auto router = sample();
  const auto match = router.match(Method::put, "/a/configs/x");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.allowed, (std::vector{Method::get, Method::head, Method::del}));
  EXPECT_TRUE(router.match(Method::put, "/nowhere").allowed.empty());
}

TEST(Router, AnswersHeadByTheRouteOfGet) {
  EXPECT_EQ(pattern_of(sample(), "/a/configs", Method::head), "/a/configs");
}

Task<Result<Response>> show(Request& request) {
  co_return Response::text(200, "text/plain",
                           request.param("id") + "|" + std::string(request.query_value("q")));
}

TEST(Router, DispatchesTargetsAndBarePaths) {
  Router router;
  router.add(public_route(Method::get, "/x/{id}", show));
  Request by_target;
  by_target.target = "/x/a%20b?q=1+2&q=3%264&empty";
  EXPECT_EQ(testing::run(router.dispatch(by_target)).body, "a b|3&4");
  Request by_path;
  by_path.path = "/x/100%25";
  EXPECT_EQ(testing::run(router.dispatch(by_path)).body, "100%25|") << "a bare path is decoded already";
}

Task<Result<Response>> fail(Request&) {
  throw std::runtime_error("the pool's map is inconsistent");
  co_return Response();
}

TEST(Router, TurnsAnExceptionIntoAnErrorThatTellsNothing) {
  Router router;
  router.add(public_route(Method::get, "/", fail));
  Request request;
  request.target = "/";
  const auto response = testing::run(router.dispatch(request));
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.find("inconsistent"), std::string::npos);
}

TEST(PercentEncoding, IsItsOwnInverse) {
  std::string every;
  for (int c = 0; c < 256; ++c) every.push_back(static_cast<char>(c));
  EXPECT_EQ(percent_decode(percent_encode(every)), every);
  EXPECT_EQ(percent_encode("a/b c~"), "a%2Fb%20c~");
}

TEST(PercentEncoding, LeavesWhatIsNoEncoding) {
  EXPECT_EQ(percent_decode("100%"), "100%");
  EXPECT_EQ(percent_decode("%zz%4"), "%zz%4");
}

TEST(Target, IsCutIntoPathAndQuery) {
  const auto parts = split_target("/a/b?c=d?e#f");
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->path, "/a/b");
  EXPECT_EQ(parts->query, "c=d?e");
  EXPECT_EQ(split_target("http://host:1/x?y")->path, "/x");
  EXPECT_EQ(split_target("http://host")->path, "/");
  EXPECT_FALSE(split_target("x"));
  EXPECT_FALSE(split_target("*"));
  EXPECT_FALSE(split_target("/a%00b"));
}

}  // namespace
}  // namespace isa::net
