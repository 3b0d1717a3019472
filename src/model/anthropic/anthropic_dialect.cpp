#include "model/anthropic/anthropic_wire.h"
#include "model/dialect.h"

namespace isa::model {
namespace {

class AnthropicWriter final : public AnswerWriter {
 public:
  AnthropicWriter(const std::string& model, std::string request_id)
      : events_("msg_" + make_ulid(), model), request_id_(std::move(request_id)) {}

  std::string first() override { return events_.first(); }
  std::string delta(const sdk::ChatDelta& delta) override { return events_.delta(delta); }
  std::string last(const sdk::ChatResult& result) override { return events_.last(result); }
  std::string failed(const Error& error) override {
    return fmt::format("event: error\ndata: {}\n\n",
                       json::serialize(anthropic::to_error(error, request_id_)));
  }

 private:
  anthropic::EventWriter events_;
  std::string request_id_;
};

class AnthropicDialect final : public Dialect {
 public:
  std::string_view name() const override { return "anthropic"; }

  Result<ServedRequest> read(const net::Request& request) const override {
    ISA_TRY(auto served, anthropic::from_request(request.body));
    if (const auto beta = request.headers.get(anthropic::kBetaField); !beta.empty())
      served.chat.extra[anthropic::kBetaField] = beta;
    return served;
  }

  net::Response whole(const sdk::ChatResult& result) const override {
    return net::Response::json(200, anthropic::to_response(result));
  }

  net::Response error(const Error& error, std::string_view request_id) const override {
    auto response = net::Response::json(anthropic::status_of(error), anthropic::to_error(error, request_id));
    response.headers.set("request-id", std::string(request_id));
    if (error.kind() == ErrorKind::quota_exceeded) response.headers.set("x-should-retry", "false");
    if (error.retry_after())
      response.headers.set("Retry-After", std::to_string(error.retry_after()->count()));
    return response;
  }

  std::unique_ptr<AnswerWriter> writer(const ServedRequest& request, std::string request_id) const override {
    return std::make_unique<AnthropicWriter>(request.chat.model, std::move(request_id));
  }

  json::object model_list(const std::vector<ListedModel>& models) const override {
    json::array data;
    for (const auto& model : models) data.push_back(model_entry(model));
    json::object to;
    to["data"] = std::move(data);
    to["has_more"] = false;
    to["first_id"] = models.empty() ? json::value() : json::value(models.front().id);
    to["last_id"] = models.empty() ? json::value() : json::value(models.back().id);
    return to;
  }

  json::object model_entry(const ListedModel& model) const override {
    json::object to;
    to["type"] = "model";
    to["id"] = model.id;
    to["display_name"] = model.id;
    to["created_at"] = "1970-01-01T00:00:00Z";  // Not known: the field is required.
    if (model.price) to["pricing"] = to_json(*model.price);
    return to;
  }
};

}  // namespace

const Dialect& anthropic_dialect() {
  static const AnthropicDialect dialect;
  return dialect;
}

}  // namespace isa::model
