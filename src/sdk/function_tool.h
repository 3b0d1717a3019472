// A typed function as a tool: its arguments are a described struct, from which the model's schema is made.
//
//   auto tool = function_tool<Weather>("get_weather", "The weather of a city.",
//                                      [](Weather where) -> Task<Result<std::string>> { co_return "sunny";
//                                      });
#pragma once

#include "sdk/json_schema.h"
#include "sdk/tools/typed_tool.h"

#include <functional>

namespace isa::sdk {

enum class ToolAccess { reads, writes };  // Calls of tools that only read run at the same time.

template <class Arguments>
class FunctionTool final : public TypedTool<Arguments> {
 public:
  // An error is told to the model, which may try again.
  using Function = std::function<Task<Result<std::string>>(Arguments)>;
  // The same for one that takes long and says how far it is: context.report().
  using LongFunction = std::function<Task<Result<std::string>>(Arguments, ToolContext)>;

  FunctionTool(ToolSpec spec, ToolAccess access, LongFunction function)
      : TypedTool<Arguments>(std::move(spec)), access_(access), function_(std::move(function)) {}
  bool is_read_only() const override { return access_ == ToolAccess::reads; }

 protected:
  Task<Result<ToolOutput>> run(Arguments arguments, ToolContext context) override {
    const auto deadline = context.deadline;
    auto call = function_(std::move(arguments), std::move(context));
    ISA_CO_TRY(auto text,
               co_await with_deadline(deadline, std::move(call), "the tool did not finish in time"));
    co_return ToolOutput{.text = std::move(text)};
  }

 private:
  ToolAccess access_;
  LongFunction function_;
};

template <class Arguments>
std::shared_ptr<Tool> function_tool(std::string name, std::string description,
                                    typename FunctionTool<Arguments>::LongFunction function,
                                    ToolAccess access = ToolAccess::writes) {
  ToolSpec spec{std::move(name), std::move(description), schema_of<Arguments>()};
  return std::make_shared<FunctionTool<Arguments>>(std::move(spec), access, std::move(function));
}

template <class Arguments>
std::shared_ptr<Tool> function_tool(std::string name, std::string description,
                                    typename FunctionTool<Arguments>::Function function,
                                    ToolAccess access = ToolAccess::writes) {
  typename FunctionTool<Arguments>::LongFunction with_context = [function = std::move(function)](
                                                                    Arguments arguments, ToolContext) {
    return function(std::move(arguments));
  };
  return function_tool<Arguments>(std::move(name), std::move(description), std::move(with_context), access);
}

}  // namespace isa::sdk
