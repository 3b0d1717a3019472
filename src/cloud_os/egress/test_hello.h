// For tests: ClientHellos of every kind, also of those that no library sends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace isa::cloud_os::testing {

inline std::string number(std::size_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

inline std::string counted(std::string_view text, int bytes) {
  return number(text.size(), bytes).append(text);
}

inline std::string extension(std::uint16_t type, std::string_view body) {
  return number(type, 2) + counted(body, 2);
}

inline std::string server_name_extension(std::string_view name) {
  return extension(0, counted(std::string(1, '\0') + counted(name, 2), 2));
}

inline std::string hello_message(std::string_view extensions) {
  const auto body = number(0x0303, 2) + std::string(32, 'r') + counted("", 1) + counted("\x13\x01", 2) +
                    counted(std::string(1, '\0'), 1) + counted(extensions, 2);
  return "\x01" + counted(body, 3);
}

inline std::string in_records(std::string_view message, std::size_t record_max = 1 << 14) {
  std::string bytes;
  for (; !message.empty(); message.remove_prefix(std::min(record_max, message.size())))
    bytes += "\x16\x03\x01" + counted(message.substr(0, record_max), 2);
  return bytes;
}

// Everything that a TLS client says first.
inline std::string hello_to(std::string_view name) {
  return in_records(hello_message(server_name_extension(name)));
}

}  // namespace isa::cloud_os::testing
