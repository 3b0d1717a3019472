#include "sdk/tools/families.h"
#include "sdk/tools/time_zone.h"

#include <array>
#include <ctime>

namespace isa::sdk {
namespace {

constexpr std::size_t kFormatMax = 200;

struct TimeArguments {
  std::optional<std::string> timezone;
  std::optional<std::string> format;
};
BOOST_DESCRIBE_STRUCT(TimeArguments, (), (timezone, format))

class TimeTool final : public TypedTool<TimeArguments> {
 public:
  using TypedTool::TypedTool;
  bool is_read_only() const override { return true; }

 protected:
  Task<Result<ToolOutput>> run(TimeArguments from, ToolContext) override {
    const auto at = now();
    ISA_CO_TRY(const auto zone, offset_of(from.timezone.value_or("UTC"), at));
    // A leading space, because strftime cannot tell an empty result from a full buffer.
    const std::string format = " " + from.format.value_or("%Y-%m-%dT%H:%M:%S%z (%A, %Z)");
    if (format.size() > kFormatMax)
      co_return validation_error("/format: at most {} characters", kFormatMax - 1);
    const std::time_t local = to_millis(at) / 1000 + zone.east.count();
    std::tm parts{};
    ::gmtime_r(&local, &parts);
    parts.tm_gmtoff = zone.east.count();
    parts.tm_zone = zone.abbreviation.c_str();
    std::array<char, 1024> text;
    const std::size_t size = std::strftime(text.data(), text.size(), format.c_str(), &parts);
    if (size == 0) co_return validation_error("/format: the result is too long");
    co_return ToolOutput{.text = std::string(text.data() + 1, size - 1)};
  }
};

}  // namespace

void add_time_tool(Tools& to) {
  to.push_back(
      std::make_shared<TimeTool>(make_tool_spec("get_current_time", "Tells the date and the time.", R"({
        "type": "object", "additionalProperties": false,
        "properties": {
          "timezone": {"type": "string", "default": "UTC", "description": "Europe/Berlin, +02:00 or UTC"},
          "format": {"type": "string", "description": "As for strftime; RFC 3339 with the weekday by default"}}})")));
}

}  // namespace isa::sdk
