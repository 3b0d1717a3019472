// Secrets: how they are kept, and how they get into requests and not out of answers.
#include "cloud_os/egress/test_stage.h"

#include <sodium.h>

#include <sys/stat.h>

namespace isa::cloud_os::testing {
namespace {

const std::string kValue = "sk-live-0123456789/+abc";

SecretDefinition header_secret(std::string host, std::string header = "Authorization: Bearer {}") {
  return {.value = kValue, .hosts = {std::move(host)}, .header = std::move(header)};
}

SecretDefinition placeholder_secret(std::string host, std::string env = "API_TOKEN") {
  return {.value = kValue, .hosts = {std::move(host)}, .env = std::move(env)};
}

Task<store::Secret> put(Stage& stage, std::string name, SecretDefinition definition) {
  auto stored = co_await stage.brokerage->secrets().set({.user = UserId("ann")}, std::move(name),
                                                        std::move(definition));
  if (!stored) throw std::runtime_error(stored.error().message());
  co_return std::move(*stored);
}

Task<std::string> placeholder_of(Stage& stage, std::string env = "API_TOKEN") {
  const auto answer = co_await stage.ask("GET /environment HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto at = answer.find("\"" + env + "\":\"");
  if (at == std::string::npos) co_return "";
  const auto begin = at + env.size() + 4;
  co_return answer.substr(begin, answer.find('"', begin) - begin);
}

std::string base64(const std::string& text) {
  std::string coded(sodium_base64_ENCODED_LEN(text.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(coded.data(), coded.size(), reinterpret_cast<const unsigned char*>(text.data()),
                    text.size(), sodium_base64_VARIANT_ORIGINAL);
  coded.resize(coded.find('\0'));
  return coded;
}

bool is(const std::string& answer, int status, std::string_view part = "") {
  return answer.starts_with(fmt::format("HTTP/1.1 {} ", status)) && answer.contains(part);
}

TEST(SecretsKey, WhatIsSealedOpensWithTheSameKeyAlone) {
  const TempFolder folder;
  const auto key = SecretsKey::load("", folder / "k").value();
  const auto same = SecretsKey::load("", folder / "k").value();
  const auto other = SecretsKey::load(std::string(64, 'a'), folder / "k").value();
  auto sealed = key.seal(kValue);
  EXPECT_FALSE(sealed.contains(kValue));
  EXPECT_NE(sealed, key.seal(kValue));
  EXPECT_EQ(same.open(sealed)->text(), kValue);
  EXPECT_EQ(other.open(sealed).error().code(), "secret_unreadable");
  sealed.back() ^= 1;
  EXPECT_FALSE(key.open(sealed));
  EXPECT_FALSE(key.open("short"));
  EXPECT_EQ(key.derive("a"), same.derive("a"));
  EXPECT_NE(key.derive("a"), key.derive("b"));
  EXPECT_NE(key.derive("a"), other.derive("a"));
}

TEST(SecretsKey, ItsFileIsForItsOwnerAlone) {
  const TempFolder folder;
  ASSERT_TRUE(SecretsKey::load("", folder / "k"));
  struct stat facts{};
  ASSERT_EQ(::stat((folder / "k").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  ASSERT_EQ(::chmod((folder / "k").c_str(), 0644), 0);
  EXPECT_TRUE(SecretsKey::load("", folder / "k").error().message().contains("chmod 600"));
}

TEST(SecretsKey, WhatIsNoKeyIsRefusedWithoutBeingRepeated) {
  const TempFolder folder;
  for (const std::string& text :
       {std::string("hello"), std::string(63, 'a'), std::string(66, 'a'), std::string(64, 'g')}) {
    const auto key = SecretsKey::load(text, folder / "k");
    ASSERT_FALSE(key);
    EXPECT_FALSE(key.error().message().contains(text));
  }
}

TEST(SecretDefinition, WhatCannotWorkIsRefusedWithItsField) {
  const auto refused = [](SecretDefinition definition) {
    const auto checked = check_secret("n", definition);
    return checked ? std::string() : checked.error().param();
  };
  EXPECT_EQ(refused(header_secret("api.test")), "");
  EXPECT_EQ(refused(placeholder_secret("*.test.example:8443")), "");
  EXPECT_EQ(refused(header_secret("127.0.0.1")), "/hosts/0");
  EXPECT_EQ(refused({.value = kValue, .header = "A: {}"}), "/hosts");
  EXPECT_EQ(refused({.value = "short", .hosts = {"api.test"}, .header = "A: {}"}), "/value");
  EXPECT_EQ(refused({.value = "with a\nline end", .hosts = {"api.test"}, .header = "A: {}"}), "/value");
  EXPECT_EQ(refused({.value = kValue, .hosts = {"api.test"}}), "/header");
  for (const char* header :
       {"Authorization Bearer {}", "A: {} {}", "A: x", "Host: {}", "A\r\nB: {}", "content-length: {}"})
    EXPECT_EQ(refused(header_secret("api.test", header)), "/header") << header;
  for (const char* env : {"", "lower", "1A", "LD_PRELOAD", "PATH", "HTTP_PROXY", "ISA_X", "A-B"})
    EXPECT_EQ(refused(placeholder_secret("api.test", env)), "/env") << env;
  auto definition = header_secret("api.test");
  definition.methods = {"GET", "FETCH"};
  EXPECT_EQ(refused(definition), "/methods/1");
  EXPECT_EQ(check_secret("a b", header_secret("api.test")).error().param(), "/name");
}

TEST(Redactor, TheSecretIsTakenOutInEveryFormAndAcrossPieces) {
  const Redactor whole(kValue);
  for (const std::string& form :
       {kValue, std::string("sk-live-0123456789%2F%2Babc"), std::string("c2stbGl2ZS0wMTIzNDU2Nzg5LythYmM"),
        std::string("736b2d6c6976652d303132333435363738392f2b616263")}) {
    EXPECT_FALSE(whole.whole("<" + form + ">").contains(form)) << form;
    Redactor stream(kValue);
    std::string out;
    for (const char c : "a" + form + "b" + form) out += stream.feed(std::string(1, c));
    out += stream.finish();
    EXPECT_FALSE(out.contains(form)) << out;
    EXPECT_TRUE(out.starts_with("a[redacted]") && out.contains("b[redacted]")) << out;
  }
}

TEST(Redactor, WithinAnotherBase64TextItIsFoundAtEveryPlace) {
  const Redactor redactor(kValue);
  // "user:", "xy:" and "xyz:" before the value, as openssl base64 writes them.
  for (const char* text : {"dXNlcjpzay1saXZlLTAxMjM0NTY3ODkvK2FiYw==", "eHk6c2stbGl2ZS0wMTIzNDU2Nzg5LythYmM=",
                           "eHl6OnNrLWxpdmUtMDEyMzQ1Njc4OS8rYWJj"})
    EXPECT_TRUE(redactor.whole(text).contains("[redacted]")) << text;
}

TEST(Redactor, WhatIsNotTheSecretPassesAtOnce) {
  Redactor redactor(kValue);
  EXPECT_EQ(redactor.feed("data: hello\n\n"), "data: hello\n\n");
  EXPECT_EQ(redactor.feed("sk-li"), "");
  EXPECT_EQ(redactor.feed("fe"), "sk-life");
  EXPECT_EQ(Redactor().feed("anything"), "anything");
}

TEST(Secrets, AHeaderIsAddedOutsideByTlsAndTakenOutOfTheAnswer) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test", "plain.test"});
    co_await put(stage, "token", header_secret("api.test"));
    const auto answer = co_await stage.get("http://api.test/v1/x", "Authorization: Bearer mine\r\n");
    EXPECT_TRUE(is(answer, 200, R"("Authorization":"Bearer [redacted]")")) << answer;
    EXPECT_FALSE(answer.contains("mine") || answer.contains(kValue)) << answer;
    EXPECT_FALSE((co_await stage.get("http://plain.test/")).contains("redacted"));
    const auto trail = co_await stage.trail();
    EXPECT_EQ(trail.back().target, "api.test:443");
    EXPECT_EQ(trail.back().secret, "token");
    for (const auto& entry : trail) EXPECT_FALSE(json::serialize(json::write(entry)).contains(kValue));
  });
}

TEST(Secrets, AServerWhoseCertificateIsAnotherOnesGetsNoSecret) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"other.test"});
    co_await put(stage, "token", header_secret("other.test"));
    EXPECT_TRUE(is(co_await stage.get("http://other.test/"), 503));
  });
}

