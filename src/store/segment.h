// The bytes of the event log's files. A segment is kSegmentMagic, then records:
//
//   u32 length of the body | u32 crc32c of length and body | body
//   body: u8 kind | u8 length of the run id | run id | i64 seq | json
//
// Integers are little-endian. The checksum covers the length, so that a tail of zeros (what some file systems
// leave after a power cut) is no record.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace isa::store {

inline constexpr std::string_view kSegmentMagic = "isAlog1\n";
inline constexpr std::size_t kMaxRecordBytes = 64 << 20;
inline constexpr std::size_t kMaxRunIdBytes = 255;

enum class RecordKind : std::uint8_t {
  event = 1,
  release = 2,  // The run's records before this one are forgotten; seq is 0 and json empty.
};

struct SegmentRecord {
  RecordKind kind = RecordKind::event;
  std::string_view run;
  std::int64_t seq = 0;
  std::string_view json;
};

// The run id and the record must be within the limits above.
void append_record(std::string& to, const SegmentRecord& record);

// Reads the records of one segment's bytes, up to the first that is not whole.
class SegmentReader {
 public:
  enum class End {
    clean,
    torn,     // The last record was cut off: a crash while it was being written.
    corrupt,  // A record in the middle, or the magic, is not what was written.
  };

  explicit SegmentReader(std::string_view bytes);

  // Views into the bytes. Nothing at the end: end() then says which.
  std::optional<SegmentRecord> next();
  End end() const { return end_; }
  // Of the first byte that is not part of a whole record.
  std::size_t offset() const { return offset_; }

 private:
  std::optional<SegmentRecord> stop(End end);

  std::string_view bytes_;
  std::size_t offset_ = 0;
  End end_ = End::clean;
};

}  // namespace isa::store
