#include "sdk/mcp/answer_text.h"

#include "sdk/mcp/listings.h"
#include "sdk/tools/output_capture.h"

namespace isa::sdk::mcp {
namespace {

constexpr std::size_t kOutputMax = 64 << 10;  // Bytes: what a model can still read.
constexpr std::size_t kFieldMax = 2048;

std::string text_at(const json::object& from, std::string_view key) {
  const auto* found = from.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

std::string shown_at(const json::object& from, std::string_view key) {
  return cut_text(text_at(from, key), kFieldMax);
}

// Of base64: what it decodes to, near enough to tell a picture from a film.
std::string size_of(const json::object& from, std::string_view key) {
  const auto* data = from.if_contains(key);
  const auto encoded = data && data->is_string() ? data->get_string().size() : 0;
  return fmt::format("about {} bytes", encoded / 4 * 3);
}

std::string resource_text(const json::object& resource) {
  const auto uri = shown_at(resource, "uri");
  if (resource.contains("blob"))
    return fmt::format("[resource {}: {}, {}, not shown]", uri, shown_at(resource, "mimeType"),
                       size_of(resource, "blob"));
  return fmt::format("[resource {}]\n{}", uri, text_at(resource, "text"));
}

std::string block_text(const json::value& value) {
  const auto* block = value.if_object();
  if (!block) return "[a block that cannot be read]";
  const auto type = text_at(*block, "type");
  if (type == "text") return text_at(*block, "text");
  if (type == "image" || type == "audio")
    return fmt::format("[{}: {}, {}, not shown]", type, shown_at(*block, "mimeType"),
                       size_of(*block, "data"));
  if (type == "resource_link")
    return fmt::format("[resource link {}: {}{}{}]", shown_at(*block, "uri"), shown_at(*block, "name"),
                       block->contains("description") ? ", " : "", shown_at(*block, "description"));
  if (const auto* resource = block->if_contains("resource");
      type == "resource" && resource && resource->is_object())
    return resource_text(resource->get_object());
  return fmt::format("[a block of the unknown type '{}']", cut_text(type, 64));
}

class Output {
 public:
  void add(std::string_view text) {
    if (!is_empty_) capture_.add("\n");
    is_empty_ = is_empty_ && text.empty();
    capture_.add(text);
  }
  bool is_empty() const { return is_empty_; }
  ToolOutput finish(bool is_error = false) const {
    return {.text = capture_.text(), .is_error = is_error, .truncated = capture_.is_cut()};
  }

 private:
  OutputCapture capture_{kOutputMax};
  bool is_empty_ = true;
};

}  // namespace

ToolOutput to_output(const ToolAnswer& answer) {
  Output output;
  for (const auto& block : answer.content) output.add(block_text(block));
  // Servers repeat it as text for clients that do not know it; those that do not, do not.
  if (answer.structured && output.is_empty()) output.add(json::serialize(*answer.structured));
  return output.finish(answer.is_error);
}

ToolOutput to_output_of_resource(const json::array& contents) {
  Output output;
  for (const auto& one : contents)
    output.add(one.is_object() ? resource_text(one.get_object()) : "[a part that cannot be read]");
  return output.finish();
}

ToolOutput to_output_of_prompt(const json::array& messages) {
  Output output;
  for (const auto& value : messages) {
    const auto* message = value.if_object();
    const auto* content = message ? message->if_contains("content") : nullptr;
    if (content) output.add(fmt::format("{}: {}", shown_at(*message, "role"), block_text(*content)));
  }
  return output.finish();
}

ToolOutput to_output_of_lines(const std::vector<std::string>& lines, std::string_view none) {
  Output output;
  for (const auto& line : lines) output.add(line);
  if (lines.empty()) output.add(none);
  return output.finish();
}

}  // namespace isa::sdk::mcp
