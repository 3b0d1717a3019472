#include "pool/direct_chat.h"

namespace isa::pool {
namespace {

constexpr std::size_t kErrorBodyMax = 64 << 10;  // Bytes.

// Hands a stream on and notes what the conversation needs of it.
class WatchedBody : public net::BodyStream {
 public:
  WatchedBody(InstancePtr instance, std::unique_ptr<net::BodyStream> inner)
      : instance_(std::move(instance)), inner_(std::move(inner)) {}

  Task<Result<std::string>> read() override {
    auto piece = co_await inner_->read();
    if (!piece) co_return piece;
    if (!piece->empty())
      watcher_.feed(*piece);
    else
      instance_->conversation.add(watcher_.take_new_messages());
    co_return piece;
  }
  const ChatWatcher& watcher() const { return watcher_; }

 private:
  InstancePtr instance_;
  std::unique_ptr<net::BodyStream> inner_;
  ChatWatcher watcher_;
};

Task<Error> refusal(net::OpenResponse answer) {
  const auto body = co_await net::read_all(*answer.body, kErrorBodyMax);
  co_return net::error_of(answer.status, body ? *body : std::string());
}

}  // namespace

Task<Result<net::OpenResponse>> stream_turn(Pool& pool, InstancePtr instance, std::string prompt,
                                            sdk::AgentSpec agent, TraceContext trace) {
  auto chat = instance->conversation.next(std::move(prompt), std::move(agent));
  chat.trace = std::move(trace);
  if (instance->lease) chat.session_id = instance->lease->session_id.value();
  chat.stream = true;
  ISA_CO_TRY(auto opened, co_await pool.leases().stream(instance->id, std::nullopt, std::move(chat)));
  if (opened.status != 200) co_return co_await refusal(std::move(opened));
  opened.body = std::make_unique<WatchedBody>(std::move(instance), std::move(opened.body));
  co_return opened;
}

Task<Result<std::string>> query(Pool& pool, InstancePtr instance, std::string prompt, sdk::AgentSpec agent,
                                TraceContext trace) {
  ISA_CO_TRY(auto opened, co_await stream_turn(pool, std::move(instance), std::move(prompt), std::move(agent),
                                               std::move(trace)));
  auto& body = static_cast<WatchedBody&>(*opened.body);
  while (true) {
    ISA_CO_TRY(const auto piece, co_await body.read());
    if (piece.empty()) break;
  }
  if (body.watcher().failure()) co_return upstream_error("the agent failed: {}", *body.watcher().failure());
  if (!body.watcher().answer()) co_return upstream_error("the agent's stream ended without a result");
  co_return *body.watcher().answer();
}

}  // namespace isa::pool