TEST(Secrets, AHostThatIsNotAllowedGetsNoSecret) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"plain.test"});
    co_await put(stage, "token", header_secret("api.test"));
    EXPECT_TRUE(is(co_await stage.get("http://api.test/"), 403, "egress_not_allowed"));
  });
}

TEST(Secrets, APlaceholderIsSwappedInHeadersForItsHostAlone) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test", "plain.test"});
    co_await put(stage, "token", placeholder_secret("api.test"));
    const auto placeholder = co_await placeholder_of(stage);
    EXPECT_TRUE(placeholder.starts_with("isa-placeholder-")) << placeholder;
    const auto swapped = co_await stage.get("http://api.test/", "X-Key: k=" + placeholder + ";\r\n");
    EXPECT_TRUE(is(swapped, 200, R"("X-Key":"k=[redacted];")")) << swapped;
    EXPECT_TRUE(is(co_await stage.get("http://api.test/"), 200));
    for (const auto& headers : {"X-Key: " + placeholder + "\r\n", "Cookie: a=" + placeholder + "\r\n"})
      EXPECT_TRUE(is(co_await stage.get("http://plain.test/", headers), 403, "placeholder_elsewhere"));
    EXPECT_TRUE(is(co_await stage.get("http://plain.test/?k=" + placeholder), 403, "placeholder_elsewhere"));
    EXPECT_TRUE(is(co_await stage.get("http://api.test/?k=" + placeholder), 403, "placeholder_elsewhere"));
    EXPECT_TRUE(is(co_await stage.ask(fmt::format(
                       "POST http://plain.test/ HTTP/1.1\r\nHost: plain.test\r\nContent-Length: {}\r\n\r\n{}",
                       placeholder.size(), placeholder)),
                   403, "placeholder_elsewhere"));
    EXPECT_EQ((co_await stage.trail()).at(0).reason, "placeholder_elsewhere");
  });
}

