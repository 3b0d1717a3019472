#include "store/idempotency_keys.h"

#include "base/log.h"
#include "net/trace_headers.h"

#include <sodium.h>

#include <algorithm>
#include <array>

namespace isa::store {
namespace {

constexpr std::size_t kKeyMax = 255;
constexpr std::chrono::hours kPurgeInterval{1};
constexpr const char* kReplayed = "Idempotency-Replayed";

Result<std::string> key_of(const net::Request& request) {
  const auto key = request.headers.get("Idempotency-Key");
  const bool is_visible = std::ranges::all_of(key, [](char c) { return c >= '!' && c <= '~'; });
  if (key.empty() || key.size() > kKeyMax || !is_visible)
    return validation_error("the header Idempotency-Key must have 1 to {} visible ASCII characters", kKeyMax)
        .with_param("Idempotency-Key");
  return std::string(key);
}

Error other_request(const std::string& key) {
  return validation_error(
             "the Idempotency-Key '{}' was sent with another request before; send this one with a key of its "
             "own",
             key)
      .with_code("idempotency_key_reused")
      .with_param("Idempotency-Key");
}

// The same JSON, the same text: fields in order of their names, no spaces.
void append_canonical(std::string& to, const json::value& from) {
  if (const auto* list = from.if_array()) {
    to += '[';
    for (const auto& item : *list) {
      append_canonical(to, item);
      to += ',';
    }
    to += ']';
  } else if (const auto* object = from.if_object()) {
    std::vector<const json::object::value_type*> fields;
    for (const auto& field : *object) fields.push_back(&field);
    std::ranges::sort(fields, {}, [](const auto* field) { return std::string_view(field->key()); });
    to += '{';
    for (const auto* field : fields) {
      to += json::serialize(json::value(field->key()));
      to += ':';
      append_canonical(to, field->value());
      to += ',';
    }
    to += '}';
  } else {
    to += json::serialize(from);
  }
}

// Of an answer that is no stream. The server writes the fields of the connection itself.
KeptAnswer kept(const net::Response& response) {
  return {response.status, response.headers.all(), response.body};
}

net::Response replayed(net::Response response) {
  response.headers.set(kReplayed, "true");
  return response;
}

net::Response replayed(const KeptAnswer& answer) {
  net::Response response;
  response.status = answer.status;
  for (const auto& [name, value] : answer.headers) response.headers.add(name, value);
  response.body = answer.body;
  return replayed(std::move(response));
}

// Whether the next request may have better luck.
bool is_passing(int status) {
  return status == 429 || status == 499 || status >= 500;
}

}  // namespace

std::string fingerprint_of(const net::Request& request) {
  std::string text;
  const auto part = [&](std::string_view name, std::string_view value) {
    text.append(name).append(std::to_string(value.size())).append(":").append(value);
  };
  part("method", net::to_string(request.method));
  part("path", request.path);
  for (const auto& [name, value] : request.query) {
    part("query", name);
    part("", value);
  }
  part("if-match", request.headers.get("If-Match"));
  std::string body;
  if (const auto document = json::parse(request.body))
    append_canonical(body, *document);
  else
    body = request.body;
  part("body", body);

  std::array<unsigned char, crypto_generichash_BYTES> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  std::array<char, hash.size() * 2 + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), hash.data(), hash.size());
  return hex.data();
}

