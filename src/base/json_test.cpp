#include "base/json.h"

#include <gtest/gtest.h>

namespace isa::json {
namespace {

enum class Mode { REACTIVE, COLLABORATIVE };
BOOST_DESCRIBE_ENUM(Mode, REACTIVE, COLLABORATIVE)

struct Tool {
  std::string name;
  std::int64_t calls = 0;
};
BOOST_DESCRIBE_STRUCT(Tool, (), (name, calls))

struct Body {
  std::string name;
  std::optional<Mode> mode;
  Presence<std::string> description;
  std::optional<std::vector<Tool>> tools;
  std::optional<std::map<std::string, bool>> flags;
};
BOOST_DESCRIBE_STRUCT(Body, (), (name, mode, description, tools, flags))

struct Limits2 {
  using json_defaults = void;
  std::uint16_t turns = 50;
};
BOOST_DESCRIBE_STRUCT(Limits2, (), (turns))

std::string message(std::string_view text) {
  const auto body = parse_as<Body>(text);
  return body ? "" : body.error().message();
}

TEST(Json, ReadsNestedStructsEnumsAndLists) {
  const auto body =
      parse_as<Body>(R"({"name":"a","mode":"REACTIVE","tools":[{"name":"t","calls":2}],"flags":{"x":true}})")
          .value();

  EXPECT_EQ(body.name, "a");
  EXPECT_EQ(body.mode, Mode::REACTIVE);
  EXPECT_EQ(body.tools->at(0).calls, 2);
  EXPECT_TRUE(body.flags->at("x"));
}

TEST(Json, TellsAbsentFromNullFromAValue) {
  EXPECT_FALSE(parse_as<Body>(R"({"name":"a"})")->description.is_present());
  EXPECT_TRUE(parse_as<Body>(R"({"name":"a","description":null})")->description.is_null());
  EXPECT_EQ(*parse_as<Body>(R"({"name":"a","description":"d"})")->description, "d");
}

TEST(Json, NamesThePointerOfWhatIsWrong) {
  EXPECT_EQ(message(R"({"name":"a","tools":[{"name":"t","calls":"x"}]})"),
            "/tools/0/calls: expected an integer, found a string");
  EXPECT_EQ(message(R"({"name":"a","tools":[{"calls":1}]})"), "/tools/0/name: this field is required");
  EXPECT_EQ(message(R"({"name":"a","colour":1})"), "/colour: unknown field");
  EXPECT_EQ(message(R"({"name":"a","a/b~c":1})"), "/a~1b~0c: unknown field");
  EXPECT_EQ(message(R"({"name":"a","mode":"fast"})"), "/mode: 'fast' is not one of REACTIVE, COLLABORATIVE");
  EXPECT_EQ(message(R"([])"), "the document: expected an object, found an array");
}

TEST(Json, RefusesADuplicateKey) {
  EXPECT_EQ(message(R"({"name":"a","name":"b"})"),
            "the JSON document has the key 'name' twice in one object");
}

TEST(Json, RefusesWhatIsMalformedOrTooDeep) {
  EXPECT_EQ(parse_as<Body>("{\"name\":").error().kind(), ErrorKind::invalid_request);
  EXPECT_EQ(parse_as<Body>("{} x").error().kind(), ErrorKind::invalid_request);
  EXPECT_EQ(parse(std::string(100, '[') + std::string(100, ']')).error().kind(), ErrorKind::invalid_request);
  EXPECT_FALSE(parse("\"\xff\xfe\""));
}

TEST(Json, RefusesANumberThatNoDoubleHolds) {
  EXPECT_FALSE(parse("[1e999]"));
  EXPECT_FALSE(parse("-1e999"));
  EXPECT_TRUE(parse("[1e308, 1e-999]"));
}

TEST(Json, KeepsDefaultsWhereAStructAllowsThem) {
  EXPECT_EQ(parse_as<Limits2>("{}")->turns, 50);
  EXPECT_EQ(parse_as<Limits2>(R"({"turns":70000})").error().message(),
            "/turns: must be an integer from 0 to 65535");
}

TEST(Json, WritesWhatItReads) {
  const std::string text = R"({"name":"a","mode":"COLLABORATIVE","tools":[{"name":"t","calls":1}]})";
  EXPECT_EQ(serialize(write(parse_as<Body>(text).value())), text);
}

TEST(Json, WritesNumbersAsPeopleExpectThemAndReadsThemBack) {
  const std::vector<std::pair<double, std::string>> spellings{
      {0.0, "0.0"},           {-0.0, "-0.0"},
      {1.0, "1.0"},           {0.1, "0.1"},
      {-2.5, "-2.5"},         {100000.0, "100000.0"},
      {0.000125, "0.000125"}, {1e-7, "1e-07"},
      {1e21, "1e+21"},        {0.1 + 0.2, "0.30000000000000004"}};
  for (const auto& [number, spelling] : spellings) {
    EXPECT_EQ(serialize(value(number)), spelling);
    EXPECT_EQ(std::strtod(spelling.c_str(), nullptr), number);
    const auto again = parse(spelling);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->is_double()) << spelling;
  }
  EXPECT_EQ(serialize(value(1)), "1");
  EXPECT_EQ(serialize(value(std::numeric_limits<std::int64_t>::min())), "-9223372036854775808");
  EXPECT_EQ(serialize(value(std::numeric_limits<std::uint64_t>::max())), "18446744073709551615");
  EXPECT_EQ(serialize(value(std::numeric_limits<double>::quiet_NaN())), "null");
}

TEST(Json, WritesEveryKindOfValue) {
  const std::string text = R"({"a":[null,true,false,{},[],"\"\\\n\u0001"],"b":{"c":-1}})";
  EXPECT_EQ(serialize(parse(text).value()), text);
  EXPECT_EQ(serialize(value("a\xFF")), "\"a\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace isa::json