TEST(Secrets, APlaceholderInABasicCredentialIsSwapped) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test"});
    co_await put(stage, "token", placeholder_secret("api.test"));
    const auto placeholder = co_await placeholder_of(stage);
    const auto pair = "git:" + placeholder;
    const auto coded = base64(pair);
    const auto answer = co_await stage.get("http://api.test/", "Authorization: Basic " + coded + "\r\n");
    EXPECT_TRUE(is(answer, 200, "Basic ")) << answer;
    EXPECT_TRUE(answer.contains("[redacted]") && !answer.contains(coded)) << answer;
  });
}

TEST(Secrets, APlaceholderStaysWhenTheValueChangesAndDiffersBySecretAndSandbox) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test"});
    co_await put(stage, "one", placeholder_secret("api.test", "ONE"));
    const auto two = co_await put(stage, "two", placeholder_secret("api.test", "TWO"));
    const auto first = co_await placeholder_of(stage, "ONE");
    EXPECT_NE(first, co_await placeholder_of(stage, "TWO"));
    auto rotated = placeholder_secret("api.test", "ONE");
    rotated.value = "another-value-entirely";
    co_await put(stage, "one", std::move(rotated));
    EXPECT_EQ(co_await placeholder_of(stage, "ONE"), first);
    co_await stage.reopen();
    stage.allow({"api.test"});
    EXPECT_EQ(co_await placeholder_of(stage, "ONE"), first);
    auto& vault = stage.brokerage->secrets();
    EXPECT_NE(vault.placeholder(SandboxId("vm_a"), two), vault.placeholder(SandboxId("vm_b"), two));
  });
}

