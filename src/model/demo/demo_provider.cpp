#include "model/demo/demo_provider.h"

#include "model/demo/demo_model.h"

namespace isa::model::demo {
namespace {

class DemoStream final : public ChatStream {
 public:
  DemoStream(sdk::ChatResult result, std::chrono::milliseconds delay)
      : result_(std::move(result)), delay_(delay) {
    for (const auto& part : result_.message.parts) {
      if (part.kind != sdk::PartKind::text) continue;
      for (auto& word : words_of(part.text)) deltas_.emplace_back().text = std::move(word);
    }
    if (deltas_.empty()) sdk::append_deltas(result_.message, deltas_);
  }

  Task<Result<bool>> next(std::vector<sdk::ChatDelta>& out) override {
    if (at_ < deltas_.size() && delay_.count() > 0) co_await sleep_for(delay_);
    if (at_ < deltas_.size()) out.push_back(std::move(deltas_[at_++]));
    co_return at_ < deltas_.size();
  }
  const sdk::ChatResult& summary() const override { return result_; }

 private:
  sdk::ChatResult result_;
  std::chrono::milliseconds delay_;
  std::vector<sdk::ChatDelta> deltas_;
  std::size_t at_ = 0;
};

class DemoProvider final : public Provider {
 public:
  explicit DemoProvider(std::chrono::milliseconds delay) : delay_(delay) {}

  std::string_view name() const override { return "builtin"; }
  std::string_view dialect() const override { return {}; }
  Result<void> ready() const override { return ok(); }
  bool knows(std::string_view model) const override { return model == "demo"; }

  Task<Result<std::unique_ptr<ChatStream>>> open(sdk::ChatRequest request, Deadline) override {
    co_return std::make_unique<DemoStream>(answer(request), delay_);
  }
  Task<Result<std::vector<std::string>>> models(Deadline) override {
    co_return std::vector<std::string>(1, "demo");
  }

 private:
  std::chrono::milliseconds delay_;
};

}  // namespace

std::unique_ptr<Provider> make_demo_provider(std::chrono::milliseconds delay) {
  return std::make_unique<DemoProvider>(delay);
}

}  // namespace isa::model::demo
