#include "base/json.h"

#include "base/json_text.h"

#include <boost/json/basic_parser_impl.hpp>

#include <cmath>
#include <set>

namespace isa::json {
namespace {

// Builds a value while refusing duplicate keys, which boost::json::parse would silently resolve.
struct Builder {
  static constexpr std::size_t max_object_size = std::size_t(-1) >> 1;
  static constexpr std::size_t max_array_size = std::size_t(-1) >> 1;
  static constexpr std::size_t max_key_size = std::size_t(-1) >> 1;
  static constexpr std::size_t max_string_size = std::size_t(-1) >> 1;

  using Code = boost::json::error_code;
  using View = boost::json::string_view;

  struct Open {
    value container;
    std::string key;  // Of the member that is being read.
  };
  std::vector<Open> open;
  value root;
  std::string text;  // A string or key that arrives in parts.
  std::string duplicate;

  void add(value item) {
    if (open.empty()) {
      root = std::move(item);
    } else if (auto* list = open.back().container.if_array()) {
      list->push_back(std::move(item));
    } else {
      open.back().container.get_object().emplace(open.back().key, std::move(item));
    }
  }
  bool close() {
    value done = std::move(open.back().container);
    open.pop_back();
    add(std::move(done));
    return true;
  }

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return open.push_back({object(), {}}), true; }
  bool on_object_end(std::size_t, Code&) { return close(); }
  bool on_array_begin(Code&) { return open.push_back({array(), {}}), true; }
  bool on_array_end(std::size_t, Code&) { return close(); }
  bool on_key_part(View part, std::size_t, Code&) { return text.append(part), true; }
  bool on_key(View last, std::size_t, Code& ec) {
    text.append(last);
    if (open.back().container.get_object().contains(text)) {
      duplicate = std::move(text);
      ec = boost::json::error::extra_data;
      return false;
    }
    open.back().key = std::move(text);
    text.clear();
    return true;
  }
  bool on_string_part(View part, std::size_t, Code&) { return text.append(part), true; }
  bool on_string(View last, std::size_t, Code&) {
    text.append(last);
    add(value(text));
    text.clear();
    return true;
  }
  bool on_number_part(View, Code&) { return true; }
  bool on_int64(std::int64_t number, View, Code&) { return add(number), true; }
  bool on_uint64(std::uint64_t number, View, Code&) { return add(number), true; }
  bool on_double(double number, View, Code& ec) {
    // 1e999 would become an infinity, which JSON cannot say back.
    if (!std::isfinite(number)) return ec = boost::json::error::exponent_overflow, false;
    return add(number), true;
  }
  bool on_bool(bool flag, Code&) { return add(flag), true; }
  bool on_null(Code&) { return add(nullptr), true; }
  bool on_comment_part(View, Code&) { return true; }
  bool on_comment(View, Code&) { return true; }
};

std::string_view kind_name(const value& v) {
  switch (v.kind()) {
    case boost::json::kind::null: return "null";
    case boost::json::kind::bool_: return "a boolean";
    case boost::json::kind::int64:
    case boost::json::kind::uint64: return "an integer";
    case boost::json::kind::double_: return "a number";
    case boost::json::kind::string: return "a string";
    case boost::json::kind::array: return "an array";
    case boost::json::kind::object: return "an object";
  }
  return "something else";
}

std::string where(const std::string& pointer) {
  return pointer.empty() ? "the document" : pointer;
}

}  // namespace

Result<value> parse(std::string_view text, Limits limits) {
  boost::json::parse_options options;
  options.max_depth = limits.depth;
  boost::json::basic_parser<Builder> parser(options);
  boost::json::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (!parser.handler().duplicate.empty())
    return invalid_request("the JSON document has the key '{}' twice in one object",
                           parser.handler().duplicate);
  if (!ec && used < text.size()) ec = boost::json::error::extra_data;
  if (ec) return invalid_request("the JSON document is malformed at byte {}: {}", used, ec.message());
  return std::move(parser.handler().root);
}

std::string serialize(const value& from) {
  std::string text;
  append(text, from);
  return text;
}

std::string Path::pointer() const {
  if (!parent) return "";
  std::string text = parent->pointer() + "/";
  if (key.empty()) return text + std::to_string(index);
  for (const char c : key) {
    if (c == '~')
      text += "~0";
    else if (c == '/')
      text += "~1";
    else
      text += c;
  }
  return text;
}

Error expected(const Path& at, std::string_view what, const value& found) {
  auto pointer = at.pointer();
  auto error = validation_error("{}: expected {}, found {}", where(pointer), what, kind_name(found));
  return std::move(error).with_param(std::move(pointer));
}

Error broken_rule(const Path& at, std::string rule) {
  auto pointer = at.pointer();
  return validation_error("{}: {}", where(pointer), rule).with_param(pointer);
}

namespace detail {

Result<void> read(const value& from, bool& to, const Path& at) {
  if (!from.is_bool()) return expected(at, "true or false", from);
  to = from.get_bool();
  return ok();
}

Result<void> read(const value& from, double& to, const Path& at) {
  if (!from.is_number()) return expected(at, "a number", from);
  to = from.to_number<double>();
  return ok();
}

Result<void> read(const value& from, std::string& to, const Path& at) {
  if (!from.is_string()) return expected(at, "a string", from);
  to = std::string(from.get_string());
  return ok();
}

Result<void> read(const value& from, Timestamp& to, const Path& at) {
  if (!from.is_string()) return expected(at, "an RFC 3339 time", from);
  auto time = parse_rfc3339(from.get_string());
  if (!time) return broken_rule(at, time.error().message());
  to = *time;
  return ok();
}

Result<void> read(const value& from, value& to, const Path&) {
  to = from;
  return ok();
}

Result<void> read(const value& from, object& to, const Path& at) {
  if (!from.is_object()) return expected(at, "an object", from);
  to = from.get_object();
  return ok();
}

Result<void> read(const value& from, array& to, const Path& at) {
  if (!from.is_array()) return expected(at, "an array", from);
  to = from.get_array();
  return ok();
}

Result<void> read_integer(const value& from, std::int64_t min, std::int64_t max, std::int64_t& to,
                          const Path& at) {
  if (from.is_int64()) {
    to = from.get_int64();
  } else if (from.is_uint64() && from.get_uint64() <= static_cast<std::uint64_t>(max)) {
    to = static_cast<std::int64_t>(from.get_uint64());
  } else {
    return expected(at, "an integer", from);
  }
  if (to < min || to > max) return broken_rule(at, fmt::format("must be an integer from {} to {}", min, max));
  return ok();
}

Error unknown_field(const Path& at, std::string_view key) {
  const auto pointer = Path{&at, key}.pointer();
  return validation_error("{}: unknown field", pointer).with_param(pointer);
}

Error missing_field(const Path& at, std::string_view key) {
  const auto pointer = Path{&at, key}.pointer();
  return validation_error("{}: this field is required", pointer).with_param(pointer);
}

Error not_one_of(const Path& at, const std::vector<std::string_view>& names, const value& found) {
  std::string list;
  for (const auto name : names) list += (list.empty() ? "" : ", ") + std::string(name);
  if (!found.is_string()) return expected(at, "one of " + list, found);
  return broken_rule(at, fmt::format("'{}' is not one of {}", std::string_view(found.get_string()), list));
}

}  // namespace detail
}  // namespace isa::json
