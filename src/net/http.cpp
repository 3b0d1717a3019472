#include "net/http.h"

#include "net/text.h"

#include <boost/json/serialize.hpp>

namespace isa::net {

std::string_view to_string(Method method) {
  switch (method) {
    case Method::get: return "GET";
    case Method::head: return "HEAD";
    case Method::post: return "POST";
    case Method::put: return "PUT";
    case Method::patch: return "PATCH";
    case Method::del: return "DELETE";
    case Method::options: return "OPTIONS";
  }
  return "GET";
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [field, value] : fields_)
    if (equals_ignoring_case(field, name)) return value;
  return {};
}

bool Headers::has(std::string_view name) const {
  return std::ranges::any_of(fields_, [&](const auto& f) { return equals_ignoring_case(f.first, name); });
}

void Headers::set(std::string name, std::string value) {
  remove(name);
  add(std::move(name), std::move(value));
}

void Headers::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const auto& f) { return equals_ignoring_case(f.first, name); });
}

Task<Result<void>> BodyWriter::write(std::string text) {
  std::vector<Frame> frames;
  frames.push_back(make_frame(std::move(text)));
  co_return co_await write(std::move(frames));
}

std::string_view Request::query_value(std::string_view name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string_view() : std::string_view(found->second);
}

// Quality values only matter here when they say "never" (q=0).
bool Request::accepts(std::string_view media_type) const {
  if (!headers.has("Accept")) return true;
  const auto family = media_type.substr(0, media_type.find('/'));
  for (const auto& [field, value] : headers.all()) {
    if (!equals_ignoring_case(field, "Accept")) continue;
    for (std::string_view rest = value; !rest.empty();) {
      auto range = take_until(rest, ',');
      const auto type = trim(take_until(range, ';'));
      const bool refused = trim(range) == "q=0" || trim(range) == "q=0.0";
      const bool matches =
          type == "*/*" || equals_ignoring_case(type, media_type) ||
          (type.ends_with("/*") && equals_ignoring_case(type.substr(0, type.size() - 2), family));
      if (matches && !refused) return true;
    }
  }
  return false;
}

Response Response::text(int status, std::string content_type, std::string body) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", std::move(content_type));
  response.body = std::move(body);
  return response;
}

Response Response::json(int status, const json::value& body) {
  return text(status, "application/json", json::serialize(body));
}

Response Response::sse(std::function<Task<void>(BodyWriter&)> stream) {
  Response response;
  response.headers.add("Content-Type", "text/event-stream");
  response.headers.add("Cache-Control", "no-store");
  response.headers.add("X-Accel-Buffering", "no");  // nginx would hold events back.
  response.stream = std::move(stream);
  return response;
}

}  // namespace isa::net
