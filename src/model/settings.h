#pragma once

#include "base/settings.h"
#include "model/prices.h"

namespace isa::model {

struct Settings {
  std::string default_model = "builtin/demo";
  std::string openai_base_url = "https://api.openai.com/v1";
  std::string openai_api_key;
  std::string anthropic_base_url = "https://api.anthropic.com";
  std::string anthropic_api_key;
  std::int64_t anthropic_max_tokens = 8192;
  std::int64_t retries = 2;
  std::chrono::milliseconds timeout{600'000};
  std::chrono::milliseconds silence_timeout{120'000};
  std::chrono::milliseconds list_timeout{3'000};
  std::chrono::milliseconds demo_delay{0};
  PriceList prices;

  static constexpr auto settings() {
    using config::secret;
    using config::setting;
    using S = Settings;
    return std::tuple(
        setting("model.default", &S::default_model, "model of agents and requests that name none"),
        setting("model.openai.base_url", &S::openai_base_url,
                "OpenAI or a compatible server (Ollama, vLLM, llama.cpp), up to and with its /v1"),
        secret("model.openai.api_key", &S::openai_api_key,
               "key of the OpenAI provider; a compatible server may need none"),
        setting("model.anthropic.base_url", &S::anthropic_base_url,
                "Anthropic or a compatible server, without /v1"),
        secret("model.anthropic.api_key", &S::anthropic_api_key, "key of the Anthropic provider"),
        setting("model.anthropic.max_tokens", &S::anthropic_max_tokens,
                "max_tokens for Anthropic, which requires it, when the request names none"),
        setting("model.retries", &S::retries,
                "how often a provider is asked again, before its answer began, after an error that may pass"),
        setting("model.timeout", &S::timeout,
                "how long a model may take for the head of its answer, retries included"),
        setting("model.silence_timeout", &S::silence_timeout, "how long a streamed answer may pause"),
        setting("model.list_timeout", &S::list_timeout, "how long a provider may take to list its models"),
        setting("model.demo.delay", &S::demo_delay, "pause of builtin/demo before each word"),
        setting(
            "model.prices", &S::prices,
            "what models cost, in US dollars per million tokens, before what is known of well-known ones: a "
            "list of `provider/model input=2.5 output=10`, perhaps with cached_input= and cache_write=; "
            "openai/* is every model of openai"));
  }
};

}  // namespace isa::model
