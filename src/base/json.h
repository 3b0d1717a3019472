// Strict JSON <-> struct, by description.
//
//   struct CreateSession {
//     std::string agent_config_id;                // required, null refused
//     std::optional<std::string> title;           // absent and null are the same
//     Presence<std::string> description;          // absent, null and a value are three things (PATCH)
//   };
//   BOOST_DESCRIBE_STRUCT(CreateSession, (), (agent_config_id, title, description))
//
//   Result<CreateSession> body = json::parse_as<CreateSession>(text);
//
// An unknown field, a duplicate key or a wrong type is an error that names the JSON pointer (RFC 6901).
// A struct may relax two rules with a member alias:
//   using json_defaults = void;        // any field may be absent and then keeps its member initializer
//   using json_ignore_unknown = void;  // for what others send us: unknown fields are skipped
// Enumerations are described with BOOST_DESCRIBE_ENUM; the enumerator's name is its spelling on the wire. A
// trailing underscore, for words that C++ keeps to itself (private_, default_), is not part of the spelling.
#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enum_to_string.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <boost/mp11/algorithm.hpp>

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace isa {

// A field of a body that may be absent, null, or hold a value.
template <class T>
class Presence {
 public:
  Presence() = default;
  Presence(T value) : present_(true), value_(std::move(value)) {}
  static Presence null() {
    Presence p;
    p.present_ = true;
    return p;
  }
  bool is_present() const { return present_; }
  bool is_null() const { return present_ && !value_; }
  bool has_value() const { return value_.has_value(); }
  const T& operator*() const { return *value_; }
  const T* operator->() const { return &*value_; }
  T value_or(T fallback) const { return value_ ? *value_ : std::move(fallback); }

 private:
  bool present_ = false;
  std::optional<T> value_;
};

namespace json {

using boost::json::array;
using boost::json::object;
using boost::json::string;
using boost::json::value;

struct Limits {
  std::size_t depth = 64;
};

// Parses one document. invalid_request when malformed (with the byte offset), too deep, or holding a key
// twice in one object. Numbers without fraction are int64/uint64, others double.
Result<value> parse(std::string_view text, Limits limits = {});
std::string serialize(const value& from);

// Where in the document a reader stands; printed as a JSON pointer only when something is wrong.
struct Path {
  const Path* parent = nullptr;
  std::string_view key = {};
  std::size_t index = 0;
  std::string pointer() const;
};

// "expected a string, found a number" with the pointer as param. what: "a string", "an integer from 1 to 8".
Error expected(const Path& at, std::string_view what, const value& found);
Error broken_rule(const Path& at, std::string rule);

namespace detail {

template <class T>
concept Described = boost::describe::has_describe_members<T>::value;
template <class T>
concept DescribedEnum = boost::describe::has_describe_enumerators<T>::value;
template <class T>
concept HasDefaults = requires { typename T::json_defaults; };
template <class T>
concept IgnoresUnknown = requires { typename T::json_ignore_unknown; };

constexpr std::string_view wire_name(std::string_view name) {
  if (name.ends_with('_')) name.remove_suffix(1);
  return name;
}

template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};
template <class T>
struct is_optional<Presence<T>> : std::true_type {};

template <class T>
using Members =
    boost::describe::describe_members<T, boost::describe::mod_any_access | boost::describe::mod_inherited>;

Result<void> read(const value& from, bool& to, const Path& at);
Result<void> read(const value& from, double& to, const Path& at);
Result<void> read(const value& from, std::string& to, const Path& at);
Result<void> read(const value& from, Timestamp& to, const Path& at);
Result<void> read(const value& from, value& to, const Path& at);
Result<void> read(const value& from, object& to, const Path& at);
Result<void> read(const value& from, array& to, const Path& at);
Result<void> read_integer(const value& from, std::int64_t min, std::int64_t max, std::int64_t& to,
                          const Path& at);
Error unknown_field(const Path& at, std::string_view key);
Error missing_field(const Path& at, std::string_view key);
Error not_one_of(const Path& at, const std::vector<std::string_view>& names, const value& found);

template <std::integral T>
Result<void> read(const value& from, T& to, const Path& at) {
  constexpr auto top = sizeof(T) < 8 ? static_cast<std::int64_t>(std::numeric_limits<T>::max())
                                     : std::numeric_limits<std::int64_t>::max();
  constexpr auto bottom =
      std::is_unsigned_v<T> ? 0 : static_cast<std::int64_t>(std::numeric_limits<T>::min());
  std::int64_t number = 0;
  ISA_TRYV(read_integer(from, bottom, top, number, at));
  to = static_cast<T>(number);
  return ok();
}

template <class Tag>
Result<void> read(const value& from, Id<Tag>& to, const Path& at) {
  std::string text;
  ISA_TRYV(read(from, text, at));
  if (text.empty() || text.size() > 128) return broken_rule(at, "must be an id of 1 to 128 characters");
  to = Id<Tag>(std::move(text));
  return ok();
}

template <DescribedEnum E>
Result<void> read(const value& from, E& to, const Path& at) {
  bool found = false;
  std::vector<std::string_view> names;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
    names.push_back(wire_name(d.name));
    if (from.is_string() && std::string_view(from.get_string()) == names.back()) {
      to = d.value;
      found = true;
    }
  });
  if (!found) return not_one_of(at, names, from);
  return ok();
}

