// Plain HTTP through the broker, as a hostile program sends it.
#include "cloud_os/egress/test_stage.h"

namespace isa::cloud_os::testing {
namespace {

bool is(const std::string& answer, int status, std::string_view code = "") {
  return answer.starts_with(fmt::format("HTTP/1.1 {} ", status)) && answer.contains(code);
}

TEST(PlainHttp, AnAllowedHostIsReachedWithWhatIsMeantForItAlone) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"plain.test"});
    const auto answer = co_await stage.get("http://plain.test/a?b=c",
                                           "Proxy-Authorization: Basic x\r\nProxy-Connection: keep-alive\r\n"
                                           "Connection: X-Hop\r\nX-Hop: 1\r\nX-Internal-Service: true\r\n"
                                           "X-Internal-Service-Secret: guess\r\nX-Own: 2\r\n");
    EXPECT_TRUE(is(answer, 200)) << answer;
    EXPECT_TRUE(answer.contains(R"("target":"/a?b=c")")) << answer;
    EXPECT_TRUE(answer.contains(R"("Host":"plain.test")")) << answer;
    EXPECT_TRUE(answer.contains(R"("X-Own":"2")")) << answer;
    for (const char* name : {"Proxy-", "X-Hop", "X-Internal"}) EXPECT_FALSE(answer.contains(name)) << answer;
    const auto trail = co_await stage.trail();
    EXPECT_EQ(trail.size(), 1U);
    EXPECT_EQ(trail.at(0).kind, store::AuditKind::http);
    EXPECT_EQ(trail.at(0).verdict, store::AuditVerdict::allowed);
    EXPECT_EQ(trail.at(0).target, "plain.test:80");
    EXPECT_EQ(trail.at(0).rule, "plain.test");
    EXPECT_EQ(trail.at(0).user_id, UserId("ann"));
    EXPECT_GT(trail.at(0).bytes_in, 0);
  });
}

TEST(PlainHttp, WhoeverIsNotBoundAndWhateverIsNotAllowedIsRefused) {
  on_stage([](Stage& stage) -> Task<void> {
    EXPECT_TRUE(is(co_await stage.get("http://plain.test/"), 403, "sandbox_not_bound"));
    stage.allow({"other.test", "*.plain.test"});
    EXPECT_TRUE(is(co_await stage.get("http://plain.test/"), 403, "egress_not_allowed"));
    EXPECT_TRUE(is(co_await stage.get("http://other.test:8080/"), 403, "egress_not_allowed"));
    EXPECT_EQ(stage.names->asked, 0);
    EXPECT_EQ(stage.broker->counters().refused, 3);
    const auto trail = co_await stage.trail();
    EXPECT_EQ(trail.size(), 3U);
    for (const auto& entry : trail) EXPECT_EQ(entry.verdict, store::AuditVerdict::refused);
  });
}

TEST(PlainHttp, RequestsThatTwoServersWouldReadDifferentlyAreRefused) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"plain.test", "other.test"});
    const std::string start = "POST http://plain.test/ HTTP/1.1\r\n";
    for (const std::string rest :
         {"Host: other.test\r\n\r\n", "Host: plain.test:81\r\n\r\n",
          "Host: plain.test\r\nHost: plain.test\r\n\r\n", "Host: plain.test\r\nHost: other.test\r\n\r\n",
          "Host: plain.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "Host: plain.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
          "Host: plain.test\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
          "Host: plain.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
          "Host: plain.test\r\nX-Folded: a\r\n b\r\n\r\n", "Host: plain.test\r\n X-Folded: a\r\n\r\n",
          "Host : plain.test\r\n\r\n", "Host: plain.test, other.test\r\n\r\n", "Host:\r\n\r\n", "\r\n"}) {
      const auto answer = co_await stage.ask(start + rest);
      EXPECT_TRUE(is(answer, 400)) << rest << answer;
    }
  });
}

TEST(PlainHttp, OnlyWholeHttpUrlsOfNamesAreTargets) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"plain.test"});
    for (const std::string target : {"https://plain.test:80:80/",
                                     "ftp://plain.test/",
                                     "https:///x",
                                     "https://127.0.0.1/",
                                     "plain.test/",
                                     "http://",
                                     "http:///x",
                                     "http://@plain.test/",
                                     "http://user:x@plain.test/",
                                     "http://plain.test:80:80/",
                                     "http://plain.test:0/",
                                     "http://plain.test:99999/",
                                     "http://127.0.0.1/",
                                     "http://[::1]/",
                                     "http://0x7f.1/",
                                     "http://2130706433/",
                                     "http://plain.test/#f",
                                     "http://plain.test\\@other.test/",
                                     "http:/plain.test/",
                                     "*"}) {
      const auto answer =
          co_await stage.ask(fmt::format("GET {} HTTP/1.1\r\nHost: plain.test\r\n\r\n", target));
      EXPECT_TRUE(is(answer, 400)) << target << answer;
    }
  });
}

TEST(PlainHttp, AnHttpsUrlLeavesByVerifiedTls) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test:443", "other.test"});
    const auto answer = co_await stage.get("https://api.test/a?b=c");
    EXPECT_TRUE(is(answer, 200)) << answer;
    EXPECT_TRUE(answer.contains(R"("target":"/a?b=c")")) << answer;
    // The certificate of what answers there is for another name.
    EXPECT_TRUE(is(co_await stage.get("https://other.test/"), 503));
    EXPECT_TRUE(is(co_await stage.get("https://api.test:8443/"), 403, "egress_not_allowed"));
    const auto trail = co_await stage.trail();
    EXPECT_EQ(trail.back().target, "api.test:443");
  });
}

