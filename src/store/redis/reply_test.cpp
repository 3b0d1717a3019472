#include "store/redis/reply.h"

#include <gtest/gtest.h>

namespace isa::store::redis {
namespace {

TEST(ReplyReader, ReadsEveryKindHoweverTheBytesAreCut) {
  const std::string_view bytes =
      "+OK\r\n:7\r\n$3\r\na\r\n\r\n$-1\r\n-ERR no\r\n*2\r\n:1\r\n*1\r\n$1\r\nx\r\n";
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    ReplyReader reader;
    std::vector<Reply> replies;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      reader.feed(bytes.substr(at, step));
      while (auto reply = reader.next().value()) replies.push_back(*std::move(reply));
    }
    ASSERT_EQ(replies.size(), 6U) << step;
    EXPECT_EQ(replies[0].text, "OK");
    EXPECT_EQ(replies[1].integer, 7);
    EXPECT_EQ(replies[2].text, "a\r\n");
    EXPECT_EQ(replies[3].kind, Reply::Kind::nothing);
    EXPECT_TRUE(replies[4].is_error("ERR"));
    EXPECT_EQ(replies[5].list[1].list[0].text, "x");
  }
}

TEST(ReplyReader, SaysThatAnHttpServerIsNoRedis) {
  ReplyReader reader;
  reader.feed("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(reader.next().error().kind(), ErrorKind::upstream_error);
  EXPECT_FALSE(reader.next().has_value()) << "and keeps saying so";
}

TEST(AppendCommand, CountsBytesSoThatNothingInAWordMatters) {
  std::string bytes;
  append_command(bytes, {"SET", std::string("a\r\n\0b", 5), ""});
  EXPECT_EQ(bytes, std::string("*3\r\n$3\r\nSET\r\n$5\r\na\r\n\0b\r\n$0\r\n\r\n", 30));
}

}  // namespace
}  // namespace isa::store::redis
