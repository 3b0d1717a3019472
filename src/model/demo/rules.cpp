#include "model/demo/rules.h"

#include "model/demo/expression.h"
#include "model/demo/phrase.h"

#include <charconv>

namespace isa::model::demo {
namespace {

constexpr std::size_t kRequestMax = 32 << 10;  // Bytes that are looked at: the rules are made for sentences.
constexpr int kCountMax = 1000;

struct Context {
  const std::vector<std::string>& earlier;
  std::string last_path;  // What "it" means.
};

Step reply(std::string text) {
  Step step;
  step.kind = Step::Kind::reply;
  step.reply = std::move(text);
  return step;
}

Step use(std::string tool, std::initializer_list<std::pair<std::string_view, std::string_view>> arguments) {
  ToolUse call;
  call.tool = std::move(tool);
  for (const auto& [name, value] : arguments) call.arguments[name] = value;
  Step step;
  step.kind = Step::Kind::tool;
  step.tools.push_back(std::move(call));
  return step;
}

std::optional<std::string> path_of(Words& words, Context& context, bool announced = false) {
  words.skip({"the", "a", "my", "new"});
  const bool is_file = words.eat("file") || announced;
  words.skip({"called", "named", "at"});
  if (!is_file && words.eat_any({"it", "that file", "this file"}) && !context.last_path.empty())
    return context.last_path;
  auto path = words.eat_path(is_file);
  if (path)
    context.last_path = *path;
  else if (is_file && words.empty() && !context.last_path.empty())
    return context.last_path;
  return path;
}

std::string without_full_stop(std::string_view text) {
  while (!text.empty() && (text.back() == '.' || text.back() == '!' || text.back() == '?'))
    text.remove_suffix(1);
  return std::string(trim(text));
}

std::optional<Step> run_rule(Words words) {
  if (!words.eat_any({"run", "execute", "$"})) return std::nullopt;
  const bool the = words.eat_any({"the following", "the", "this"});
  words.skip({"shell", "bash"});
  const bool announced = words.eat_any({"command", "script", "code"});
  words.eat(":");
  const auto quotes = find_quotes(words.rest());
  if (!quotes.empty() && (announced || quotes.front().begin == 0))
    return use("bash_execute", {{"command", trim(quotes.front().inner)}});
  // "run the tests" names no command.
  if (words.empty() || (the && !announced)) return std::nullopt;
  auto command = without_full_stop(words.rest());
  for (const std::string_view tail : {" in the shell", " in a shell", " in bash", " with bash"})
    if (command.ends_with(tail)) command.resize(command.size() - tail.size());
  return use("bash_execute", {{"command", command}});
}

// The content of a file that was named first: "... with the content: x", or nothing for an empty one.
std::string content_after_path(Words words) {
  words.skip({"with", "containing", "that contains", "which contains", "that says", "saying", "the",
              "following", "content", "contents", "text", "code", ":", "of", "whose", "is", "in it"});
  if (const auto quotes = find_quotes(words.rest()); !quotes.empty()) {
    for (const auto& quote : quotes)
      if (quote.is_fenced) return quote.inner;
    if (quotes.front().begin == 0) return quotes.front().inner;
  }
  return std::string(words.rest());
}

// "some words to notes.txt": the last "to" whose word after it is a path.
std::optional<Step> write_unquoted(std::string_view rest, Context& context) {
  const auto lower = to_lower(rest);
  for (auto at = lower.rfind(" to "); at != std::string::npos && at > 0; at = lower.rfind(" to ", at - 1)) {
    Words words(rest.substr(at + 4));
    if (const auto path = path_of(words, context); path && words.empty())
      return use("write_file", {{"file_path", *path}, {"content", trim(rest.substr(0, at))}});
  }
  return std::nullopt;
}

std::optional<Step> write_rule(Words words, Context& context) {
  if (!words.eat_any({"write", "create", "save", "make", "put"})) return std::nullopt;
  auto content_first = words;
  content_first.skip({"the", "text", "words", "word", "line", ":"});
  if (auto content = content_first.eat_quote();
      content && content_first.eat_any({"to", "into", "in", "as"})) {
    if (const auto path = path_of(content_first, context))
      return use("write_file", {{"file_path", *path}, {"content", *content}});
  }
  auto path_first = words;
  path_first.skip({"to", "into", "a", "an", "the", "new", "small", "short", "empty", "text", "python",
                   "shell", "script", "program"});
  if (const auto path = path_of(path_first, context))
    return use("write_file", {{"file_path", *path}, {"content", content_after_path(path_first)}});
  return write_unquoted(words.rest(), context);
}

// "call the tool NAME with {json}": for tools that it has no words for.
std::optional<Step> tool_rule(Words words) {
  if (!words.eat_any({"call the tool", "use the tool", "call tool", "use tool"})) return std::nullopt;
  const auto rest = trim(words.rest());
  const auto end = rest.find_first_of(" \n");
  ToolUse call;
  call.tool = std::string(rest.substr(0, end));
  if (const auto brace = rest.find('{'); brace != std::string_view::npos) {
    const auto last = rest.rfind('}');
    auto arguments =
        json::parse(rest.substr(brace, last == std::string_view::npos ? last : last + 1 - brace));
    if (!arguments || !arguments->is_object())
      return reply(fmt::format("The arguments of {} are no JSON object.", call.tool));
    call.arguments = std::move(arguments->get_object());
  }
  Step step;
  step.kind = Step::Kind::tool;
  step.tools.push_back(std::move(call));
  return step;
}

std::optional<Step> list_rule(Words words) {
  words.eat_any({"what", "which"});
  const bool asked = words.eat_any({"list", "show me", "show", "ls"});
  words.skip({"me", "all", "the", "of", "contents", "content", "my"});
  if (words.eat_any({"files", "file list", "directory", "folder", "workspace"}) || (asked && words.empty())) {
    words.skip({"are", "there", "do", "i", "have", "in", "of", "the", "this", "current", "directory",
                "folder", "workspace", "inside"});
    const auto folder = words.eat_path().value_or(".");
    auto step = use("ls_directory", {{"path", folder}});
    step.tools.push_back(use("glob_files", {{"pattern", "*"}, {"path", folder}}).tools.front());
    return step;
  }
  return std::nullopt;
}

std::optional<Step> find_rule(Words words) {
  if (!words.eat_any({"find", "search", "glob", "grep", "look"})) return std::nullopt;
  words.skip({"for", "all", "the", "files", "matching", "named", "with", "pattern", "text", "like"});
  if (auto text = words.eat_quote(); text && text->find('*') == std::string::npos) {
    if (words.eat("in")) {
      words.skip({"the", "all", "files", "folder", "file"});
      if (const auto folder = words.eat_path())
        return use("grep_search", {{"pattern", *text}, {"path", *folder}});
    }
    return use("grep_search", {{"pattern", *text}});
  } else if (text) {
    return use("glob_files", {{"pattern", *text}});
  }
  const auto pattern = words.eat_path();
  if (!pattern || pattern->find('*') == std::string::npos) return std::nullopt;
  return use("glob_files", {{"pattern", *pattern}});
}

std::optional<Step> read_rule(Words words, Context& context) {
  if (!words.eat_any(
          {"read", "show me", "show", "cat", "open", "print", "display", "what is in", "what's in"}))
    return std::nullopt;
  words.skip({"back", "me", "the contents of", "the content of", "contents of", "content of"});
  const auto path = path_of(words, context);
  if (!path) return std::nullopt;
  return use("read_file", {{"file_path", *path}});
}

// "replace 'a' with 'b' in x.txt", "edit x.txt: replace 'a' with 'b'", "in x.txt, change 'a' to 'b'"
std::optional<Step> edit_rule(Words words, Context& context) {
  std::optional<std::string> path;
  if (words.eat_any({"edit", "in"})) {
    path = path_of(words, context);
    if (!path) return std::nullopt;
    words.skip({":", ",", "and", "to", "by", "replacing"});
  }
  words.eat_any({"replace", "change"});
  words.skip({"the", "word", "text", "line"});
  const auto from = words.eat_quote();
  if (!from || !words.eat_any({"with", "by", "to", "into"})) return std::nullopt;
  const auto to = words.eat_quote();
  if (!to) return std::nullopt;
  if (!path && words.eat("in")) path = path_of(words, context);
  if (!path) return std::nullopt;
  return use("edit_file", {{"file_path", *path}, {"old_string", *from}, {"new_string", *to}});
}

std::optional<Step> time_rule(std::string_view text) {
  const auto lower = to_lower(text);
  for (const auto cue :
       {"what time", "the time", "current time", "what day", "today's date", "the date", "get_current_time"})
    if (lower.find(cue) != std::string::npos) return use("get_current_time", {});
  return std::nullopt;
}

std::optional<Step> arithmetic_rule(std::string_view text) {
  const auto expression = find_expression(text);
  if (!expression) return std::nullopt;
  const auto value = evaluate(*expression);
  if (!value) return reply(fmt::format("I cannot compute {}: {}.", *expression, value.error().message()));
  return reply(fmt::format("{} = {}", *expression, format_number(*value)));
}

std::optional<Step> count_rule(Words words) {
  if (!words.eat("count")) return std::nullopt;
  words.skip({"from", "1", "one", "up"});
  if (!words.eat("to")) return std::nullopt;
  const auto rest = words.rest();
  int last = 0;
  if (std::from_chars(rest.data(), rest.data() + rest.size(), last).ec != std::errc()) return std::nullopt;
  if (last < 1 || last > kCountMax) return reply(fmt::format("I count to at most {}.", kCountMax));
  std::string text = "1";
  for (int i = 2; i <= last; ++i) text += fmt::format(" {}", i);
  return reply(std::move(text));
}

std::optional<Step> say_rule(Words words) {
  if (!words.eat_any(
          {"say", "echo", "repeat after me", "repeat", "reply with", "respond with", "answer with"}))
    return std::nullopt;
  words.skip({"exactly", "only", "just", "the word", "the words", ":"});
  if (words.empty()) return std::nullopt;
  auto text = words;
  if (auto quoted = text.eat_quote()) return reply(*std::move(quoted));
  return reply(std::string(words.rest()));
}

// The one thing that it remembers of a conversation: so that a kept history can be seen to be there.
std::optional<Step> name_rule(Words words, const Context& context) {
  if (words.eat("my name is"))
    return reply(fmt::format("Nice to meet you, {}.", without_full_stop(words.rest())));
  if (!words.eat_any({"what is my name", "what's my name", "do you know my name", "who am i"}))
    return std::nullopt;
  for (auto said = context.earlier.rbegin(); said != context.earlier.rend(); ++said) {
    const auto at = to_lower(*said).rfind("my name is ");
    if (at == std::string::npos) continue;
    const auto rest = std::string_view(*said).substr(at + 11);
    return reply(
        fmt::format("Your name is {}.", without_full_stop(rest.substr(0, rest.find_first_of(".,;!\n")))));
  }
  return reply("You have not told me your name in this conversation.");
}

std::optional<Step> talk_rule(Words words) {
  if (words.eat_any({"who are you", "what are you", "are you", "what can you do", "help", "what model",
                     "which model", "introduce yourself"}))
    return reply(introduction());
  if (words.eat_any({"hello", "hi", "hey", "good morning", "good evening"}))
    return reply("Hello! I am isA's built-in demo model.");
  if (words.eat_any({"thanks", "thank you"})) return reply("You are welcome.");
  return std::nullopt;
}

Step read_step(std::string_view text, Context& context) {
  Words words(text);
  words.skip({"please", "can you", "could you", "would you", "will you",    "i want you to",    "now",
              "first",  "second",  "third",     "next",      "finally",     "afterwards",       "after that",
              "also",   "then",    "and",       ",",         "use bash to", "use the shell to", "tell me",
              "just"});
  std::optional<Step> step = run_rule(words);
  if (!step) step = tool_rule(words);
  if (!step) step = list_rule(words);
  if (!step) step = edit_rule(words, context);
  if (!step) step = write_rule(words, context);
  if (!step) step = read_rule(words, context);
  if (!step) step = find_rule(words);
  if (!step) step = count_rule(words);
  if (!step) step = say_rule(words);
  if (!step) step = name_rule(words, context);
  if (!step) step = arithmetic_rule(words.rest());
  if (!step) step = time_rule(words.rest());
  if (!step) step = talk_rule(words);
  if (!step) step.emplace();
  step->text = text;
  return *std::move(step);
}

}  // namespace

std::vector<Step> read_request(std::string_view request, const std::vector<std::string>& earlier) {
  Context context{earlier, {}};
  std::vector<Step> steps;
  for (const auto& text : split_steps(request.substr(0, kRequestMax)))
    steps.push_back(read_step(text, context));
  return steps;
}

std::string introduction() {
  return "I am builtin/demo, a small rule-based model that is part of isA; I am not a language model. I "
         "follow a few "
         "plain requests: arithmetic (\"what is 2+2?\"), \"run `ls -l`\", \"write 'hello' to hello.txt\", "
         "\"read "
         "hello.txt\", \"list the files\", \"replace 'a' with 'b' in hello.txt\", \"what time is it\", and "
         "several "
         "of them joined by \"then\". For anything else, configure a provider: model.openai.api_key, "
         "model.openai.base_url or model.anthropic.api_key.";
}

}  // namespace isa::model::demo
