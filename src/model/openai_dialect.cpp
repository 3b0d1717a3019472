#include "model/dialect.h"

namespace isa::model {
namespace {

namespace wire = sdk::openai;

std::int64_t seconds_now() {
  return to_millis(now()) / 1000;
}

std::string event(std::string_view data) {
  return fmt::format("data: {}\n\n", data);
}

class OpenAiWriter final : public AnswerWriter {
 public:
  explicit OpenAiWriter(const ServedRequest& request)
      : chunks_("chatcmpl-" + make_ulid(), request.chat.model, seconds_now(), request.include_usage) {}

  std::string first() override { return event(chunks_.first()); }
  std::string delta(const sdk::ChatDelta& delta) override { return event(chunks_.delta(delta)); }
  std::string last(const sdk::ChatResult& result) override {
    std::string to;
    for (const auto& data : chunks_.last(result)) to += event(data);
    return to;
  }
  std::string failed(const Error& error) override { return event(json::serialize(wire::to_error(error))); }

 private:
  wire::ChunkWriter chunks_;
};

class OpenAiDialect final : public Dialect {
 public:
  std::string_view name() const override { return "openai"; }

  Result<ServedRequest> read(const net::Request& request) const override {
    return wire::from_request(request.body);
  }

  net::Response whole(const sdk::ChatResult& result) const override {
    return net::Response::json(200, wire::to_response(result, seconds_now()));
  }

  net::Response error(const Error& error, std::string_view) const override {
    const int status = error.kind() == ErrorKind::validation_error ? 400 : net::status_of(error.kind());
    auto response = net::Response::json(status, wire::to_error(error));
    // The official clients retry every 429; this one does not pass by itself.
    if (error.kind() == ErrorKind::quota_exceeded) response.headers.set("x-should-retry", "false");
    if (error.retry_after())
      response.headers.set("Retry-After", std::to_string(error.retry_after()->count()));
    return response;
  }

  std::unique_ptr<AnswerWriter> writer(const ServedRequest& request, std::string) const override {
    return std::make_unique<OpenAiWriter>(request);
  }

  json::object model_list(const std::vector<ListedModel>& models) const override {
    json::array data;
    for (const auto& model : models) data.push_back(model_entry(model));
    json::object to;
    to["object"] = "list";
    to["data"] = std::move(data);
    return to;
  }

  json::object model_entry(const ListedModel& model) const override {
    json::object to;
    to["id"] = model.id;
    to["object"] = "model";
    to["created"] = 0;  // Not known: the field is required.
    to["owned_by"] = model.id.substr(0, model.id.find('/'));
    if (model.price) to["pricing"] = to_json(*model.price);
    return to;
  }
};

}  // namespace

const Dialect& openai_dialect() {
  static const OpenAiDialect dialect;
  return dialect;
}

}  // namespace isa::model
