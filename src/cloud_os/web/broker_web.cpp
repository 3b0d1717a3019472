#include "cloud_os/web/broker_web.h"

#include "base/base64.h"

#include <boost/system/system_error.hpp>

#include <stdexcept>

namespace isa::cloud_os {
namespace {

using store::AuditKind;
using store::AuditVerdict;

constexpr std::chrono::seconds kFetchPatience{45};

// Counts what is under way.
class Place {
 public:
  explicit Place(int& count) : count_(count) { ++count_; }
  Place(const Place&) = delete;
  ~Place() { --count_; }

 private:
  int& count_;
};

Error too_many(std::string what) {
  return Error(ErrorKind::rate_limit_exceeded, std::move(what)).with_retry_after(std::chrono::seconds(10));
}

// Keeps the beginning of an answer.
class Collector final : public net::BodyWriter {
 public:
  explicit Collector(std::size_t max) : max_(max) {}

  using BodyWriter::write;
  Task<Result<void>> write(std::vector<net::Frame> frames) override {
    for (const auto& frame : frames) body_.append(*frame, 0, max_ - body_.size());
    if (body_.size() < max_) co_return ok();
    is_cut_ = true;
    co_return payload_too_large("the answer is longer than wanted").with_code(std::string(kAnswerCut));
  }

  bool is_cut() const { return is_cut_; }
  const std::string& body() const { return body_; }

 private:
  std::size_t max_;
  std::string body_;
  bool is_cut_ = false;
};

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// As a program in the sandbox asks the proxy for it.
net::Request page_request(const sdk::WebUrl& url, Deadline deadline) {
  net::Request request;
  request.method = net::Method::get;
  request.target = url.text;
  request.headers.set("Accept", "text/html, text/markdown, text/plain, application/json;q=0.9, */*;q=0.1");
  request.headers.set("Accept-Encoding", "identity");
  request.headers.set("User-Agent", "isA (web_crawl)");
  request.deadline = deadline;
  return request;
}

// A stream that is not whole says so by an exception.
Task<Result<void>> read(net::Response& response, Collector& to, const sdk::WebUrl& url, Deadline deadline) {
  try {
    auto reading = response.stream(to);
    if (co_await finished_before(deadline, std::move(reading))) co_return ok();
  } catch (const boost::system::system_error&) {
    throw;  // Whoever asked is gone.
  } catch (const std::runtime_error& e) {
    co_return upstream_error("{} broke off in the middle of its page", url.text)
        .with_code("broken_answer")
        .with_detail(e.what());
  }
  co_return timeout("{} did not send its page in time", url.text);
}

Error not_shown(const sdk::WebUrl& url, std::string_view type) {
  return validation_error("{} is '{}'; web_crawl shows pages and texts only", url.text, type.substr(0, 100))
      .with_code("content_type_not_supported");
}

}  // namespace

Result<void> BrokerWeb::admit_search() {
  const auto minute_ago = Deadline::Clock::now() - std::chrono::minutes(1);
  while (!searched_at_.empty() && searched_at_.front() < minute_ago) searched_at_.pop_front();
  if (searching_ >= kSearchesMax)
    return too_many(fmt::format("{} searches of this sandbox run already", searching_))
        .with_code("too_many_searches");
  if (static_cast<std::int64_t>(searched_at_.size()) >= searcher_.per_minute())
    return too_many(
               fmt::format("this sandbox made {} searches in the last minute; wait, or use what they found",
                           searched_at_.size()))
        .with_code("too_many_searches");
  searched_at_.push_back(Deadline::Clock::now());
  return ok();
}

Task<Result<net::Response>> BrokerWeb::search(net::Request& request) {
  store::SandboxAuditEntry entry;
  entry.kind = AuditKind::search;
  entry.target = searcher_.provider().empty() ? "(none)" : searcher_.provider();
  entry.bytes_out = static_cast<std::int64_t>(request.body.size());
  ISA_CO_TRY(auto what, json::parse_as<sdk::WebSearch>(request.body));
  if (what.query.empty() || what.query.size() > sdk::kWebQueryMax || what.count < 1 ||
      what.count > sdk::kWebHitsMax)
    co_return validation_error("a search has from 1 to {} bytes and asks for 1 to {} results",
                               sdk::kWebQueryMax, sdk::kWebHitsMax);
  Result<sdk::WebHits> hits = Failure(internal_error("the search did not begin"));
  if (auto admitted = admit_search()) {
    const Place place(searching_);
    hits = co_await searcher_.search(std::move(what), request.deadline);
  } else {
    hits = Failure(std::move(admitted).error());
  }
  if (!hits) {
    const bool is_ours =
        hits.error().code() == "too_many_searches" || hits.error().kind() == ErrorKind::failed_dependency;
    entry.verdict = is_ours ? AuditVerdict::refused : AuditVerdict::failed;
    entry.reason = hits.error().code();
    report_(std::move(entry));
    co_return Failure(std::move(hits).error());
  }
  auto response = net::Response::json(200, json::write(*hits));
  entry.bytes_in = static_cast<std::int64_t>(response.body.size());
  report_(std::move(entry));
  co_return response;
}

Task<Result<net::Response>> BrokerWeb::fetch(net::Request& request) {
  ISA_CO_TRY(const auto what, json::parse_as<sdk::WebFetch>(request.body));
  ISA_CO_TRY(auto url, sdk::WebUrl::parse(what.url));
  if (fetching_ >= kFetchesMax)
    co_return too_many(fmt::format("{} pages are fetched for this sandbox already", fetching_))
        .with_code("too_many_fetches");
  const Place place(fetching_);
  ISA_CO_TRY(const auto page, co_await follow(std::move(url), request.deadline.tightened(kFetchPatience)));
  co_return net::Response::json(200, json::write(page));
}

Task<Result<sdk::WebPage>> BrokerWeb::follow(sdk::WebUrl url, Deadline deadline) {
  for (int hop = 0; hop <= kRedirectsMax; ++hop) {
    auto request = page_request(url, deadline);
    ISA_CO_TRY(auto response, co_await egress_.forward(request));
    const std::string location(response.headers.get("Location"));
    if (is_redirect(response.status) && !location.empty()) {
      ISA_CO_TRY(auto next, url.resolve(location));
      if (url.is_tls && !next.is_tls)
        co_return upstream_error("{} leads from https to {}", url.text, next.text)
            .with_code("redirect_downgrade");
      url = std::move(next);
      continue;
    }
    const std::string type(response.headers.get("Content-Type"));
    if (sdk::web_content_of(type) == sdk::WebContent::other) co_return not_shown(url, type);
    if (const auto encoding = response.headers.get("Content-Encoding");
        !encoding.empty() && encoding != "identity")
      co_return upstream_error("{} encoded its answer ('{}') although it was asked not to", url.text,
                               encoding.substr(0, 100))
          .with_code("answer_encoded");
    Collector collector(sdk::kWebBodyMax);
    ISA_CO_TRYV(co_await read(response, collector, url, deadline));
    sdk::WebPage page{url.text, response.status, type, to_base64(collector.body()), collector.is_cut()};
    co_return page;
  }
  co_return upstream_error("more than {} redirects, the last one to {}", kRedirectsMax, url.text)
      .with_code("too_many_redirects");
}

}  // namespace isa::cloud_os
