#include "open_load.h"

#include "base/deadline.h"
#include "base/task_group.h"
#include "http.h"
#include "net/sse.h"
#include "upstream.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace isa::bench {
namespace {

constexpr auto kPatience = std::chrono::minutes(1);  // A run that takes longer counts as lost.
// Runs that last a second and end within 1.5 s are never more than 1.5 s worth of them.
constexpr int kOpenSecondsMax = 3;

// What one answer has shown so far.
struct Seen {
  std::int64_t seq = 0;
  int texts = 0, results = 0, errors = 0, ends = 0;
  bool is_success = false, is_done = false;
  std::string fault;  // The first thing that is not as it must be.
  std::string error;  // What an error event says.
};

// Events bear their type within the first few fields, before anything that a model writes.
bool is_of_type(std::string_view data, std::string_view type) {
  return data.substr(0, 256).find(fmt::format(R"("type":"{}")", type)) != std::string_view::npos;
}

void look_at_run_event(const net::SseEvent& event, Seen& seen) {
  const auto colon = event.id.rfind(':');
  std::int64_t seq = -1;
  if (colon != std::string::npos)
    std::from_chars(event.id.data() + colon + 1, event.id.data() + event.id.size(), seq);
  if (seq != seen.seq + 1 && seen.fault.empty())
    seen.fault = fmt::format("event \"{}\" follows number {}", event.id, seen.seq);
  if (seen.ends > 0 && seen.fault.empty()) seen.fault = "an event follows session_end";
  seen.seq = seq;
  if (is_of_type(event.data, "text")) {
    seen.texts += static_cast<int>(stamps_in(event.data).size());
  } else if (is_of_type(event.data, "result")) {
    ++seen.results;
    seen.is_success = event.data.find(R"("subtype":"success")") != std::string::npos;
    if (!seen.is_success) seen.error = event.data;
  } else if (is_of_type(event.data, "error")) {
    ++seen.errors;
    seen.error = event.data;
  } else if (is_of_type(event.data, "session_end")) {
    ++seen.ends;
  }
}

std::string fault_of(const Seen& seen, const LoadTarget& target) {
  if (!seen.fault.empty()) return seen.fault;
  if (!seen.is_done) return "the stream ended before [DONE]";
  if (target.is_platform && (seen.results + seen.errors != 1 || seen.ends != 1))
    return fmt::format("{} results, {} errors and {} ends", seen.results, seen.errors, seen.ends);
  const bool is_failed = target.is_platform && !seen.is_success;
  if (!is_failed && seen.texts != target.chunks)
    return fmt::format("{} texts of {}", seen.texts, target.chunks);
  return "";
}

Task<void> read_answer(std::unique_ptr<net::BodyStream> body, const LoadTarget& target, Seen& seen) {
  net::SseReader events(std::move(body));
  for (;;) {
    const auto event = co_await events.next();
    if (!event) seen.fault = "the stream broke: " + event.error().message();
    if (!event || !*event) co_return;
    if ((*event)->data == "[DONE]") {
      seen.is_done = true;
    } else if (target.is_platform) {
      look_at_run_event(**event, seen);
    } else {
      seen.texts += static_cast<int>(stamps_in((*event)->data).size());
    }
  }
}

std::string body_of(const LoadTarget& target, std::int64_t number) {
  auto body = target.body;
  if (const auto at = body.find("{}"); at != std::string::npos) body.replace(at, 2, std::to_string(number));
  return body;
}

void note(Load& to, int& count, std::string why) {
  ++count;
  if (to.why.empty()) to.why = std::move(why);
}

Task<void> one_run(net::Client& client, const LoadTarget& target, std::int64_t number, Clock::time_point due,
                   double& ms, Load& to) {
  net::ClientRequest request;
  request.method = net::Method::post;
  request.target = target.path;
  request.headers.set("X-User-Id", "bench");
  request.headers.set("Content-Type", "application/json");
  request.body = body_of(target, number);
  auto answer = co_await client.open(target.at, std::move(request), Deadline::after(kPatience));
  if (!answer) {
    note(to, to.refused, answer.error().message());
    co_return;
  }
  if (answer->status != 200) {
    note(to, to.refused, fmt::format("status {}", answer->status));
    co_return;
  }
  Seen seen;
  co_await read_answer(std::move(answer->body), target, seen);
  if (const auto fault = fault_of(seen, target); !fault.empty())
    die(fmt::format("P8: the answer of run {} is not whole at {} runs/s: {}", number, to.rate, fault));
  if (target.is_platform && !seen.is_success) {
    note(to, to.failed, seen.error);
    co_return;
  }
  ms = millis_since(due);
}

}  // namespace

Task<void> offer_load(net::Client& client, const LoadTarget& target, double seconds, LoadObserver* observer,
                      Load& to) {
  static std::int64_t number = 0;  // Sessions of all loads of this program are apart.
  const auto count = static_cast<std::size_t>(std::lround(to.rate * seconds));
  std::vector<double> ms(count, -1);  // Never resized: each run writes into its own place.
  TaskGroup runs(co_await asio::this_coro::executor);
  const auto start = Clock::now();
  for (std::size_t i = 0; i < count && !to.gave_up; ++i) {
    const auto due = start + std::chrono::nanoseconds(static_cast<std::int64_t>(i) * 1'000'000'000 / to.rate);
    if (const auto left = due - Clock::now(); left > Clock::duration::zero()) co_await sleep_for(left);
    if (observer && i == static_cast<std::size_t>(to.rate)) observer->steady();
    runs.spawn("run", one_run(client, target, ++number, due, ms[i], to));
    to.gave_up = runs.size() > static_cast<std::size_t>(to.rate) * kOpenSecondsMax;
  }
  if (observer) observer->offered();
  co_await runs.join();
  for (const double one : ms)
    if (one >= 0) to.ms.push_back(one);
}

}  // namespace isa::bench
