#include "store/cursor.h"

#include <gtest/gtest.h>

namespace isa::store {
namespace {

TEST(Cursor, ComesBackAsItWentOut) {
  for (const Cursor& cursor :
       {Cursor{1, "agent_a"}, Cursor{-5, "with:colon"}, Cursor{1'900'000'000'000, "\xff\x01"}}) {
    const auto text = to_text(cursor);
    const auto back = parse_cursor(text);
    ASSERT_TRUE(back) << text;
    EXPECT_EQ(back->position, cursor.position);
    EXPECT_EQ(back->id, cursor.id);
    EXPECT_EQ(text.find_first_of("+/="), std::string::npos) << text;
  }
}

TEST(Cursor, AnEmptyTextIsTheStart) {
  const auto start = parse_cursor("").value();
  EXPECT_EQ(start.position, std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(start.id.empty());
}

TEST(Cursor, RefusesWhatItDidNotMakeAndNamesTheField) {
  for (const auto& text : {std::string("%"), std::string("MTIz"), std::string("MTo"), std::string("OmE"),
                           to_text({1, "a"}) + "=", std::string(10'000, 'A')}) {
    const auto cursor = parse_cursor(text);
    ASSERT_FALSE(cursor) << text;
    EXPECT_EQ(cursor.error().kind(), ErrorKind::validation_error);
    EXPECT_EQ(cursor.error().param(), "/cursor");
  }
}

}  // namespace
}  // namespace isa::store
