// One call of a model, metered: how much went in and out, how it ended.
#pragma once

#include "model/provider.h"

namespace isa::model {

// Owns the stream of a provider. When it is destroyed, the call is over and is written to the log, whatever
// happened to it; nothing is written per token.
class Call {
 public:
  struct Facts {
    std::string model;  // As it was asked for.
    std::string provider;
    std::string user;
    std::string request_id;
    TraceContext trace;
    std::size_t input_bytes = 0;  // Of the request, for an estimate.
    std::optional<Price> price = std::nullopt;
  };
  Call(std::unique_ptr<ChatStream> stream, Facts facts);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call();

  // As ChatStream::next().
  Task<Result<bool>> next(std::vector<sdk::ChatDelta>& out);
  std::string verbatim() const { return stream_->verbatim(facts_.price); }
  // Without the message. Usage that the provider did not send is estimated at four bytes per token, and says
  // so. Its cost is by our price, whatever a provider says itself: that may be in any currency.
  sdk::ChatResult summary() const;

 private:
  std::unique_ptr<ChatStream> stream_;
  Facts facts_;
  std::size_t output_bytes_ = 0;
  std::string outcome_ = "cancelled";
  Deadline::Clock::time_point began_ = Deadline::Clock::now();
};

}  // namespace isa::model
