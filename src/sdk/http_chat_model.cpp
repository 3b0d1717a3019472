#include "sdk/http_chat_model.h"

#include "net/sse.h"
#include "net/trace_headers.h"
#include "sdk/openai_wire.h"

namespace isa::sdk {
namespace {

constexpr std::size_t kAnswerMax = 16 << 20;  // Bytes of an answer that is not streamed.
constexpr std::size_t kErrorMax = 64 << 10;

Task<Result<ChatResult>> read_whole(net::BodyStream& body, const ChatSink& sink) {
  ISA_CO_TRY(const auto text, co_await net::read_all(body, kAnswerMax));
  ISA_CO_TRY(auto result, openai::from_response(text));
  std::vector<ChatDelta> deltas;
  append_deltas(result.message, deltas);
  for (const auto& delta : deltas) ISA_CO_TRYV(co_await sink(delta));
  co_return result;
}

Task<Result<ChatResult>> read_stream(std::unique_ptr<net::BodyStream> body, const ChatSink& sink) {
  net::SseReader events(std::move(body));
  openai::ChunkReader reader;
  MessageBuilder builder;
  std::vector<ChatDelta> deltas;
  while (!reader.is_done()) {
    auto event = co_await events.next();
    // A connection that breaks after the finish_reason cost the usage, not the answer.
    if (!event && !reader.is_complete()) co_return Failure(std::move(event).error());
    if (!event || !*event) break;
    deltas.clear();
    ISA_CO_TRYV(reader.feed((*event)->data, deltas));
    for (const auto& delta : deltas) {
      builder.add(delta);
      ISA_CO_TRYV(co_await sink(delta));
    }
  }
  if (!reader.is_complete())
    co_return upstream_error("the model's answer broke off before its end; try again");
  auto result = reader.summary();
  result.message = std::move(builder).finish();
  co_return result;
}

class HttpChatModel final : public ChatModel {
 public:
  HttpChatModel(net::Client& client, net::Url base, net::Headers headers, std::string peer)
      : client_(client), base_(std::move(base)), headers_(std::move(headers)), peer_(std::move(peer)) {}

  Task<Result<ChatResult>> chat(ChatRequest request, ChatSink sink, Deadline deadline) override {
    return with_deadline(deadline, answer(std::move(request), std::move(sink), deadline),
                         "the model did not answer in time");
  }

 private:
  Task<Result<ChatResult>> answer(ChatRequest request, ChatSink sink, Deadline deadline) {
    net::ClientRequest http;
    http.method = net::Method::post;
    http.target = base_.prefix + "/chat/completions";
    http.headers = headers_;
    http.headers.set("Content-Type", "application/json");
    http.headers.set("Accept", "text/event-stream");
    http.peer = peer_;
    net::join_trace(http.headers, request.trace);
    http.body = json::serialize(openai::to_request(request, true, openai::Extensions::ours));
    ISA_CO_TRY(auto response, co_await client_.open(base_.endpoint, std::move(http), deadline));
    if (response.status != 200) {
      const auto body = co_await net::read_all(*response.body, kErrorMax);
      co_return openai::from_error(response.status, body ? *body : "", "the model service");
    }
    if (response.headers.get("Content-Type").starts_with("application/json"))
      co_return co_await read_whole(*response.body, sink);
    co_return co_await read_stream(std::move(response.body), sink);
  }

  net::Client& client_;
  net::Url base_;
  net::Headers headers_;
  std::string peer_;
};

}  // namespace

std::unique_ptr<ChatModel> make_http_chat_model(net::Client& client, net::Url base, net::Headers headers,
                                                std::string peer) {
  return std::make_unique<HttpChatModel>(client, std::move(base), std::move(headers), std::move(peer));
}

}  // namespace isa::sdk
