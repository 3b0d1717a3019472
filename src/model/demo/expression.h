// Arithmetic as people type it: + - * / ^, parentheses, decimals, unary minus.
#pragma once

#include "base/result.h"

#include <optional>
#include <string>
#include <string_view>

namespace isa::model::demo {

// validation_error when `text` is no expression, nests deeper than 64, divides by zero, or has no finite real
// value. ^ binds tighter than a sign before it and to the right: -2^2 is -4, 2^3^2 is 512.
Result<double> evaluate(std::string_view text);

// The arithmetic in a sentence ("What is 2 + 2?" -> "2 + 2"), or nothing. The words plus, minus, times,
// "divided by" count as their signs, so the answer is a copy.
std::optional<std::string> find_expression(std::string_view sentence);

// 15 significant digits, without a needless fraction: 4, 0.3, 1e+20.
std::string format_number(double number);

}  // namespace isa::model::demo
