// What cloud_os passes on from a runtime that means harm. What it passes on from ours is in the end-to-end
// tests.
#include "cloud_os/testing.h"

namespace isa::cloud_os::testing {
namespace {

class Collector final : public net::BodyWriter {
 public:
  using net::BodyWriter::write;
  Task<Result<void>> write(std::vector<net::Frame> frames) override {
    for (const auto& frame : frames) text += *frame;
    co_return ok();
  }
  std::string text;
};

TEST(Control, AnEventWithoutAnEndIsBrokenOffAndNotKept) {
  ISA_NEEDS_SANDBOXES();
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    net::Request question;
    question.method = net::Method::get;
    question.target = "/endless";
    question.deadline = soon();
    auto answer = co_await service.control(vm.vm_id, std::move(question));
    if (!answer) throw std::runtime_error(answer.error().message());
    Collector heard;
    co_await answer->stream(heard);
    EXPECT_TRUE(heard.text.starts_with("event: error\n")) << heard.text.substr(0, 200);
    EXPECT_NE(heard.text.find("stream_broken"), std::string::npos);
    EXPECT_LT(heard.text.size(), 1000U);
  });
}

}  // namespace
}  // namespace isa::cloud_os::testing
