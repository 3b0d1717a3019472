#include "model/demo/expression.h"

#include <gtest/gtest.h>

namespace isa::model::demo {
namespace {

std::string value(std::string_view text) {
  const auto number = evaluate(text);
  return number ? format_number(*number) : number.error().message();
}

TEST(Expression, KnowsPrecedenceAndAssociativity) {
  EXPECT_EQ(value("2+3*4"), "14");
  EXPECT_EQ(value("10-4-3"), "3");
  EXPECT_EQ(value("2^3^2"), "512");
  EXPECT_EQ(value("-2^2"), "-4");
  EXPECT_EQ(value("2^-1"), "0.5");
  EXPECT_EQ(value("-(3 - 5) * --2"), "4");
}

TEST(Expression, RoundsAsPeopleExpect) {
  EXPECT_EQ(value("0.1 + 0.2"), "0.3");
  EXPECT_EQ(value(".5*4"), "2");
  EXPECT_EQ(value("0*-1"), "0");
}

TEST(Expression, SaysWhyThereIsNoResult) {
  EXPECT_EQ(value("1/(2-2)"), "division by zero has no result");
  EXPECT_EQ(value("0^-1"), "division by zero has no result");
  EXPECT_EQ(value("(-8)^0.5"), "the result is no finite real number");
  EXPECT_EQ(value("9^9^9"), "the result is no finite real number");
  EXPECT_EQ(value("(1+2"), "a closing parenthesis is missing");
  EXPECT_EQ(value("1+"), "a number is missing");
  EXPECT_EQ(value("1 2"), "'2' is not part of an expression");
  EXPECT_FALSE(evaluate(std::string(100'000, '(')));
  EXPECT_FALSE(evaluate(std::string(100'000, '-')));
}

TEST(Expression, IsFoundInASentenceOnlyWhereSomethingIsComputed) {
  EXPECT_EQ(find_expression("What is 2+2?"), "2+2");
  EXPECT_EQ(find_expression("what is 3 times (4 plus 1)?"), "3 * (4 + 1)");
  EXPECT_EQ(find_expression("I have 3 files and -5 degrees"), std::nullopt);
  EXPECT_EQ(find_expression("no digits at all - none"), std::nullopt);
}

}  // namespace
}  // namespace isa::model::demo