TEST(PlainHttp, EveryRequestOfAConnectionIsCheckedAnew) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"plain.test"});
    const auto inside = co_await stage.enter();
    const auto first =
        co_await inside->ask("DELETE http://plain.test/1 HTTP/1.1\r\nHost: plain.test\r\n\r\n");
    EXPECT_TRUE(is(first, 200)) << first;
    std::ignore = co_await inside->hear_until("0\r\n\r\n");
    const auto second = co_await inside->ask("GET http://other.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n");
    EXPECT_TRUE(is(second, 403)) << second;
    std::ignore = co_await inside->hear_until("`\"}");
    const auto third = co_await inside->ask("GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(is(third, 200)) << third;
  });
}

TEST(PlainHttp, ARedirectIsTheSandboxsToFollow) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"plain.test"});
    const auto answer = co_await stage.get("http://plain.test/redirect");
    EXPECT_TRUE(is(answer, 302, "Location: http://127.0.0.1:1/")) << answer;
    EXPECT_TRUE(is(co_await stage.get("http://127.0.0.1:1/"), 400));
  });
}

TEST(PlainHttp, ANameThatLeadsToAPrivateAddressIsRefused) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"*.rebound.test"});
    for (const char* address :
         {"127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::1", "::ffff:127.0.0.1",
          "64:ff9b::7f00:1", "2002:7f00:1::", "fd00::1", "0.0.0.0"}) {
      stage.names->names["a.rebound.test"] = {address};
      const auto answer = co_await stage.get(fmt::format("http://a.rebound.test:{}/", 80));
      EXPECT_TRUE(is(answer, 403, "address_not_allowed")) << address << answer;
      EXPECT_FALSE(answer.contains(address)) << answer;
    }
    EXPECT_EQ(stage.names->asked, 10);  // Once for each: what is checked is what is connected to.
    EXPECT_TRUE(is(co_await stage.get("http://b.rebound.test/"), 502, "host_not_found"));
  });
}

TEST(PlainHttp, HeadsThatAreTooLargeAndBodiesThatAreTooManyAreRefused) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"plain.test"});
    const auto answer =
        co_await stage.get("http://plain.test/", "X-Big: " + std::string(20'000, 'x') + "\r\n");
    EXPECT_TRUE(is(answer, 431)) << answer.substr(0, 200);
    const std::string head = fmt::format(
        "POST http://plain.test/size HTTP/1.1\r\nHost: plain.test\r\nContent-Length: {}\r\n\r\n", 30 << 20);
    std::vector<std::unique_ptr<Inside>> holding;
    for (int i = 0; i < 2; ++i) {
      holding.push_back(co_await stage.enter());
      co_await holding.back()->say(head + std::string((30 << 20) - 1, 'x'));
    }
    const auto third = co_await stage.ask(head + std::string(30 << 20, 'x'));
    EXPECT_TRUE(is(third, 503, "too_many_bytes")) << third.substr(0, 300);
    co_await holding[0]->say("x");
    EXPECT_TRUE(is(co_await holding[0]->hear_until("\r\n\r\n"), 200));
  });
}

TEST(PlainHttp, ThousandsOfConnectionsLeaveTheBrokerAnswering) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"plain.test"});
    std::vector<std::unique_ptr<Inside>> many;
    for (int i = 0; i < 600; ++i) {
      auto inside = co_await stage.enter();
      std::ignore = co_await [](Inside& one) -> Task<bool> {
        const auto [ec, count] =
            co_await one.socket().async_write_some(asio::buffer("GET http", 8), no_throw);
        co_return !ec;
      }(*inside);
      many.push_back(std::move(inside));
    }
    const auto refused = co_await many.back()->hear_all();
    EXPECT_TRUE(refused.empty() || is(refused, 503, "too_many_connections")) << refused;
    many.clear();
    for (;;) {  // Until their ends have been seen.
      const auto answer = co_await stage.get("http://plain.test/");
      if (is(answer, 200)) break;
    }
  });
}

TEST(Environment, TheProxyIsNamedOnlyWhereThereIsAWayOut) {
  on_stage([](Stage& stage) -> Task<void> {
    const std::string question = "GET /environment HTTP/1.1\r\nHost: x\r\n\r\n";
    EXPECT_TRUE(is(co_await stage.ask(question), 403));
    stage.allow({});
    EXPECT_TRUE((co_await stage.ask(question)).ends_with(R"({"env":{}})"));
    stage.allow({"plain.test"});
    const auto answer = co_await stage.ask(question);
    EXPECT_TRUE(answer.contains(R"("HTTPS_PROXY":"http://127.0.0.1:3128")")) << answer;
    EXPECT_TRUE(answer.contains(R"("NO_PROXY":"127.0.0.1,localhost")")) << answer;
  });
}

TEST(BrokerAudit, AFloodOfRefusalsIsOneEntryWithACountAndOneOfOthers) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({});
    int heard = 0;
    stage.brokerage->trail().listen([&](const store::SandboxAuditEntry&) { ++heard; });
    for (int i = 0; i < 20; ++i) std::ignore = co_await stage.get("http://plain.test/");
    for (int i = 0; i < 80; ++i) std::ignore = co_await stage.get(fmt::format("http://h{}.test/", i));
    const auto trail = co_await stage.trail();
    EXPECT_EQ(heard, 100);
    EXPECT_EQ(trail.size(), 65U);
    std::int64_t count = 0;
    for (const auto& entry : trail) count += entry.count;
    EXPECT_EQ(count, 100);
    stage.brokerage->trail().listen(nullptr);
    const auto page = stage.metrics.page();
    EXPECT_TRUE(page.contains(R"(isa_broker_refusals_total{reason="egress_not_allowed"} 100)")) << page;
  });
}

}  // namespace
}  // namespace isa::cloud_os::testing
