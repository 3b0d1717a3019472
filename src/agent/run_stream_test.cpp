// The stream of one run over the real event log.
#include "agent/event_feed.h"
#include "agent/test_platform.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using testing::Reader;
using testing::TempFolder;
using testing::types_of;

// The real log, made to fail on demand like a full disk.
class FullDisk : public store::EventLog {
 public:
  explicit FullDisk(store::EventLog& inner) : inner_(inner) {}
  bool is_full = false;
  std::size_t groups = 0;
  Task<Result<void>> append(RunId run, std::vector<store::LoggedEvent> events) override {
    ++groups;
    if (is_full) co_return service_unavailable("the disk is full");
    co_return co_await inner_.append(std::move(run), std::move(events));
  }
  Task<Result<void>> release(RunId run) override { return inner_.release(std::move(run)); }
  Task<Result<std::map<RunId, std::vector<store::LoggedEvent>>>> recover() override {
    return inner_.recover();
  }

 private:
  store::EventLog& inner_;
};

struct Bench {
  explicit Bench(asio::any_io_executor executor, RunStreamLimits limits = {})
      : file(store::open_file_event_log({.folder = folder / "events"}).value()),
        log(*file),
        stream(std::make_shared<RunStream>(executor, log, RunId("run_1"), SessionId("s"), limits)),
        tasks(executor) {}
  TempFolder folder;
  std::unique_ptr<store::EventLog> file;
  FullDisk log;
  std::shared_ptr<RunStream> stream;
  TaskGroup tasks;
};

using Body = Task<void> (*)(Bench&);

void with_stream(Body body, RunStreamLimits limits = {}) {
  const auto whole = [](Body inner, RunStreamLimits bounds) -> Task<void> {
    Bench bench(co_await asio::this_coro::executor, bounds);
    co_await inner(bench);
    co_await bench.stream->end_with({});
    co_await bench.tasks.join();
  };
  isa::testing::run(whole(body, limits));
}

Task<void> push_text(RunStream& stream, int count) {
  for (int i = 0; i < count; ++i) EXPECT_TRUE(co_await stream.push(sdk::text_event(std::to_string(i))));
}

std::vector<std::string> ids_of(const Reader& reader) {
  std::vector<std::string> ids;
  for (const auto& event : reader.events())
    if (!event.id.empty()) ids.push_back(event.id);
  return ids;
}

std::vector<std::string> ids_from(int first, int last) {
  std::vector<std::string> ids;
  for (int i = first; i <= last; ++i) ids.push_back("run_1:" + std::to_string(i));
  return ids;
}

Task<void> close_with_result(RunStream& stream) {
  std::vector<sdk::Event> last;
  last.push_back({sdk::EventType::result, "done", {}});
  co_await stream.end_with(std::move(last));
  stream.close();
}

TEST(RunStream, EveryReaderGetsEveryEventInOrderWithoutHoles) {
  with_stream([](Bench& b) -> Task<void> {
    Reader early(b.tasks.executor()), late(b.tasks.executor());
    b.tasks.spawn("early", follow_live(b.stream, 0, early));
    co_await push_text(*b.stream, 300);
    b.tasks.spawn("late", follow_live(b.stream, 0, late));
    co_await close_with_result(*b.stream);
    co_await b.tasks.join();

    EXPECT_EQ(ids_of(early), ids_from(1, 301));
    EXPECT_EQ(early.text, late.text);
    EXPECT_TRUE(early.text.ends_with("data: [DONE]\n\n"));
  });
}

TEST(RunStream, AReaderThatComesBackGetsExactlyWhatItHasNotSeenAtEveryEvent) {
  with_stream([](Bench& b) -> Task<void> {
    co_await push_text(*b.stream, 20);
    co_await close_with_result(*b.stream);
    for (int seen = 0; seen <= 21; ++seen) {
      Reader reader(b.tasks.executor());
      co_await follow_live(b.stream, seen, reader);
      EXPECT_EQ(ids_of(reader), ids_from(seen + 1, 21)) << "after " << seen;
    }
  });
}

TEST(RunStream, ASlowReaderSlowsNobody) {
  with_stream([](Bench& b) -> Task<void> {
    Reader slow(b.tasks.executor()), quick(b.tasks.executor());
    slow.is_held = true;
    b.tasks.spawn("slow", follow_live(b.stream, 0, slow));
    b.tasks.spawn("quick", follow_live(b.stream, 0, quick));
    co_await push_text(*b.stream, 500);
    co_await quick.wait_for_events(500);
    EXPECT_EQ(slow.text, "");

    slow.release();
    co_await close_with_result(*b.stream);
    co_await b.tasks.join();
    EXPECT_EQ(slow.text, quick.text);
  });
}

