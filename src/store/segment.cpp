#include "store/segment.h"

#include "store/crc32c.h"
#include "store/little_endian.h"

namespace isa::store {
namespace {

constexpr std::size_t kHead = 2 * sizeof(std::uint32_t);
constexpr std::size_t kMinBody = 2 + sizeof(std::int64_t);

std::optional<SegmentRecord> parse_body(std::string_view body) {
  const auto kind = static_cast<unsigned char>(body[0]);
  const auto id_size = static_cast<unsigned char>(body[1]);
  if (kind != static_cast<unsigned char>(RecordKind::event) &&
      kind != static_cast<unsigned char>(RecordKind::release))
    return std::nullopt;
  if (body.size() < kMinBody + id_size) return std::nullopt;
  SegmentRecord record;
  record.kind = static_cast<RecordKind>(kind);
  record.run = body.substr(2, id_size);
  record.seq = integer_at<std::int64_t>(body.substr(2 + id_size));
  record.json = body.substr(kMinBody + id_size);
  return record;
}

}  // namespace

void append_record(std::string& to, const SegmentRecord& record) {
  const auto start = to.size();
  append_integer(to, static_cast<std::uint32_t>(kMinBody + record.run.size() + record.json.size()));
  append_integer(to, std::uint32_t{0});
  to.push_back(static_cast<char>(record.kind));
  to.push_back(static_cast<char>(record.run.size()));
  to += record.run;
  append_integer(to, record.seq);
  to += record.json;
  const std::string_view written = std::string_view(to).substr(start);
  const auto crc = crc32c(written.substr(kHead), crc32c(written.substr(0, sizeof(std::uint32_t))));
  std::memcpy(to.data() + start + sizeof(std::uint32_t), &crc, sizeof crc);
}

SegmentReader::SegmentReader(std::string_view bytes) : bytes_(bytes) {
  if (bytes_.starts_with(kSegmentMagic)) {
    offset_ = kSegmentMagic.size();
    return;
  }
  end_ = kSegmentMagic.starts_with(bytes_) ? End::torn : End::corrupt;
  bytes_ = {};
}

std::optional<SegmentRecord> SegmentReader::stop(End end) {
  end_ = end;
  bytes_ = bytes_.substr(0, offset_);
  return std::nullopt;
}

std::optional<SegmentRecord> SegmentReader::next() {
  const auto rest = bytes_.substr(offset_);
  if (rest.empty()) return std::nullopt;
  if (rest.size() < kHead) return stop(End::torn);
  const auto length = integer_at<std::uint32_t>(rest);
  if (length < kMinBody || length > kMaxRecordBytes) return stop(End::corrupt);
  if (rest.size() - kHead < length) return stop(End::torn);
  const auto body = rest.substr(kHead, length);
  const auto crc = crc32c(body, crc32c(rest.substr(0, sizeof(std::uint32_t))));
  const bool is_last = rest.size() == kHead + length;
  if (crc != integer_at<std::uint32_t>(rest.substr(sizeof(std::uint32_t))))
    return stop(is_last ? End::torn : End::corrupt);
  const auto record = parse_body(body);
  if (!record) return stop(End::corrupt);
  offset_ += kHead + length;
  return record;
}

}  // namespace isa::store
