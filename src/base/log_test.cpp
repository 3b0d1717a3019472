#include "base/log.h"

#include "base/json.h"

#include <gtest/gtest.h>

namespace isa::log {
namespace {

class LogTest : public ::testing::Test {
 protected:
  LogTest() {
    set_sink([this](Level level, std::string_view line) {
      levels_.push_back(level);
      lines_.emplace_back(line);
    });
  }
  ~LogTest() override {
    set_sink(nullptr);
    set_level(Level::info);
  }
  std::vector<Level> levels_;
  std::vector<std::string> lines_;
};

TEST_F(LogTest, ALineIsOneJsonObjectWithTimeLevelEventAndFields) {
  warn("pool.slow", {{"wait_ms", 12}, {"pool", "agent"}, {"ok", false}, {"text", std::string("a\n\"b\"")}});

  ASSERT_EQ(lines_.size(), 1U);
  EXPECT_EQ(levels_[0], Level::warn);
  const auto line = json::parse(lines_[0]).value().as_object();
  EXPECT_TRUE(parse_rfc3339(line.at("time").as_string()));
  EXPECT_EQ(line.at("level"), "warn");
  EXPECT_EQ(line.at("event"), "pool.slow");
  EXPECT_EQ(line.at("wait_ms"), 12);
  EXPECT_EQ(line.at("pool"), "agent");
  EXPECT_EQ(line.at("ok"), false);
  EXPECT_EQ(line.at("text"), "a\n\"b\"");
  EXPECT_EQ(lines_[0].find('\n'), std::string::npos);
}

TEST_F(LogTest, WhatIsBelowTheLevelIsNotWritten) {
  debug("a");
  info("b");
  set_level(Level::error);
  warn("c");
  error("d");
  set_level(Level::debug);
  debug("e");

  ASSERT_EQ(lines_.size(), 3U);
  EXPECT_NE(lines_[0].find("\"b\""), std::string::npos);
  EXPECT_NE(lines_[1].find("\"d\""), std::string::npos);
  EXPECT_NE(lines_[2].find("\"e\""), std::string::npos);
}

TEST_F(LogTest, AnEmptySinkMeansStandardErrorAgain) {
  set_sink(nullptr);
  ::testing::internal::CaptureStderr();
  info("here");
  const auto text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("\"event\":\"here\""), std::string::npos);
  EXPECT_TRUE(text.ends_with("}\n"));
}

}  // namespace
}  // namespace isa::log