TEST(RunStream, WhatIsVisibleIsInTheLog) {
  with_stream([](Bench& b) -> Task<void> {
    Reader reader(b.tasks.executor());
    b.tasks.spawn("reader", follow_live(b.stream, 0, reader));
    EXPECT_TRUE(co_await b.stream->push(sdk::text_event("a")));
    EXPECT_TRUE(b.stream->events_after(0).empty());  // Not written yet, so not shown.
    co_await reader.wait_for_events(1);
    const auto logged = co_await b.file->recover();
    EXPECT_EQ(logged->at(RunId("run_1")).size(), 1u);
    co_await close_with_result(*b.stream);
    co_await b.tasks.join();
  });
}

TEST(RunStream, EventsThatArriveDuringAWriteGoWithTheNextOne) {
  with_stream([](Bench& b) -> Task<void> {
    co_await push_text(*b.stream, 200);
    co_await close_with_result(*b.stream);
    EXPECT_LE(b.log.groups, 3u);
  });
}

TEST(RunStream, AProducerWaitsForTheLog) {
  with_stream(
      [](Bench& b) -> Task<void> {
        for (int i = 0; i < 100; ++i) {
          EXPECT_TRUE(co_await b.stream->push(sdk::text_event("x")));
          EXPECT_LE(i + 1 - static_cast<int>(b.stream->events_after(0).size()), 4);
        }
      },
      {.events_in_flight = 4});
}

TEST(RunStream, WhatTheLogRefusedIsNeverShownAndLeavesNoHole) {
  with_stream([](Bench& b) -> Task<void> {
    co_await push_text(*b.stream, 2);
    co_await b.stream->end_with({});
    b.log.is_full = true;
    EXPECT_TRUE(co_await b.stream->push(sdk::text_event("lost")));
    while (co_await b.stream->push(sdk::text_event("lost"))) co_await sleep_for(std::chrono::milliseconds(0));
    co_await close_with_result(*b.stream);

    Reader reader(b.tasks.executor());
    co_await follow_live(b.stream, 0, reader);
    EXPECT_EQ(ids_of(reader), ids_from(1, 3));
    EXPECT_EQ(reader.text.find("lost"), std::string::npos);
    const std::vector<std::string> types{"text", "text", "result", "[DONE]"};
    EXPECT_EQ(types_of(reader.text), types);
  });
}

TEST(RunStream, ARunThatGrowsWithoutEndIsRefused) {
  with_stream(
      [](Bench& b) -> Task<void> {
        EXPECT_TRUE(co_await b.stream->push(sdk::text_event(std::string(2000, 'x'))));
        const auto refused = co_await b.stream->push(sdk::text_event("more"));
        EXPECT_EQ(refused.error().kind(), ErrorKind::payload_too_large);
      },
      {.bytes_max = 1000});
}

TEST(RunStream, SilenceIsFilledWithHeartbeats) {
  with_stream([](Bench& b) -> Task<void> {
    Reader reader(b.tasks.executor());
    b.tasks.spawn("reader", follow_live(b.stream, 0, reader, std::chrono::milliseconds(1)));
    while (reader.text.find(net::kSseHeartbeat) == std::string::npos)
      co_await sleep_for(std::chrono::milliseconds(1));
    co_await close_with_result(*b.stream);
    co_await b.tasks.join();
    EXPECT_EQ(ids_of(reader), ids_from(1, 1));
  });
}

Result<std::int64_t> resume(std::string header, std::string after) {
  net::Request request;
  if (!header.empty()) request.headers.set("Last-Event-ID", header);
  if (!after.empty()) request.query["after"] = after;
  return resume_point(request, RunId("run_1"));
}

TEST(ResumePoint, IsTheHeaderThenTheQueryThenTheBeginning) {
  EXPECT_EQ(resume("", "").value(), 0);
  EXPECT_EQ(resume("run_1:7", "3").value(), 7);
  EXPECT_EQ(resume("", "3").value(), 3);
  EXPECT_EQ(resume("", "run_1:4").value(), 4);
  EXPECT_FALSE(resume("run_2:7", ""));
  EXPECT_FALSE(resume("run_1:x", ""));
  EXPECT_FALSE(resume("", "-1"));
}

}  // namespace
}  // namespace isa::agent
