#include "sdk/context.h"

#include <gtest/gtest.h>

namespace isa::sdk {
namespace {

Message said(ChatRole role, std::size_t bytes, char mark = 'x') {
  return Message::make(role, std::string(bytes, mark));
}

// A call and its result, as an agent that works alone piles them up.
void add_call(std::vector<Message>& to, int number, std::size_t result_bytes) {
  const auto id = "call_" + std::to_string(number);
  Message call{.role = ChatRole::assistant,
               .parts = {Part::make_tool_call(id, "read_file", R"({"file_path":"a"})")}};
  Message result{.role = ChatRole::tool,
                 .parts = {Part::make_tool_result(id, std::string(result_bytes, 'r'), false)}};
  to.push_back(std::move(call));
  to.push_back(std::move(result));
}

void expect_no_orphans(const std::vector<Message>& messages) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto calls = messages[i].tool_calls();
    if (!calls.empty()) {
      ASSERT_LT(i + 1, messages.size());
      EXPECT_EQ(messages[i + 1].parts.at(0).id, calls[0].id);
    }
    if (messages[i].role == ChatRole::tool) {
      ASSERT_GT(i, 0U);
      EXPECT_FALSE(messages[i - 1].tool_calls().empty()) << "a result without its call at " << i;
    }
  }
}

TEST(Context, AConversationWithoutASummaryIsShownAsItIs) {
  const std::vector<Message> conversation{said(ChatRole::user, 5), said(ChatRole::assistant, 5)};
  EXPECT_EQ(json::serialize(to_json(shown(conversation))), json::serialize(to_json(conversation)));
}

TEST(Context, ASummaryIsShownInPlaceOfWhatItStandsFor) {
  std::vector<Message> conversation{said(ChatRole::user, 5, 'a'), said(ChatRole::assistant, 5, 'b'),
                                    said(ChatRole::user, 5, 'c')};
  conversation.push_back(make_summary(conversation, 2, "they talked"));
  conversation.push_back(said(ChatRole::assistant, 5, 'd'));

  const auto view = shown(conversation);

  ASSERT_EQ(view.size(), 3U);
  EXPECT_NE(view[0].text().find("they talked"), std::string::npos);
  EXPECT_EQ(view[1].text(), "ccccc");
  EXPECT_EQ(view[2].text(), "ddddd");
}

TEST(Context, ASecondSummaryReplacesTheFirst) {
  std::vector<Message> conversation{said(ChatRole::user, 5, 'a'), said(ChatRole::assistant, 5, 'b')};
  conversation.push_back(make_summary(conversation, 1, "first"));
  conversation.push_back(said(ChatRole::user, 5, 'c'));
  conversation.push_back(make_summary(conversation, 3, "second"));

  const auto view = shown(conversation);

  ASSERT_EQ(view.size(), 2U);
  EXPECT_NE(view[0].text().find("second"), std::string::npos);
  EXPECT_EQ(view[1].text(), "ccccc");
}

TEST(Context, ACutNeverTearsACallFromItsResultAndKeepsTheLastOnes) {
  std::vector<Message> conversation{said(ChatRole::user, 40)};
  for (int i = 0; i < 20; ++i) add_call(conversation, i, 400);
  for (const std::int64_t recent : {0, 50, 120, 130, 500, 1000, 1500}) {
    const auto cut = cut_for_summary(conversation, recent);
    ASSERT_TRUE(cut) << recent;
    auto with_summary = conversation;
    with_summary.push_back(make_summary(conversation, *cut, "s"));
    const auto view = shown(with_summary);
    expect_no_orphans(view);
    EXPECT_EQ(view.back().parts.at(0).id, "call_19");
    EXPECT_LE(estimated_tokens(std::span(conversation).subspan(*cut)), std::max<std::int64_t>(recent, 120));
  }
}

TEST(Context, WhatCannotBeCutIsNotCut) {
  std::vector<Message> conversation{said(ChatRole::user, 100'000)};
  EXPECT_FALSE(cut_for_summary(conversation, 10));
  conversation.push_back(said(ChatRole::assistant, 5));
  conversation.push_back(make_summary(conversation, 1, "s"));
  EXPECT_FALSE(cut_for_summary(conversation, 10));  // Only where it was cut already.
}

TEST(Context, TheUsersLastWordsSurviveTheCut) {
  std::vector<Message> conversation{Message::make(ChatRole::user, "paint it blue")};
  for (int i = 0; i < 5; ++i) add_call(conversation, i, 400);
  const auto summary = make_summary(conversation, 9, "work was done");
  EXPECT_NE(summary.text().find("paint it blue"), std::string::npos);
  EXPECT_EQ(make_summary(conversation, 0, "x").text().find("paint it blue"), std::string::npos);
}

TEST(Context, OldResultsAreShownShortenedAndRecentOnesWhole) {
  std::vector<Message> conversation{said(ChatRole::user, 5)};
  for (int i = 0; i < 4; ++i) add_call(conversation, i, 8000);

  const auto view = shown_shortened(conversation, 2500);

  EXPECT_LT(view[2].parts[0].text.size(), 600U);
  EXPECT_NE(view[2].parts[0].text.find("bytes left out"), std::string::npos);
  EXPECT_EQ(view[8].parts[0].text.size(), 8000U);
  expect_no_orphans(view);
}

TEST(Context, WhatIsSummarisedFitsWhatMayBeAsked) {
  std::vector<Message> conversation{said(ChatRole::user, 5)};
  for (int i = 0; i < 200; ++i) add_call(conversation, i, 4000);
  const auto request = summary_request(conversation, conversation.size(), 4000);
  EXPECT_LE(estimated_tokens(request.messages), 4600);
}

}  // namespace
}  // namespace isa::sdk
