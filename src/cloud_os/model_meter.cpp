#include "cloud_os/model_meter.h"

#include <algorithm>
#include <charconv>

namespace isa::cloud_os {
namespace {

// The largest number that follows `"name":`. A quote that a backslash precedes is the model's own text.
std::int64_t number_after(std::string_view text, std::string_view name) {
  std::int64_t largest = 0;
  for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    if (at > 0 && text[at - 1] == '\\') continue;
    auto rest = text.substr(at + name.size());
    while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
    std::int64_t number = 0;
    if (std::from_chars(rest.data(), rest.data() + rest.size(), number).ec == std::errc())
      largest = std::max(largest, number);
  }
  return largest;
}

struct Meter {
  Meter(ModelUse from, std::function<void(ModelUse)> to) : use(std::move(from)), report(std::move(to)) {}
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;
  ~Meter() { report(std::move(use)); }

  void see(std::string_view text) {
    use.entry.bytes_in += static_cast<std::int64_t>(text.size());
    read_tokens(text, use);
  }

  ModelUse use;
  std::function<void(ModelUse)> report;
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

void read_tokens(std::string_view text, ModelUse& to) {
  if (!text.contains("_tokens\"")) return;
  to.input_tokens = std::max(
      {to.input_tokens, number_after(text, "\"input_tokens\":"), number_after(text, "\"prompt_tokens\":")});
  to.output_tokens = std::max({to.output_tokens, number_after(text, "\"output_tokens\":"),
                               number_after(text, "\"completion_tokens\":")});
}

net::Response metered(net::Response response, ModelUse use, std::function<void(ModelUse)> report) {
  auto meter = std::make_shared<Meter>(std::move(use), std::move(report));
  if (!response.stream) {
    meter->see(response.body);
    return response;
  }
  meter->stream = std::exchange(response.stream, nullptr);
  response.stream = [meter = std::move(meter)](net::BodyWriter& to) { return pass(meter, to); };
  return response;
}

}  // namespace isa::cloud_os