// A key that this request answers. Whoever is destroyed without having settled it was cancelled or threw.
class IdempotencyKeys::Hold {
 public:
  Hold(IdempotencyKeys& keys, UserKey key) : keys_(keys), key_(std::move(key)) {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() {
    // After a stop the next start finds it in flight, which comes to the same.
    if (is_settled_ || keys_.is_stopping_) return;
    keys_.background_.spawn("idempotency.cut_off", keys_.give_up(std::move(key_)));
  }
  void settled() { is_settled_ = true; }

 private:
  IdempotencyKeys& keys_;
  UserKey key_;
  bool is_settled_ = false;
};

IdempotencyKeys::IdempotencyKeys(asio::any_io_executor executor, IdempotencyStore& store)
    : store_(store), background_(std::move(executor)) {}

net::Handler IdempotencyKeys::once(OnceHandler make, OnceHandler made, KeptOf kept) {
  const auto guarded = std::make_shared<const Guarded>(std::move(make), std::move(made), kept);
  return [this, guarded](net::Request& request) {
    if (request.headers.has("Idempotency-Key")) return answer(guarded, request);
    return guarded->make(request, Once{.seed = make_ulid(), .since = now()});
  };
}

Task<Result<void>> IdempotencyKeys::start() {
  ISA_CO_TRY(const auto count, co_await store_.cut_off_all());
  if (count > 0) log::info("idempotency.cut_off", {{"keys", count}});
  background_.spawn("idempotency.purge", purge_old());
  co_return ok();
}

Task<void> IdempotencyKeys::stop() {
  is_stopping_ = true;
  co_await background_.stop();
}

IdempotencyKeys::Answer IdempotencyKeys::answer(std::shared_ptr<const Guarded> route, net::Request& request) {
  ISA_CO_TRY(auto text, key_of(request));
  const UserKey key{request.identity.user, std::move(text)};
  KnownKey wanted{.fingerprint = fingerprint_of(request), .seed = make_ulid(), .since = now()};
  const auto fingerprint = wanted.fingerprint;
  Once once{wanted.seed, wanted.since, true};
  ISA_CO_TRY(const auto known, co_await store_.claim(key, std::move(wanted)));
  if (known) {
    if (known->fingerprint != fingerprint) co_return other_request(key.key);
    if (known->answer) co_return replayed(*known->answer);
    once = Once{known->seed, known->since, true};
    if (known->state == KeyState::in_flight) co_return co_await meanwhile(*route, request, once, key.key);
    if (known->state == KeyState::answered) co_return co_await again(*route, request, once, key.key);
  }
  Hold hold(*this, key);
  std::optional<Result<net::Response>> outcome;
  if (known && route->made) {
    outcome.emplace(co_await route->made(request, once));
    if (*outcome)
      (*outcome)->headers.set(kReplayed, "true");
    else if (outcome->error().kind() == ErrorKind::not_found)
      outcome.reset();
  }
  if (!outcome) outcome.emplace(co_await route->make(request, once));
  auto settled = co_await settle(*route, key, request, *std::move(outcome));
  hold.settled();
  co_return settled;
}

// Another request with the key is being answered right now.
IdempotencyKeys::Answer IdempotencyKeys::meanwhile(const Guarded& route, net::Request& request, Once once,
                                                   std::string key) {
  if (route.made) {
    auto made = co_await route.made(request, std::move(once));
    if (made) co_return replayed(std::move(*made));
    if (made.error().kind() != ErrorKind::not_found) co_return made;
  }
  co_return conflict(
      "the request with the Idempotency-Key '{}' is still being answered; ask again in a moment", key)
      .with_code("idempotency_key_in_flight")
      .with_retry_after(std::chrono::seconds(1));
}

// It was answered by a stream of what it made, which is shown again.
IdempotencyKeys::Answer IdempotencyKeys::again(const Guarded& route, net::Request& request, Once once,
                                               std::string key) {
  if (!route.made) co_return internal_error("the answer to the Idempotency-Key '{}' was not kept", key);
  auto made = co_await route.made(request, std::move(once));
  if (made) co_return replayed(std::move(*made));
  co_return made;
}

// What cannot be written leaves the key in flight: until the next start, or for a day.
IdempotencyKeys::Answer IdempotencyKeys::settle(const Guarded& route, UserKey key,
                                                const net::Request& request, Result<net::Response> outcome) {
  std::optional<KeptAnswer> answer;
  const int status = outcome ? outcome->status : net::status_of(outcome.error().kind());
  if (!outcome)
    answer = kept(net::error_response(outcome.error(), request.request_id));
  else if (!outcome->stream && route.kept == KeptOf::answers)
    answer = kept(*outcome);
  const auto written =
      is_passing(status) ? co_await store_.forget(key) : co_await store_.keep(key, std::move(answer));
  if (!written)
    log::warn("idempotency.not_kept", {{"request_id", request.request_id},
                                       {"trace_id", net::trace_id_of(request.headers)},
                                       {"detail", written.error().detail()}});
  co_return outcome;
}

Task<void> IdempotencyKeys::give_up(UserKey key) {
  const auto written = co_await store_.cut_off(std::move(key));
  if (!written) log::warn("idempotency.not_cut_off", {{"detail", written.error().detail()}});
}

Task<void> IdempotencyKeys::purge_old() {
  for (;;) {
    const auto purged = co_await store_.purge(now() - IdempotencyStore::kKept);
    if (!purged) log::warn("idempotency.purge_failed", {{"detail", purged.error().detail()}});
    co_await sleep_for(kPurgeInterval);
  }
}

}  // namespace isa::store
