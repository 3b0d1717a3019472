#include "sdk/schema/identifiers.h"

#include <boost/url/parse.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/url.hpp>

#include <charconv>

namespace isa::sdk::schema {
namespace {

std::string_view text_of(const json::value& schema, std::string_view key) {
  const auto* fields = schema.if_object();
  const auto* field = fields ? fields->if_contains(key) : nullptr;
  const auto* text = field ? field->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

std::string_view document_of(std::string_view uri) {
  return uri.substr(0, uri.find('#'));
}
std::string_view fragment_of(std::string_view uri) {
  const auto hash = uri.find('#');
  return hash == std::string_view::npos ? std::string_view() : uri.substr(hash + 1);
}

// %25 is %, as in any fragment of a URI. What is no escape stays as it is.
std::string decoded(std::string_view text) {
  std::string to;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const auto* digits = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2) {
      to += static_cast<char>(code);
      i += 2;
    } else {
      to += text[i];
    }
  }
  return to;
}

// "~1" is "/" and "~0" is "~" (RFC 6901).
std::string unescaped(std::string_view step) {
  std::string to;
  for (std::size_t i = 0; i < step.size(); ++i) {
    const bool is_escape = step[i] == '~' && i + 1 < step.size();
    to += !is_escape ? step[i] : step[i + 1] == '1' ? '/' : '~';
    if (is_escape) ++i;
  }
  return to;
}

const json::value* child(const json::value& of, const std::string& name) {
  if (const auto* fields = of.if_object()) return fields->if_contains(name);
  const auto* items = of.if_array();
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  const bool is_index = error == std::errc() && end == name.data() + name.size();
  return items && is_index && index < items->size() ? &(*items)[index] : nullptr;
}

}  // namespace

std::string resolved_uri(const std::string& base, std::string_view reference) {
  if (reference.empty() || reference.front() == '#')
    return std::string(document_of(base)) + std::string(reference);
  const auto from = boost::urls::parse_uri(base);
  const auto to = boost::urls::parse_uri_reference(reference);
  boost::urls::url resolved;
  if (!from || !to || !boost::urls::resolve(*from, *to, resolved)) return std::string(reference);
  return std::string(resolved.buffer());
}

std::string_view without_root(std::string_view uri) {
  if (uri.starts_with(kRootUri)) uri.remove_prefix(kRootUri.size());
  return uri;
}

void Identifiers::add_root(const json::value& schema) {
  documents_.emplace(kRootUri, &schema);
}

Result<void> Identifiers::add(const json::value& schema, const json::Path& at, std::string& base) {
  if (const auto id = text_of(schema, "$id"); id.starts_with('#') && id.size() > 1) {
    anchors_.insert_or_assign(std::string(document_of(base)) + std::string(id), Target{&schema, base});
  } else if (!id.empty()) {
    base = std::string(document_of(resolved_uri(base, id)));
    documents_.insert_or_assign(base, &schema);
  }
  for (const auto key : {"$anchor", "$dynamicAnchor"}) {
    const auto name = text_of(schema, key);
    if (name.empty()) continue;
    if (name.find_first_of("#/") != std::string_view::npos)
      return json::broken_rule(json::Path{&at, key}, "a name without '#' and '/' is expected");
    anchors_.insert_or_assign(fmt::format("{}#{}", document_of(base), name), Target{&schema, base});
  }
  return ok();
}

std::optional<Identifiers::Target> Identifiers::find(std::string_view uri) const {
  const auto document = documents_.find(document_of(uri));
  const auto fragment = decoded(fragment_of(uri));
  if (document != documents_.end() && fragment.empty()) return Target{document->second, document->first};
  if (document != documents_.end() && fragment.starts_with('/'))
    return follow(*document->second, document->first, fragment);
  const auto anchor = anchors_.find(fmt::format("{}#{}", document_of(uri), fragment));
  return anchor == anchors_.end() ? std::nullopt : std::optional(anchor->second);
}

std::optional<Identifiers::Target> Identifiers::follow(const json::value& from, std::string base,
                                                       std::string_view pointer) const {
  const json::value* at = &from;
  while (at && !pointer.empty()) {
    const auto end = std::min(pointer.find('/', 1), pointer.size());
    at = child(*at, unescaped(pointer.substr(1, end - 1)));
    pointer.remove_prefix(end);
    if (!at) break;
    if (const auto id = text_of(*at, "$id"); !id.empty() && !id.starts_with('#'))
      base = std::string(document_of(resolved_uri(base, id)));
  }
  if (!at) return std::nullopt;
  return Target{at, std::move(base)};
}

}  // namespace isa::sdk::schema
