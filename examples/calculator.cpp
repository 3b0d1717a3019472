// An agent with one tool, a function of this program:
//   calculator http://127.0.0.1:8082/v1 builtin/demo 'Call the tool add with {"a": 20, "b": 22}'
#include "sdk/agent.h"
#include "sdk/function_tool.h"

#include <cstdio>
#include <cstdlib>

using namespace isa;

struct Sum {
  double a = 0, b = 0;
  static constexpr auto descriptions = std::to_array<std::pair<std::string_view, std::string_view>>(
      {{"a", "The first number"}, {"b", "The second"}});
};
BOOST_DESCRIBE_STRUCT(Sum, (), (a, b))

static Task<Result<std::string>> add(Sum sum) {
  co_return std::to_string(sum.a + sum.b);
}

static Task<Result<void>> print(sdk::Event event) {
  if (event.type == sdk::EventType::text) std::fputs(event.content->c_str(), stdout);
  co_return ok();
}

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s MODEL_URL MODEL PROMPT\n", argv[0]);
    return 2;
  }
  bool is_good = false;
  sdk::run([&](asio::any_io_executor) -> Task<void> {
    sdk::AgentOptions options;
    options.spec.name = "calculator";
    options.spec.model = argv[2];
    options.spec.system_prompt = "You calculate with your tools.";
    options.tools = {sdk::function_tool<Sum>("add", "Adds two numbers.", add, sdk::ToolAccess::reads)};
    options.model_url = net::Url::parse(argv[1]).value();
    if (const char* key = std::getenv("MODEL_API_KEY"))
      options.headers.set("Authorization", std::string("Bearer ") + key);
    options.headers.set("X-User-Id", "example");
    const auto answer = co_await sdk::query(argv[3], std::move(options), print);
    is_good = answer.has_value();
    std::fprintf(is_good ? stdout : stderr, "\n%s\n", is_good ? "done" : answer.error().message().c_str());
  });
  return is_good ? 0 : 1;
}
