// Integers in files, the same on every machine.
#pragma once

#include <concepts>
#include <cstring>
#include <string>
#include <string_view>

namespace isa::store {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "files hold little-endian integers; this machine needs swaps");

template <std::integral T>
void append_integer(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

// `from` holds at least sizeof(T) bytes.
template <std::integral T>
T integer_at(std::string_view from) {
  T value;
  std::memcpy(&value, from.data(), sizeof value);
  return value;
}

}  // namespace isa::store
