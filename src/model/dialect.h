// The two languages that callers speak to the model service, behind one face.
#pragma once

#include "model/prices.h"
#include "net/http.h"
#include "sdk/openai_wire.h"

#include <memory>

namespace isa::model {

using ServedRequest = sdk::openai::ServedRequest;

// Writes one streamed answer in the caller's dialect; every returned text is whole SSE events.
class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;
  virtual std::string first() = 0;
  virtual std::string delta(const sdk::ChatDelta& delta) = 0;
  virtual std::string last(const sdk::ChatResult& result) = 0;  // `result` needs no message.
  // Ends a stream that broke: a caller never sees a silent end.
  virtual std::string failed(const Error& error) = 0;
};

class Dialect {
 public:
  virtual ~Dialect() = default;
  virtual std::string_view name() const = 0;
  virtual Result<ServedRequest> read(const net::Request& request) const = 0;
  virtual net::Response whole(const sdk::ChatResult& result) const = 0;
  virtual net::Response error(const Error& error, std::string_view request_id) const = 0;
  virtual std::unique_ptr<AnswerWriter> writer(const ServedRequest& request,
                                               std::string request_id) const = 0;
  // {"data":[...]} of GET /v1/models, or one model of it.
  virtual json::object model_list(const std::vector<ListedModel>& models) const = 0;
  virtual json::object model_entry(const ListedModel& model) const = 0;
};

const Dialect& openai_dialect();
const Dialect& anthropic_dialect();

}  // namespace isa::model