TEST(Secrets, ExactlyOneRuleMayMatch) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test"});
    auto reading = header_secret("api.test");
    reading.methods = {"GET"};
    reading.path_prefix = "/read/";
    co_await put(stage, "reader", std::move(reading));
    EXPECT_TRUE(is(co_await stage.get("http://api.test/read/a"), 200, "[redacted]"));
    EXPECT_TRUE(is(co_await stage.get("http://api.test/write"), 403, "'reader'"));
    for (const char* path :
         {"/read/../write", "/read/%2e%2e/write", "/read/%252e%252e/write", "/read//x", "/read/..\\x"})
      EXPECT_TRUE(
          is(co_await stage.get(fmt::format("http://api.test{}", path)), 403, "secret_not_applicable"))
          << path;
    co_await put(stage, "all", header_secret("*.api.test"));
    EXPECT_TRUE(is(co_await stage.get("http://api.test/read/a"), 200));
    co_await put(stage, "all", header_secret("api.test"));
    const auto answer = co_await stage.get("http://api.test/read/a");
    EXPECT_TRUE(is(answer, 403, "secret_ambiguous")) << answer;
    EXPECT_TRUE(answer.contains("'all'") && answer.contains("'reader'")) << answer;
  });
}

TEST(Secrets, AChangeHoldsForTheNextRequest) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test"});
    co_await put(stage, "token", header_secret("api.test", "X-Key: {}"));
    EXPECT_TRUE(is(co_await stage.get("http://api.test/"), 200, "X-Key"));
    EXPECT_TRUE(co_await stage.brokerage->secrets().remove({.user = UserId("ann")}, std::nullopt, "token"));
    EXPECT_FALSE((co_await stage.get("http://api.test/")).contains("X-Key"));
  });
}

TEST(Secrets, WithAnotherKeyNothingGoesOutAndTheAnswerSaysWhy) {
  on_stage([](Stage& stage) -> Task<void> {
    stage.allow({"api.test"});
    co_await put(stage, "token", header_secret("api.test"));
    stage.settings.secrets_key = std::string(64, 'b');
    co_await stage.reopen();
    stage.allow({"api.test"});
    EXPECT_TRUE(is(co_await stage.get("http://api.test/"), 424, "secret_unreadable"));
  });
}

TEST(Secrets, AnotherUsersSecretsAndThoseOfForeignOrganizationsDoNotExist) {
  on_stage([](Stage& stage) -> Task<void> {
    auto& vault = stage.brokerage->secrets();
    const Identity bob{.user = UserId("bob"),
                       .orgs = {{OrgId("org_a"), "admin"}, {OrgId("org_b"), "member"}}};
    auto shared = header_secret("api.test", "X-Shared: {}");
    shared.org_id = OrgId("org_a");
    EXPECT_TRUE(co_await vault.set(bob, "shared", std::move(shared)));
    EXPECT_TRUE(co_await vault.set(bob, "own", header_secret("api.test")));
    auto foreign = header_secret("api.test");
    foreign.org_id = OrgId("org_b");
    EXPECT_EQ((co_await vault.set(bob, "x", std::move(foreign))).error().kind(),
              ErrorKind::insufficient_permissions);
    EXPECT_EQ((co_await vault.list({.user = UserId("ann")}, OrgId("org_a"))).error().kind(),
              ErrorKind::not_found);
    stage.allow({"api.test"});  // Of ann, in org_a.
    EXPECT_TRUE(is(co_await stage.get("http://api.test/"), 200, "X-Shared"));
    const auto listed = co_await vault.list(bob, std::nullopt);
    EXPECT_EQ(listed->size(), 1U);
    EXPECT_FALSE(json::serialize(json::write(listed->front())).contains(kValue));
  });
}

}  // namespace
}  // namespace isa::cloud_os::testing
