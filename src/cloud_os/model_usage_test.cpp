// What is read of the usage in a model's answer, and what counts when there is none.
#include "cloud_os/model_usage.h"

#include "base/testing.h"
#include "cloud_os/model_meter.h"

#include <gtest/gtest.h>

namespace isa::cloud_os {
namespace {

// However the stream is cut, it says the same.
sdk::Usage read(std::string_view text, bool is_stream = true) {
  sdk::Usage first;
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    UsageReader reader(is_stream);
    for (std::size_t at = 0; at < text.size(); at += piece) reader.feed(text.substr(at, piece));
    reader.end();
    EXPECT_TRUE(reader.is_whole()) << piece;
    if (piece == 1) first = reader.said();
    EXPECT_EQ(json::write(reader.said()), json::write(first)) << piece;
  }
  return first;
}

TEST(ModelUsage, OfOpenAisStreamIsItsLastChunkOrOurComment) {
  const auto asked = read(
      "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":{}\"}}],\"usage\":null}\n\n"
      "data: "
      "{\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":5,\"cost\":0.25}}\n\ndata: "
      "[DONE]\n\n");
  EXPECT_EQ(asked.input_tokens, 12);
  EXPECT_EQ(asked.output_tokens, 5);
  EXPECT_EQ(asked.cost_usd, Usd::of_number(0.25));
  const auto not_asked = read(
      "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n"
      ": usage {\"prompt_tokens\":3,\"completion_tokens\":2,\"cost\":0.5}\n\ndata: [DONE]\n\n");
  EXPECT_EQ(not_asked.input_tokens, 3);
  EXPECT_EQ(not_asked.output_tokens, 2);
  EXPECT_EQ(not_asked.cost_usd, Usd::of_number(0.5));
}

TEST(ModelUsage, OfAnthropicsStreamIsThatOfItsBeginningAndItsEnd) {
  const auto usage = read(
      "event: message_start\r\ndata: "
      "{\"message\":{\"usage\":{\"input_tokens\":3,\"cache_read_input_tokens\":4,"
      "\"cache_creation_input_tokens\":5,\"output_tokens\":1}}}\r\n\r\n"
      "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"\\\"output_tokens\\\":999\"}}\r\n\r\n"
      "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":7,\"cost\":0.125}}\r\n\r\n");
  EXPECT_EQ(usage.input_tokens, 12);
  EXPECT_EQ(usage.cached_input_tokens, 4);
  EXPECT_EQ(usage.cache_write_tokens, 5);
  EXPECT_EQ(usage.output_tokens, 7);
  EXPECT_EQ(usage.cost_usd, Usd::of_number(0.125));
}

TEST(ModelUsage, OfAWholeAnswerIsItsOwnAndNotWhatAToolIsCalledWith) {
  const auto usage =
      read(R"({"content":[{"type":"tool_use","input":{"usage":{"output_tokens":500},"cost":9}}],)"
           R"("usage":{"input_tokens":3,"output_tokens":7}})",
           false);
  EXPECT_EQ(usage.input_tokens, 3);
  EXPECT_EQ(usage.output_tokens, 7);
  EXPECT_EQ(usage.cost_usd, std::nullopt);
}

TEST(ModelUsage, OfAnAnswerThatBrokeOffIsEstimatedByItsTextAndPriced) {
  UsageReader reader(true);
  for (int i = 0; i < 10; ++i)
    reader.feed("data: {\"id\":\"x\",\"choices\":[{\"delta\":{\"content\":\"12\\\"4\"}}]}\n\n");
  EXPECT_FALSE(reader.is_whole());
  const auto usage = reader.estimated(400, R"({"input":1000000,"output":2000000})");
  EXPECT_EQ(usage.input_tokens, 100);
  EXPECT_EQ(usage.output_tokens, 13);  // 50 bytes as they were sent.
  EXPECT_TRUE(usage.estimated);
  EXPECT_EQ(usage.cost_usd, Usd::of_number(126));
  EXPECT_EQ(reader.estimated(400, "").cost_usd, std::nullopt);
}

// ---- the tally of a sandbox, and what the meter tells it ----

VmAllowance tokens(std::int64_t max, std::string run = "run_1") {
  VmAllowance allowance;
  allowance.run_id = RunId(std::move(run));
  allowance.max_tokens = max;
  return allowance;
}

sdk::Usage used(std::int64_t input, std::optional<Usd> cost = Usd()) {
  sdk::Usage usage;
  usage.input_tokens = input;
  usage.cost_usd = cost;
  return usage;
}

void call(Tally& tally, const sdk::Usage& usage) {
  Tally::Call one(tally);
  one.use(usage);
  one.end();
}

TEST(Tally, LetsCallsInUntilALimitIsMetAndSaysWhichOfWhom) {
  Tally tally;
  tally.allow(tokens(100));
  call(tally, used(99));
  EXPECT_FALSE(tally.refusal());
  call(tally, used(99));
  const auto refusal = tally.refusal();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(net::status_of(refusal->kind()), 402);
  EXPECT_EQ(refusal->code(), "budget_exceeded");
  EXPECT_EQ(refusal->param(), "max_tokens");
  EXPECT_TRUE(
      refusal->message().starts_with("limits.max_tokens is 100, and 198 tokens were used up by run run_1"))
      << refusal->message();
}

TEST(Tally, CountsWhatTheRunUsedBeforeAndElsewhere) {
  Tally tally;
  auto allowance = tokens(100);
  allowance.before = used(60);
  tally.allow(allowance);
  call(tally, used(40));
  EXPECT_TRUE(tally.refusal());
  EXPECT_EQ(tally.settle(RunId("run_1"))->usage.input_tokens, 40);
}

TEST(Tally, ACostThatIsNotKnownIsTooMuch) {
  Tally tally;
  VmAllowance allowance = tokens(0);
  allowance.max_tokens.reset();
  allowance.max_usd = Usd::of_number(1);
  tally.allow(allowance);
  call(tally, used(1, Usd::of_number(0.5)));
  EXPECT_FALSE(tally.refusal());
  call(tally, used(1, std::nullopt));
  ASSERT_TRUE(tally.refusal());
  EXPECT_EQ(tally.refusal()->param(), "max_usd");
}

TEST(Tally, TimeIsALimitToo) {
  Tally tally;
  auto allowance = tokens(100);
  allowance.until = now() + std::chrono::hours(1);
  tally.allow(allowance);
  EXPECT_FALSE(tally.refusal());
  allowance.until = now() - std::chrono::milliseconds(1);
  tally.allow(allowance);
  ASSERT_TRUE(tally.refusal());
  EXPECT_EQ(tally.refusal()->param(), "max_seconds");
}

TEST(Tally, TheSameRunAgainKeepsWhatItUsedAndAnotherBeginsAnew) {
  Tally tally;
  tally.allow(tokens(100));
  call(tally, used(100));
  tally.allow(tokens(100));
  EXPECT_TRUE(tally.refusal());
  tally.allow(tokens(100, "run_2"));
  EXPECT_FALSE(tally.refusal());
}

TEST(Tally, WhatARunLeftRunningIsRefusedUntilTheNextAndSettlingTwiceSaysTheSame) {
  Tally tally;
  tally.allow(tokens(100));
  call(tally, used(30));
  const auto use = tally.settle(RunId("run_1"));
  ASSERT_TRUE(use);
  EXPECT_EQ(use->usage.input_tokens, 30);
  EXPECT_EQ(use->calls, 1);
  EXPECT_EQ(use->limit, std::nullopt);
  ASSERT_TRUE(tally.refusal());
  EXPECT_EQ(tally.refusal()->code(), "budget_exceeded");
  EXPECT_EQ(json::write(*tally.settle(RunId("run_1"))), json::write(*use));
  EXPECT_EQ(tally.settle(RunId("run_2")).error().kind(), ErrorKind::conflict);
  tally.allow(tokens(100));  // It waited, and goes on: what it used so far comes with `before`.
  EXPECT_FALSE(tally.refusal());
  EXPECT_EQ(tally.settle(RunId("run_1"))->usage.input_tokens, 0);
}

TEST(Tally, WithoutLimitsAllIsCountedFromOneSettlingToTheNextAndNothingIsRefused) {
  Tally tally;
  call(tally, used(1'000'000));
  EXPECT_FALSE(tally.refusal());
  EXPECT_EQ(tally.settle(RunId("run_1"))->usage.input_tokens, 1'000'000);
  EXPECT_EQ(tally.settle(RunId("run_1"))->usage.input_tokens, 0);
  EXPECT_FALSE(tally.refusal());
  EXPECT_FALSE(tally.kept());
}

TEST(Tally, WhatIsKeptOfItHoldsInAnother) {
  Tally tally;
  tally.allow(tokens(100));
  call(tally, used(100));
  const auto text = json::serialize(json::write(tally.kept().value()));
  Tally next;
  next.restore(json::parse_as<Allotment>(text).value());
  EXPECT_TRUE(next.is_limited());
  ASSERT_TRUE(next.refusal());
  EXPECT_EQ(next.refusal()->message(), tally.refusal()->message());
}

TEST(Tally, ACallThatIsUnderWayOrWasLeftIsUnknown) {
  Tally tally;
  tally.allow(tokens(100));
  {
    Tally::Call left(tally);
  }
  Tally::Call open(tally);
  EXPECT_EQ(tally.settle(RunId("run_1"))->unknown_calls, 2);
  open.use(used(20));
  tally.allow(tokens(100));  // The run goes on, and so does the call.
  open.use(used(30));
  EXPECT_EQ(tally.settle(RunId("run_1"))->usage.input_tokens, 50);
  tally.allow(tokens(100, "run_2"));
  open.use(used(50));  // Of a run that is over: nobody's.
  EXPECT_EQ(tally.settle(RunId("run_2"))->usage.input_tokens, 0);
}

// Takes pieces, and leaves after some of them.
class Reader : public net::BodyWriter {
 public:
  explicit Reader(std::size_t pieces) : left_(pieces) {}
  using BodyWriter::write;
  Task<Result<void>> write(std::vector<net::Frame>) override {
    if (left_ == 0) co_return cancelled("the reader has left");
    --left_;
    co_return ok();
  }

