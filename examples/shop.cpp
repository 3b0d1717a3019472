// An agent of a platform, which calls a function of this program: the platform runs the agent, we look up the
// price.
//   shop http://127.0.0.1:8080 'Call the tool price_of with {"article": "tea"}'
#include "sdk/agent.h"
#include "sdk/function_tool.h"
#include "sdk/platform_client.h"

#include <cstdio>

using namespace isa;

struct Article {
  std::string article;
};
BOOST_DESCRIBE_STRUCT(Article, (), (article))

static Task<Result<std::string>> price_of(Article wanted) {
  if (wanted.article == "tea") co_return "4.20 EUR";
  co_return not_found("the shop has no {}; it has tea", wanted.article);
}

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s PLATFORM_URL PROMPT\n", argv[0]);
    return 2;
  }
  bool is_good = false;
  sdk::run([&](asio::any_io_executor executor) -> Task<void> {
    sdk::PlatformOptions options{.url = net::Url::parse(argv[1]).value()};
    options.headers.set("X-User-Id", "example");
    sdk::PlatformClient platform(std::move(executor), std::move(options));
    sdk::PlatformChat chat{.message = argv[2]};
    chat.tools = {sdk::function_tool<Article>("price_of", "The price of an article of the shop.", price_of)};
    {
      auto events = platform.chat(std::move(chat));
      while (auto event = co_await events.next()) {
        if (event->type == sdk::EventType::text) std::fputs(event->content->c_str(), stdout);
        if (event->is_terminal()) is_good = sdk::answer_in(*event).has_value();
        if (event->type == sdk::EventType::error) std::fputs(event->content->c_str(), stderr);
      }
    }
    std::puts("");
    co_await platform.stop();
  });
  return is_good ? 0 : 1;
}
