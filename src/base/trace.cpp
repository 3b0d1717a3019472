#include "base/trace.h"

#include "base/ids.h"

#include <algorithm>

namespace isa {
namespace {

constexpr std::size_t kVersion0Size = 55;  // 00-<32>-<16>-<2>
constexpr std::size_t kStateMax = 512;
constexpr int kStateMembersMax = 32;
constexpr std::size_t kStateTextMax = 256;  // Of a key, and of a value.

bool is_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}
bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return is_hex(c); });
}
int hex_value(char c) {
  return c <= '9' ? c - '0' : c - 'a' + 10;
}

template <std::size_t size>
bool take_id(std::string_view text, std::array<char, size>& to) {
  if (!is_hex(text) || std::ranges::all_of(text, [](char c) { return c == '0'; })) return false;
  std::ranges::copy(text, to.begin());
  return true;
}

bool is_key(std::string_view text) {
  if (text.empty() || text.size() > kStateTextMax) return false;
  const auto is_lower_or_digit = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!is_lower_or_digit(text.front())) return false;
  if (std::ranges::count(text, '@') > 1 || text.back() == '@') return false;
  return std::ranges::all_of(text, [&](char c) {
    return is_lower_or_digit(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
  });
}

bool is_value(std::string_view text) {
  if (text.empty() || text.size() > kStateTextMax || text.back() == ' ') return false;
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

std::string_view without_spaces(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<TraceParent> parse_traceparent(std::string_view text) {
  if (text.size() < kVersion0Size || text[2] != '-' || text[35] != '-' || text[52] != '-')
    return std::nullopt;
  const auto version = text.substr(0, 2);
  if (!is_hex(version) || version == "ff") return std::nullopt;
  // A later version may append to what this one defines, after a dash.
  if (text.size() > kVersion0Size && (version == "00" || text[kVersion0Size] != '-')) return std::nullopt;
  TraceParent parsed;
  if (!take_id(text.substr(3, 32), parsed.trace_id)) return std::nullopt;
  if (!take_id(text.substr(36, 16), parsed.parent_id)) return std::nullopt;
  const auto flags = text.substr(53, 2);
  if (!is_hex(flags)) return std::nullopt;
  parsed.is_sampled = (hex_value(flags[1]) & 1) != 0;
  return parsed;
}

bool is_valid_tracestate(std::string_view text) {
  if (text.size() > kStateMax) return false;
  int members = 0;
  while (!text.empty()) {
    const auto comma = text.find(',');
    const auto member = without_spaces(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    if (member.empty()) continue;  // Empty members are allowed.
    const auto equals = member.find('=');
    if (equals == std::string_view::npos || ++members > kStateMembersMax) return false;
    if (!is_key(member.substr(0, equals)) || !is_value(member.substr(equals + 1))) return false;
  }
  return members > 0;
}

TraceContext TraceContext::written(std::string_view traceparent, std::string_view tracestate) {
  TraceContext context;
  const auto parsed = parse_traceparent(traceparent);
  if (!parsed) return context;
  context.own_ = *parsed;
  if (is_valid_tracestate(tracestate)) context.state_ = tracestate;
  return context;
}

TraceContext TraceContext::received(std::string_view traceparent, std::string_view tracestate) {
  auto context = written(traceparent, tracestate);
  const bool is_new = context.empty();
  // Both at once: it is a system call.
  const auto fresh = random_hex(is_new ? 24 : 8);
  std::ranges::copy(fresh.substr(0, 16), context.own_.parent_id.begin());
  if (is_new) std::ranges::copy(fresh.substr(16), context.own_.trace_id.begin());
  return context;
}

std::string TraceContext::traceparent() const {
  std::string text;
  text.reserve(kVersion0Size);
  text.append("00-").append(text_of(own_.trace_id)).append("-").append(text_of(own_.parent_id));
  return text.append(own_.is_sampled ? "-01" : "-00");
}

}  // namespace isa
