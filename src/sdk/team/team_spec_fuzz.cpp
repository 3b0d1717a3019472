// Any bytes as a team's routing_spec, and as a reply with a directive: no crash; what is read keeps every
// cap, its tasks can be done in some order, and no text but the directive is lost however the reply is cut.
#include "sdk/team/directive.h"
#include "sdk/team/spec.h"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace isa;
namespace team = isa::sdk::team;

void check_team(const team::TeamSpec& spec) {
  if (spec.members.empty() || spec.members.size() > team::kMembersMax) std::abort();
  if (spec.tasks.size() > team::kTasksMax || !spec.find(spec.entry)) std::abort();
  if (spec.max_parallel < 1 || spec.max_parallel > team::kParallelMax) std::abort();
  if (!team::check_tasks(spec.tasks)) std::abort();
  for (const auto& task : spec.tasks)
    if (!spec.find(task.agent)) std::abort();
}

void check_reply(std::string_view text) {
  const auto whole = team::read_reply(text);
  team::DirectiveScanner scanner;
  std::string shown;
  for (const char c : text) shown += scanner.feed(std::string_view(&c, 1));
  auto rest = scanner.finish();
  shown += rest.text;
  if (rest.directive.has_value() != whole.directive.has_value()) std::abort();
  if (!rest.directive && shown != text) std::abort();
  if (!text.starts_with(shown)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto document = json::parse(bytes); document && document->is_object())
    if (const auto spec = team::read_team(document->get_object())) check_team(*spec);
  check_reply(bytes.substr(0, 4'000));
  return 0;
}
