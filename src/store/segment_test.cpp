#include "store/segment.h"

#include <gtest/gtest.h>

#include <vector>

namespace isa::store {
namespace {

struct Scan {
  std::vector<std::string> json;
  SegmentReader::End end;
  std::size_t offset;
};

Scan scan(std::string_view bytes) {
  SegmentReader reader(bytes);
  Scan result;
  while (const auto record = reader.next()) result.json.emplace_back(record->json);
  result.end = reader.end();
  result.offset = reader.offset();
  return result;
}

std::string segment_of(std::initializer_list<std::string_view> events) {
  std::string bytes(kSegmentMagic);
  std::int64_t seq = 0;
  for (const auto json : events) append_record(bytes, {RecordKind::event, "run_a", ++seq, json});
  return bytes;
}

TEST(Segment, ReadsWhatWasWritten) {
  std::string bytes(kSegmentMagic);
  append_record(bytes, {RecordKind::event, "run_a", 7, std::string_view("{\0}", 3)});
  append_record(bytes, {RecordKind::release, "", -1, ""});
  SegmentReader reader(bytes);

  const auto first = reader.next().value();
  const auto second = reader.next().value();

  EXPECT_EQ(first.run, "run_a");
  EXPECT_EQ(first.seq, 7);
  EXPECT_EQ(first.json, std::string_view("{\0}", 3));
  EXPECT_EQ(second.kind, RecordKind::release);
  EXPECT_EQ(second.seq, -1);
  EXPECT_FALSE(reader.next());
  EXPECT_EQ(reader.end(), SegmentReader::End::clean);
}

TEST(Segment, ARecordThatIsCutOffAnywhereEndsTheSegmentBeforeIt) {
  const auto whole = segment_of({"first", "second"});
  const auto first = segment_of({"first"});
  for (std::size_t size = first.size() + 1; size < whole.size(); ++size) {
    const auto found = scan(whole.substr(0, size));
    EXPECT_EQ(found.json, std::vector<std::string>{"first"}) << size;
    EXPECT_EQ(found.end, SegmentReader::End::torn) << size;
    EXPECT_EQ(found.offset, first.size()) << size;
  }
}

TEST(Segment, AChangedBitInTheMiddleEndsTheSegmentThere) {
  const auto good = segment_of({"first", "second", "third"});
  const auto begin = segment_of({"first"}).size();
  const auto end = segment_of({"first", "second"}).size();
  for (std::size_t at = begin; at < end; ++at) {
    auto bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    const auto found = scan(bytes);
    EXPECT_EQ(found.json, std::vector<std::string>{"first"}) << at;
    EXPECT_NE(found.end, SegmentReader::End::clean) << at;
  }
}

TEST(Segment, ATailOfZerosIsNoRecord) {
  const auto found = scan(segment_of({"first"}) + std::string(4096, '\0'));
  EXPECT_EQ(found.json.size(), 1U);
  EXPECT_EQ(found.end, SegmentReader::End::corrupt);
}

TEST(Segment, AFileOfAnotherKindHoldsNothing) {
  EXPECT_EQ(scan("something else entirely").end, SegmentReader::End::corrupt);
  EXPECT_EQ(scan("isAl").end, SegmentReader::End::torn);
  EXPECT_EQ(scan("").end, SegmentReader::End::torn);
}

}  // namespace
}  // namespace isa::store