template <Described T>
Result<void> read(const value& from, T& to, const Path& at);
template <class T>
Result<void> read(const value& from, std::vector<T>& to, const Path& at);
template <class T>
Result<void> read(const value& from, std::map<std::string, T>& to, const Path& at);

template <class T>
Result<void> read(const value& from, std::optional<T>& to, const Path& at) {
  if (from.is_null()) {
    to.reset();
    return ok();
  }
  return read(from, to.emplace(), at);
}

template <class T>
Result<void> read(const value& from, Presence<T>& to, const Path& at) {
  if (from.is_null()) {
    to = Presence<T>::null();
    return ok();
  }
  T inner{};
  ISA_TRYV(read(from, inner, at));
  to = Presence<T>(std::move(inner));
  return ok();
}

template <class T>
Result<void> read(const value& from, std::vector<T>& to, const Path& at) {
  if (!from.is_array()) return expected(at, "an array", from);
  to.clear();
  for (std::size_t i = 0; i < from.get_array().size(); ++i) {
    T item{};
    ISA_TRYV(read(from.get_array()[i], item, Path{&at, {}, i}));
    to.push_back(std::move(item));
  }
  return ok();
}

template <class T>
Result<void> read(const value& from, std::map<std::string, T>& to, const Path& at) {
  if (!from.is_object()) return expected(at, "an object", from);
  to.clear();
  for (const auto& entry : from.get_object()) {
    T item{};
    ISA_TRYV(read(entry.value(), item, Path{&at, entry.key()}));
    to.emplace(std::string(entry.key()), std::move(item));
  }
  return ok();
}

template <Described T>
Result<void> read(const value& from, T& to, const Path& at) {
  if (!from.is_object()) return expected(at, "an object", from);
  const auto& fields = from.get_object();
  Result<void> status = ok();
  std::size_t known = 0;
  boost::mp11::mp_for_each<Members<T>>([&](auto d) {
    if (!status) return;
    auto& member = to.*d.pointer;
    const auto name = wire_name(d.name);
    const auto* field = fields.if_contains(name);
    if (!field) {
      if constexpr (!HasDefaults<T> && !is_optional<std::remove_reference_t<decltype(member)>>::value)
        status = missing_field(at, name);
      return;
    }
    ++known;
    status = read(*field, member, Path{&at, name});
  });
  if (!status || IgnoresUnknown<T> || known == fields.size()) return status;
  for (const auto& entry : fields) {
    bool is_known = false;
    boost::mp11::mp_for_each<Members<T>>(
        [&](auto d) { is_known = is_known || std::string_view(entry.key()) == wire_name(d.name); });
    if (!is_known) return unknown_field(at, entry.key());
  }
  return ok();
}

inline value write(bool from) {
  return from;
}
inline value write(double from) {
  return from;
}
inline value write(const std::string& from) {
  return value(from);
}
inline value write(std::string_view from) {
  return value(from);
}
inline value write(Timestamp from) {
  return value(to_rfc3339(from));
}
inline value write(const value& from) {
  return from;
}
inline value write(const object& from) {
  return from;
}
inline value write(const array& from) {
  return from;
}
template <std::integral T>
value write(T from) {
  return value(from);
}
template <class Tag>
value write(const Id<Tag>& from) {
  return value(from.value());
}
template <DescribedEnum E>
value write(E from) {
  return value(wire_name(boost::describe::enum_to_string(from, "")));
}
template <Described T>
value write(const T& from);
template <class T>
value write(const std::vector<T>& from);
template <class T>
value write(const std::map<std::string, T>& from);
template <class T>
value write(const std::optional<T>& from) {
  if (!from) return nullptr;
  return write(*from);
}
template <class T>
value write(const std::vector<T>& from) {
  array to;
  to.reserve(from.size());
  for (const auto& item : from) to.push_back(write(item));
  return to;
}
template <class T>
value write(const std::map<std::string, T>& from) {
  object to;
  for (const auto& [key, item] : from) to[key] = write(item);
  return to;
}
template <Described T>
value write(const T& from) {
  object to;
  boost::mp11::mp_for_each<Members<T>>([&](auto d) {
    const auto& member = from.*d.pointer;
    using Member = std::remove_cvref_t<decltype(member)>;
    if constexpr (is_optional<Member>::value) {
      if (!member.has_value()) return;
      to[wire_name(d.name)] = write(*member);
    } else {
      to[wire_name(d.name)] = write(member);
    }
  });
  return to;
}

}  // namespace detail

template <class T>
Result<T> read(const value& from) {
  T to{};
  ISA_TRYV(detail::read(from, to, Path{}));
  return to;
}

template <class T>
Result<T> parse_as(std::string_view text) {
  ISA_TRY(const auto document, parse(text));
  return read<T>(document);
}

// An empty std::optional is left out.
template <class T>
value write(const T& from) {
  return detail::write(from);
}

template <detail::DescribedEnum E>
std::string_view name_of(E from) {
  return detail::wire_name(boost::describe::enum_to_string(from, ""));
}

// Nothing when `text` names no enumerator.
template <detail::DescribedEnum E>
std::optional<E> enum_named(std::string_view text) {
  std::optional<E> found;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
    if (text == detail::wire_name(d.name)) found = d.value;
  });
  return found;
}

}  // namespace json
}  // namespace isa
