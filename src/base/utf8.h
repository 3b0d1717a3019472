// UTF-8 that came from elsewhere: a model, a file, a process.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace isa {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Length of the well-formed sequence at the front of `text` (The Unicode Standard, table 3-7), or 0 when
// there is none: overlong forms, surrogates and what is cut off count as ill-formed.
std::size_t utf8_sequence(std::string_view text);

bool is_utf8(std::string_view text);

// Every ill-formed byte becomes U+FFFD. Text that is well-formed is returned as it is, without a copy.
std::string to_valid_utf8(std::string text);

// Bytes at the end of `text` that begin a character and do not finish it: what a stream is waited for.
std::size_t unfinished_utf8(std::string_view text);

// The longest front of `text` that has at most `max` bytes and does not end within a character.
std::string_view cut_utf8(std::string_view text, std::size_t max);

}  // namespace isa
