// What of a request an MCP server over HTTP wants repeated in headers (revision 2026-07-28, transports,
// "Standard MCP request headers" and "Custom headers from tool parameters").
#pragma once

#include "base/json.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isa::sdk::mcp {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

// A parameter of a tool that is annotated with x-mcp-header.
struct ParamHeader {
  std::vector<std::string> path;  // Names of properties, from the outermost.
  std::string name;               // Mcp-Param-<what the annotation says>
};

// The annotations in a tool's input schema. validation_error when one is malformed: such a tool must not be
// offered over HTTP.
Result<std::vector<ParamHeader>> param_headers(const json::object& schema);

// What of `arguments` goes into headers; what is absent or null does not.
HeaderFields header_fields(const std::vector<ParamHeader>& headers, const json::object& arguments);

// As it is, or =?base64?...?= where a header cannot hold it as it is.
std::string header_value(std::string_view text);

}  // namespace isa::sdk::mcp
