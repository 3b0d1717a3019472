#include "model/anthropic/anthropic_provider.h"

#include "model/anthropic/anthropic_wire.h"
#include "model/upstream.h"
#include "net/sse.h"

namespace isa::model::anthropic {
namespace {

class AnthropicStream final : public ChatStream {
 public:
  explicit AnthropicStream(std::unique_ptr<net::BodyStream> body) : events_(std::move(body)) {}

  Task<Result<bool>> next(std::vector<ChatDelta>& out) override {
    event_.reset();
    if (reader_.is_done()) co_return false;
    auto event = co_await events_.next();
    if (event && *event) {
      ISA_CO_TRYV(reader_.feed((*event)->data, out));
      event_ = **std::move(event);
      co_return !reader_.is_done();
    }
    if (!event) co_return Failure(std::move(event).error());
    co_return upstream_error("the provider's answer broke off before its end; try again");
  }
  const ChatResult& summary() const override { return reader_.summary(); }
  std::string verbatim(const std::optional<Price>& price) const override {
    if (!event_) return {};
    if (!price || !event_->data.contains("message_delta")) return net::format_sse(*event_);
    auto event = *event_;
    event.data = with_cost(event.data, cost_of(*price, reader_.summary().usage));
    return net::format_sse(event);
  }

 private:
  net::SseReader events_;
  EventReader reader_;
  std::optional<net::SseEvent> event_;  // What the last next() read.
};

class AnthropicProvider final : public Provider {
 public:
  AnthropicProvider(const Settings& settings, net::Client& client)
      : base_(net::Url::parse(settings.anthropic_base_url)), max_tokens_(settings.anthropic_max_tokens) {
    if (!base_) return;
    lacks_key_ = base_->endpoint.host == "api.anthropic.com" && settings.anthropic_api_key.empty();
    UpstreamOptions options{"anthropic",      *base_,           {},
                            settings.retries, settings.timeout, settings.silence_timeout};
    options.headers.set("anthropic-version", "2023-06-01");
    if (!settings.anthropic_api_key.empty()) options.headers.set("x-api-key", settings.anthropic_api_key);
    upstream_.emplace(client, std::move(options), &from_error);
  }

  std::string_view name() const override { return "anthropic"; }
  std::string_view dialect() const override { return "anthropic"; }

  Result<void> ready() const override {
    if (!base_)
      return failed_dependency("model.anthropic.base_url is no URL: {}", base_.error().message())
          .with_code("model_not_configured");
    if (!lacks_key_) return ok();
    return failed_dependency(
               "no Anthropic provider is configured: set model.anthropic.api_key "
               "(ISA_MODEL_ANTHROPIC_API_KEY), or "
               "model.anthropic.base_url (ISA_MODEL_ANTHROPIC_BASE_URL) to a compatible server")
        .with_code("model_not_configured");
  }

  bool knows(std::string_view model) const override { return model.starts_with("claude"); }

  Task<Result<std::unique_ptr<ChatStream>>> open(ChatRequest request, Deadline deadline) override {
    ISA_CO_TRYV(ready());
    ISA_CO_TRY(auto body, to_request(request, max_tokens_));
    net::Headers more;
    if (const auto* beta = request.extra.if_contains(kBetaField); beta && beta->is_string())
      more.set(kBetaField, std::string(beta->get_string()));
    auto text = json::serialize(body);
    ISA_CO_TRY(auto response, co_await upstream_->post("/v1/messages", std::move(text), std::move(more),
                                                       std::move(request.trace), deadline));
    co_return std::make_unique<AnthropicStream>(std::move(response.body));
  }

  Task<Result<std::vector<std::string>>> models(Deadline deadline) override {
    ISA_CO_TRYV(ready());
    ISA_CO_TRY(const auto body, co_await upstream_->get("/v1/models?limit=1000", deadline));
    co_return ids_in_list(body);
  }

 private:
  Result<net::Url> base_;
  std::int64_t max_tokens_;
  bool lacks_key_ = false;
  std::optional<Upstream> upstream_;
};

}  // namespace

std::unique_ptr<Provider> make_anthropic_provider(const Settings& settings, net::Client& client) {
  return std::make_unique<AnthropicProvider>(settings, client);
}

}  // namespace isa::model::anthropic
