// What an MCP server writes: lines, each a message or not. What is read as one is written and read again the
// same, and a tool or resource that it lists is taken or refused, whatever it is.
#include "sdk/mcp/authorization.h"
#include "sdk/mcp/json_rpc.h"
#include "sdk/mcp/listings.h"
#include "sdk/mcp/server_spec.h"
#include "sdk/mcp/tool_name.h"

#include <cstdint>
#include <cstdlib>

using namespace isa::sdk::mcp;

namespace {

void check_list(const isa::json::object& result) {
  for (const char* key : {"tools", "resources", "prompts"}) {
    const auto* items = result.if_contains(key);
    if (!items || !items->is_array()) continue;
    for (const auto& item : items->get_array()) {
      if (const auto tool = read_tool(item, true)) {
        const auto name = provider_name({"server", tool->name});
        if (name.empty() || name.size() > 64) std::abort();
        for (const auto& header : header_fields(tool->headers, tool->input_schema))
          if ((header.first + header.second).find_first_of("\r\n") != std::string::npos) std::abort();
      }
      (void)read_resource_info(item, true);
      (void)read_prompt(item, true);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  LineSplitter lines(64 << 10);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)parse_challenge(bytes);
  (void)parse_query(bytes);
  (void)parse_web_url(bytes);
  if (const auto url = parse_server_url(bytes); url && !parse_server_url(url->origin() + url->target))
    std::abort();
  const auto half = bytes.size() / 2;
  if (!lines.feed(bytes.substr(0, half)) || !lines.feed(bytes.substr(half))) return 0;
  if (!lines.feed("\n")) return 0;
  while (const auto line = lines.next()) {
    const auto frame = parse_frame(*line);
    if (!frame) continue;
    if (frame->kind == Frame::Kind::result) {
      const auto again = parse_frame(result_text(frame->id, frame->result));
      if (!again || again->result != frame->result) std::abort();
      check_list(frame->result);
    }
    if (frame->kind == Frame::Kind::notification) {
      const auto again = parse_frame(notification_text(frame->method, frame->params));
      if (!again || again->method != frame->method || again->params != frame->params) std::abort();
    }
  }
  return 0;
}
