// What is said to a Redis server and what it answers
// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
#pragma once

#include "base/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;

namespace isa::store::redis {

struct Reply {
  enum class Kind { nothing, text, integer, list, error };
  Kind kind = Kind::nothing;
  std::string text;  // Of an error too: "NOSCRIPT No matching script".
  std::int64_t integer = 0;
  std::vector<Reply> list;

  bool is_error(std::string_view code) const { return kind == Kind::error && text.starts_with(code); }
};

using Command = std::vector<std::string>;

// Appends the command as the server reads it.
void append_command(std::string& to, const Command& command);

// Takes replies out of a stream of bytes, however it is cut. hiredis does the reading.
class ReplyReader {
 public:
  ReplyReader();
  // What is no reply makes every later call of next() an upstream_error.
  void feed(std::string_view bytes);
  // Nothing until a whole reply is there.
  Result<std::optional<Reply>> next();

 private:
  struct Free {
    void operator()(redisReader* reader) const;
  };
  std::unique_ptr<redisReader, Free> reader_;
};

}  // namespace isa::store::redis
