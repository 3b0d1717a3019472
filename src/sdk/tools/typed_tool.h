// A tool whose arguments are a described struct: they are read strictly before it runs.
#pragma once

#include "base/json.h"
#include "sdk/tool.h"

namespace isa::sdk {

ToolOutput tool_failure(const Error& error);

// `schema` is the text of a JSON Schema that is part of this program; a malformed one is a bug and throws.
ToolSpec make_tool_spec(std::string name, std::string description, std::string_view schema);

template <class Arguments>
class TypedTool : public Tool {
 public:
  explicit TypedTool(ToolSpec spec) : spec_(std::move(spec)) {}

  const ToolSpec& spec() const final { return spec_; }

  Task<ToolOutput> call(json::object arguments, ToolContext context) final {
    const json::value document = std::move(arguments);
    auto read = json::read<Arguments>(document);
    if (!read) co_return tool_failure(read.error());
    auto output = co_await run(*std::move(read), std::move(context));
    if (!output) co_return tool_failure(output.error());
    co_return *std::move(output);
  }

  Task<Result<std::string>> preview(json::object arguments) final {
    const json::value document = std::move(arguments);
    ISA_CO_TRY(auto read, json::read<Arguments>(document));
    co_return co_await show(std::move(read));
  }

 protected:
  virtual Task<Result<std::string>> show(Arguments) { co_return std::string(); }
  virtual Task<Result<ToolOutput>> run(Arguments arguments, ToolContext context) = 0;

 private:
  ToolSpec spec_;
};

}  // namespace isa::sdk
