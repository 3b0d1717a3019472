#include "cloud_os/model_meter.h"

#include "cloud_os/model_usage.h"

#include <utility>

namespace isa::cloud_os {
namespace {

struct Meter {
  Meter(const net::Response& response, ModelCall from)
      : call(std::move(from)),
        reader(static_cast<bool>(response.stream)),
        pricing(response.headers.get(kPricingHeader)),
        is_answer(response.status / 100 == 2) {}
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;
  ~Meter() {
    if (reader.is_whole() || !is_answer) {
      if (call.tally) call.tally->end();  // An error costs nothing.
    } else if (call.tally) {
      count(reader.estimated(static_cast<std::size_t>(call.entry.bytes_out), pricing));
    }
    call.report(call);
  }

  void see(std::string_view text) {
    call.entry.bytes_in += static_cast<std::int64_t>(text.size());
    if (!is_answer) return;
    reader.feed(text);
    if (reader.is_whole()) count(reader.said());
  }
  void end() {
    if (!is_answer) return;
    reader.end();
    if (reader.is_whole()) count(reader.said());
  }
  void count(const sdk::Usage& total) {
    if (call.tally) call.tally->use(total.since(call.usage));
    call.usage = total;
  }

  ModelCall call;
  UsageReader reader;
  std::string pricing;
  bool is_answer;
  std::function<Task<void>(net::BodyWriter&)> stream;
};

class MeteredWriter final : public net::BodyWriter {
 public:
  MeteredWriter(net::BodyWriter& to, Meter& meter) : to_(to), meter_(meter) {}

  using BodyWriter::write;
  Task<Result<void>> write(std::vector<net::Frame> frames) override {
    for (const auto& frame : frames) meter_.see(*frame);
    return to_.write(std::move(frames));
  }

 private:
  net::BodyWriter& to_;
  Meter& meter_;
};

Task<void> pass(std::shared_ptr<Meter> meter, net::BodyWriter& to) {
  MeteredWriter writer(to, *meter);
  co_await meter->stream(writer);
}

}  // namespace

net::Response metered(net::Response response, ModelCall call) {
  auto meter = std::make_shared<Meter>(response, std::move(call));
  if (!response.stream) {
    meter->see(response.body);
    meter->end();
    return response;
  }
  meter->stream = std::exchange(response.stream, nullptr);
  response.stream = [meter = std::move(meter)](net::BodyWriter& to) { return pass(meter, to); };
  return response;
}

}  // namespace isa::cloud_os
