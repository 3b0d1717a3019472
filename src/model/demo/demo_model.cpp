#include "model/demo/demo_model.h"

#include "model/demo/phrase.h"
#include "model/demo/rules.h"

#include <algorithm>

namespace isa::model::demo {
namespace {

constexpr std::size_t kQuoteMax = 4000;  // Bytes of a tool's output that the report quotes.

struct Turn {
  std::vector<std::string> earlier;  // What the person said before, oldest first.
  std::string request;               // What the person said last.
  std::vector<sdk::Part> results;    // Of the tools called since, in order.
};

// What stands between <tag ...> and </tag>.
std::optional<std::string> inside(std::string_view text, std::string_view tag) {
  const auto open = fmt::format("<{}", tag);
  for (auto begin = text.find(open); begin != std::string_view::npos; begin = text.find(open, begin + 1)) {
    const auto content = text.find('>', begin);
    const auto after = text.substr(begin + open.size());
    if (content == std::string_view::npos || (after.front() != '>' && after.front() != ' ')) continue;
    const auto end = text.find(fmt::format("</{}>", tag), content);
    if (end != std::string_view::npos) return std::string(trim(text.substr(content + 1, end - content - 1)));
  }
  return std::nullopt;
}

// What is asked in a message. To a member of a team it is wrapped (sdk/team/prompts.h).
std::string asked_in(const std::string& text) {
  if (auto task = inside(text, "task")) return *std::move(task);
  return inside(text, "user_message").value_or(text);
}

Turn read_conversation(const std::vector<sdk::Message>& messages) {
  Turn turn;
  std::optional<std::string> script;
  for (const auto& message : messages) {
    if (message.role == sdk::ChatRole::system) script = inside(message.text(), "script");
    if (message.role == sdk::ChatRole::user) {
      if (!turn.request.empty()) turn.earlier.push_back(std::move(turn.request));
      turn.request = asked_in(message.text());
      turn.results.clear();
    }
    for (const auto& part : message.parts)
      if (part.kind == sdk::PartKind::tool_result) turn.results.push_back(part);
  }
  // An agent whose prompt says what to do does it, whatever it is asked.
  if (script) turn.request = *std::move(script);
  return turn;
}

const ToolUse* offered(const Step& step, const sdk::ChatRequest& request) {
  if (request.tool_choice == sdk::ToolChoice::none) return nullptr;
  for (const auto& use : step.tools)
    if (std::ranges::find(request.tools, use.tool, &sdk::ToolSpec::name) != request.tools.end()) return &use;
  return nullptr;
}

// The most telling argument of a call: what a person would name.
std::string describe(const ToolUse& use) {
  for (const auto name : {"command", "file_path", "pattern", "path"})
    if (const auto* value = use.arguments.if_contains(name); value && value->is_string())
      return fmt::format("{} (`{}`)", use.tool, std::string_view(value->get_string()));
  return use.tool;
}

std::string quoted_output(const sdk::Part& result) {
  std::string_view text = result.text;
  std::string_view mark;
  if (text.size() > kQuoteMax) {
    text = text.substr(0, kQuoteMax);
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.remove_suffix(1);
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0) text.remove_suffix(1);
    mark = "\n[...cut here...]";
  }
  if (text.empty()) return "no output";
  const auto* newline = text.ends_with('\n') ? "" : "\n";
  return fmt::format("\n```\n{}{}{}```", text, mark, newline);
}

// What the turn comes to: the next tool to call, or the report.
struct Outcome {
  const ToolUse* next = nullptr;
  std::string report;
};

Outcome follow(const std::vector<Step>& steps, const Turn& turn, const sdk::ChatRequest& request) {
  Outcome outcome;
  std::size_t done = 0;
  bool failed = false;
  std::vector<std::string> lines;
  for (const auto& step : steps) {
    if (step.kind == Step::Kind::reply) {
      lines.push_back(step.reply);
      continue;
    }
    if (step.kind == Step::Kind::unknown) {
      lines.push_back(fmt::format("I have no rule for \"{}\".", step.text));
      continue;
    }
    const auto* use = offered(step, request);
    if (!use) {
      lines.push_back(fmt::format("For \"{}\" I would need the tool {}, which I was not offered.", step.text,
                                  step.tools.front().tool));
    } else if (done < turn.results.size()) {
      const auto& result = turn.results[done++];
      failed = failed || result.is_error;
      lines.push_back(fmt::format("{} {}: {}", describe(*use), result.is_error ? "failed" : "returned",
                                  quoted_output(result)));
    } else if (failed) {
      lines.push_back(fmt::format("I did not do \"{}\", because a step before it failed.", step.text));
    } else {
      outcome.next = use;
      return outcome;
    }
  }
  for (std::size_t i = 0; i < lines.size(); ++i)
    outcome.report += (lines.size() > 1 ? fmt::format("{}{}. ", i == 0 ? "" : "\n", i + 1) : "") + lines[i];
  return outcome;
}

std::int64_t count_words(std::string_view text) {
  return static_cast<std::int64_t>(words_of(text).size());
}

sdk::Usage count(const sdk::ChatRequest& request, const sdk::Message& said) {
  sdk::Usage usage;
  for (const auto& message : request.messages)
    for (const auto& part : message.parts)
      usage.input_tokens += count_words(part.text) + count_words(part.arguments);
  for (const auto& part : said.parts)
    usage.output_tokens += count_words(part.text) + count_words(part.arguments);
  usage.estimated = true;
  return usage;
}

std::string unknown_request(std::string_view request) {
  if (request.empty()) return introduction();
  return fmt::format("I have no rule for that. {}", introduction());
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  constexpr std::string_view kSpace = " \t\r\n";
  while (!text.empty()) {
    const auto word_end = text.find_first_of(kSpace, text.find_first_not_of(kSpace));
    const auto end = std::min(text.find_first_not_of(kSpace, word_end), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

sdk::ChatResult answer(const sdk::ChatRequest& request) {
  const auto turn = read_conversation(request.messages);
  const auto steps = read_request(turn.request, turn.earlier);
  sdk::ChatResult result;
  result.id = make_ulid();
  result.model = "builtin/demo";
  result.message.role = sdk::ChatRole::assistant;
  const bool understood =
      std::ranges::any_of(steps, [](const Step& s) { return s.kind != Step::Kind::unknown; });
  auto outcome = follow(steps, turn, request);
  if (!understood) outcome.report = unknown_request(turn.request);
  if (outcome.next) {
    result.message.parts.push_back(sdk::Part::make_tool_call("call_" + make_ulid(), outcome.next->tool,
                                                             json::serialize(outcome.next->arguments)));
    result.finish_reason = sdk::FinishReason::tool_calls;
  } else {
    auto words = words_of(outcome.report);
    if (request.max_tokens && static_cast<std::int64_t>(words.size()) > *request.max_tokens) {
      words.resize(static_cast<std::size_t>(std::max<std::int64_t>(*request.max_tokens, 0)));
      result.finish_reason = sdk::FinishReason::length;
    }
    std::string text;
    for (const auto& word : words) text += word;
    result.message.parts.push_back(sdk::Part::make_text(std::move(text)));
  }
  result.usage = count(request, result.message);
  return result;
}

}  // namespace isa::model::demo