 private:
  std::size_t left_;
};

struct Metered {
  Tally tally;
  int reports = 0;

  net::Response of(std::vector<std::string> pieces) {
    auto response = net::Response::sse([pieces](net::BodyWriter& to) { return write(pieces, to); });
    response.headers.set(kPricingHeader, R"({"input":1,"output":1})");
    ModelCall call;
    call.entry.bytes_out = 40;
    call.tally = std::make_unique<Tally::Call>(tally);
    call.report = [this](ModelCall&) { ++reports; };
    return metered(std::move(response), std::move(call));
  }
  static Task<void> write(std::vector<std::string> pieces, net::BodyWriter& to) {
    for (auto& piece : pieces)
      if (auto written = co_await to.write(std::move(piece)); !written) co_return;
  }
};

TEST(ModelMeter, CountsBeforeTheReaderCanKnow) {
  Metered metered;
  auto response = metered.of({"data: {}\n\n", ": usage {\"prompt_tokens\":3,\"completion_tokens\":2}\n\n"});
  Reader reader(2);
  isa::testing::run(response.stream(reader));
  const auto use = metered.tally.settle(RunId("run_1"));
  EXPECT_EQ(use->usage.input_tokens, 3);
  EXPECT_EQ(metered.reports, 0) << "it may still be sent";
  response.stream = nullptr;
  EXPECT_EQ(metered.reports, 1);
}

TEST(ModelMeter, CountsAnEstimateOfAStreamThatIsLeft) {
  Metered metered;
  {
    auto response = metered.of({"data: {\"content\":\"12345678\"}\n\n", "data: {}\n\n"});
    Reader reader(1);
    isa::testing::run(response.stream(reader));
  }
  const auto use = metered.tally.settle(RunId("run_1"));
  EXPECT_EQ(use->usage.input_tokens, 10);
  EXPECT_EQ(use->usage.output_tokens, 2);
  EXPECT_EQ(use->usage.cost_usd, Usd::of_nanos(12'000));
  EXPECT_EQ(use->unknown_calls, 1);
}

}  // namespace
}  // namespace isa::cloud_os
