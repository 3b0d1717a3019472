#include "cloud_os/egress/client_hello.h"

#include <cstdint>

namespace isa::cloud_os {
namespace {

constexpr std::size_t kHelloMax = 16 << 10;
constexpr std::size_t kRecordMax = 1 << 14;
constexpr std::size_t kRecordHead = 5;
constexpr std::size_t kMessageHead = 4;
constexpr int kRecordsMax = 64;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::uint16_t kServerName = 0;
constexpr std::uint16_t kEncryptedClientHello = 0xfe0d;
constexpr std::uint8_t kHostName = 0;

// Takes big-endian numbers and counted pieces from the front. What is not there marks it broken, and from
// then on everything is empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::size_t number(int bytes) {
    if (rest_.size() < static_cast<std::size_t>(bytes)) return fail(), 0;
    std::size_t value = 0;
    for (int i = 0; i < bytes; ++i)
      value = value << 8 | static_cast<std::uint8_t>(rest_[static_cast<std::size_t>(i)]);
    rest_.remove_prefix(static_cast<std::size_t>(bytes));
    return value;
  }
  std::string_view take(std::size_t size) {
    if (rest_.size() < size) return fail(), std::string_view();
    const auto piece = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return piece;
  }
  // A piece that its size precedes.
  std::string_view counted(int bytes_of_size) { return take(number(bytes_of_size)); }

  bool is_empty() const { return rest_.empty(); }
  bool is_broken() const { return is_broken_; }

 private:
  void fail() {
    is_broken_ = true;
    rest_ = {};
  }
  std::string_view rest_;
  bool is_broken_ = false;
};

// The handshake message out of its records, which may cut it anywhere. It ends with a record: a client waits
// for the answer before it says more.
HelloProgress join_records(std::string_view bytes, std::string& message) {
  std::size_t announced = 0;  // Bytes of the records so far.
  for (int records = 0; !bytes.empty(); ++records) {
    if (records == kRecordsMax || static_cast<std::uint8_t>(bytes[0]) != kHandshake)
      return HelloProgress::malformed;
    if (bytes.size() > 1 && bytes[1] != 3) return HelloProgress::malformed;  // The major version of them all.
    if (bytes.size() < kRecordHead) return HelloProgress::incomplete;
    Reader head(bytes.substr(3));
    const auto size = head.number(2);
    if (size == 0 || size > kRecordMax) return HelloProgress::malformed;
    announced += size;
    message.append(bytes.substr(kRecordHead, size));
    if (!message.empty() && static_cast<std::uint8_t>(message[0]) != kClientHello)
      return HelloProgress::malformed;
    if (message.size() >= kMessageHead) {
      const auto whole = kMessageHead + Reader(std::string_view(message).substr(1)).number(3);
      if (whole > kHelloMax || announced > whole) return HelloProgress::malformed;
      if (message.size() == whole) return HelloProgress::complete;
    }
    if (bytes.size() < kRecordHead + size) return HelloProgress::incomplete;
    bytes.remove_prefix(kRecordHead + size);
  }
  return HelloProgress::incomplete;
}

// Exactly one name, and that a host's.
bool read_server_name(std::string_view extension, ClientHello& to) {
  Reader outer(extension);
  Reader names(outer.counted(2));
  if (!outer.is_empty() || outer.is_broken()) return false;
  const auto type = names.number(1);
  to.server_name = names.counted(2);
  return type == kHostName && names.is_empty() && !names.is_broken() && !to.server_name.empty();
}

bool read_extensions(std::string_view extensions, ClientHello& to) {
  bool has_name = false;
  Reader rest(extensions);
  while (!rest.is_empty()) {
    const auto type = rest.number(2);
    const auto body = rest.counted(2);
    if (rest.is_broken()) return false;
    if (type == kEncryptedClientHello) to.hides_name = true;
    if (type != kServerName) continue;
    if (has_name || !read_server_name(body, to)) return false;
    has_name = true;
  }
  return true;
}

bool read_message(std::string_view message, ClientHello& to) {
  Reader body(message.substr(kMessageHead));
  body.number(2);   // legacy_version
  body.take(32);    // random
  body.counted(1);  // legacy_session_id
  body.counted(2);  // cipher_suites
  body.counted(1);  // legacy_compression_methods
  if (body.is_broken()) return false;
  if (body.is_empty()) return true;
  const auto extensions = body.counted(2);
  return !body.is_broken() && body.is_empty() && read_extensions(extensions, to);
}

}  // namespace

HelloProgress read_client_hello(std::string_view bytes, ClientHello& to) {
  std::string message;
  const auto joined = join_records(bytes, message);
  if (joined != HelloProgress::complete) return joined;
  ClientHello hello;
  if (!read_message(message, hello)) return HelloProgress::malformed;
  to = std::move(hello);
  return HelloProgress::complete;
}

}  // namespace isa::cloud_os
