#include "model/openai_provider.h"

#include "model/output_format.h"
#include "model/upstream.h"
#include "net/sse.h"
#include "sdk/openai_wire.h"
#include "sdk/structured_output.h"

#include <algorithm>
#include <array>

namespace isa::model {
namespace {

using sdk::ChatDelta;

class OpenAiStream final : public ChatStream {
 public:
  explicit OpenAiStream(std::unique_ptr<net::BodyStream> body) : events_(std::move(body)) {}

  Task<Result<bool>> next(std::vector<ChatDelta>& out) override {
    if (reader_.is_done()) co_return false;
    auto event = co_await events_.next();
    if (event && *event) {
      ISA_CO_TRYV(reader_.feed((*event)->data, out));
      co_return !reader_.is_done();
    }
    // A connection that breaks after the finish_reason cost the usage, not the answer.
    if (reader_.is_complete()) co_return false;
    if (!event) co_return Failure(std::move(event).error());
    co_return upstream_error("the provider's answer broke off before its end; try again");
  }
  const sdk::ChatResult& summary() const override { return reader_.summary(); }

 private:
  net::SseReader events_;
  sdk::openai::ChunkReader reader_;
};

// The answer of a server that does not stream although it was asked to.
class WholeAnswer final : public ChatStream {
 public:
  explicit WholeAnswer(sdk::ChatResult result) : result_(std::move(result)) {}

  Task<Result<bool>> next(std::vector<ChatDelta>& out) override {
    sdk::append_deltas(result_.message, out);
    co_return false;
  }
  const sdk::ChatResult& summary() const override { return result_; }

 private:
  sdk::ChatResult result_;
};

class OpenAiProvider final : public Provider {
 public:
  OpenAiProvider(const Settings& settings, net::Client& client)
      : base_(net::Url::parse(settings.openai_base_url)) {
    if (!base_) return;
    is_official_ = base_->endpoint.host == "api.openai.com";
    lacks_key_ = is_official_ && settings.openai_api_key.empty();
    UpstreamOptions options{"openai",         *base_,           {},
                            settings.retries, settings.timeout, settings.silence_timeout};
    if (!settings.openai_api_key.empty())
      options.headers.set("Authorization", "Bearer " + settings.openai_api_key);
    upstream_.emplace(client, std::move(options), &sdk::openai::from_error);
  }

  std::string_view name() const override { return "openai"; }
  std::string_view dialect() const override { return "openai"; }

  Result<void> ready() const override {
    if (!base_)
      return failed_dependency("model.openai.base_url is no URL: {}", base_.error().message())
          .with_code("model_not_configured");
    if (!lacks_key_) return ok();
    return failed_dependency(
               "no OpenAI provider is configured: set model.openai.api_key (ISA_MODEL_OPENAI_API_KEY), or "
               "model.openai.base_url (ISA_MODEL_OPENAI_BASE_URL) to a compatible server")
        .with_code("model_not_configured");
  }

  bool knows(std::string_view model) const override {
    static constexpr std::array<std::string_view, 5> kPrefixes{"gpt", "o1", "o3", "o4", "chatgpt"};
    const bool is_openais =
        std::ranges::any_of(kPrefixes, [&](auto prefix) { return model.starts_with(prefix); });
    return is_openais || !is_official_;
  }

  Task<Result<std::unique_ptr<ChatStream>>> open(sdk::ChatRequest request, Deadline deadline) override {
    ISA_CO_TRYV(ready());
    if (is_better_in_prompt(request)) say_format_in_prompt(request);
    auto body = sdk::openai::to_request(request, true);
    if (is_official_) rename_max_tokens(body);
    net::Headers none;
    auto text = json::serialize(body);
    ISA_CO_TRY(auto response, co_await upstream_->post("/chat/completions", std::move(text), std::move(none),
                                                       std::move(request.trace), deadline));
    if (!response.headers.get("Content-Type").starts_with("application/json"))
      co_return std::make_unique<OpenAiStream>(std::move(response.body));
    ISA_CO_TRY(const auto whole, co_await net::read_all(*response.body, kAnswerMax));
    ISA_CO_TRY(auto result, sdk::openai::from_response(whole));
    co_return std::make_unique<WholeAnswer>(std::move(result));
  }

  Task<Result<std::vector<std::string>>> models(Deadline deadline) override {
    ISA_CO_TRYV(ready());
    ISA_CO_TRY(const auto body, co_await upstream_->get("/models", deadline));
    co_return ids_in_list(body);
  }

 private:
  static constexpr std::size_t kAnswerMax = 16 << 20;

  // Of an agent's own form, which its prompt says too. OpenAI takes objects only. Many compatible servers
  // (vLLM, Ollama, llama.cpp) let a model that has a form write nothing else: it could not call its tools any
  // more.
  bool is_better_in_prompt(const sdk::ChatRequest& request) const {
    const auto* schema = sdk::own_output_schema(request.response_format);
    if (!schema) return false;
    if (!is_official_) return !request.tools.empty() && request.tool_choice != sdk::ToolChoice::none;
    const auto* type = schema->if_contains("type");
    return !type || *type != "object";
  }

  // OpenAI's newer models refuse the old name; many compatible servers do not know the new one.
  static void rename_max_tokens(json::object& body) {
    const auto* old = body.if_contains("max_tokens");
    if (!old) return;
    auto limit = *old;
    body.erase("max_tokens");
    body.emplace("max_completion_tokens", std::move(limit));
  }

  Result<net::Url> base_;
  bool is_official_ = false;
  bool lacks_key_ = false;
  std::optional<Upstream> upstream_;
};

}  // namespace

std::unique_ptr<Provider> make_openai_provider(const Settings& settings, net::Client& client) {
  return std::make_unique<OpenAiProvider>(settings, client);
}

}  // namespace isa::model
