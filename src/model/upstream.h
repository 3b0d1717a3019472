// HTTP to a model provider: its address and key, and when to ask again.
#pragma once

#include "base/trace.h"
#include "net/client.h"

#include <random>

namespace isa::model {

// How long to wait before asking again after `status`, or nothing when that cannot help (protocols.md B.0:
// the rules of the official clients). `attempt` counts from 0; `jitter` in [0, 1) shortens the back-off by up
// to a quarter.
std::optional<std::chrono::milliseconds> retry_wait(int status, const net::Headers& headers,
                                                    bool is_out_of_quota, int attempt, double jitter,
                                                    Timestamp now);

struct UpstreamOptions {
  std::string provider;  // "openai"; its settings are model.<provider>.api_key and .base_url.
  net::Url base;
  net::Headers headers;  // With the key.
  std::int64_t retries = 2;
  std::chrono::milliseconds timeout{600'000};
  std::chrono::milliseconds silence_timeout{120'000};
};

// Lives on one event loop with its client.
class Upstream {
 public:
  // Reads a provider's error in its dialect.
  using ErrorReader = Error (*)(int status, std::string_view body, std::string_view provider);
  Upstream(net::Client& client, UpstreamOptions options, ErrorReader read_error);

  // Sends a request whose answer is streamed. Any status but 200 is an error; one that may pass is retried,
  // as are failed connections, while the deadline leaves time for it.
  Task<Result<net::OpenResponse>> post(std::string path, std::string body, net::Headers more,
                                       TraceContext trace, Deadline deadline);
  Task<Result<std::string>> get(std::string path, Deadline deadline);  // Once.

 private:
  net::ClientRequest make(net::Method method, const std::string& path) const;
  Error refusal(int status, const net::Headers& headers, std::string_view body) const;

  net::Client& client_;
  UpstreamOptions options_;
  ErrorReader read_error_;
  std::minstd_rand random_;
};

// The ids of {"data":[{"id"},...]}, as both OpenAI and Anthropic list their models.
Result<std::vector<std::string>> ids_in_list(std::string_view body);

// ISA_MODEL_OPENAI_API_KEY for model.openai.api_key.
std::string environment_name(std::string_view setting);

}  // namespace isa::model
