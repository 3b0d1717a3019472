// Any bytes as the manifest of an agent or of a team (`isa run`, templates, the bodies of the API): no crash;
// what is taken keeps to the rules, and reads back from the store as the same.
#include "agent/config_rules.h"
#include "agent/teams/team_rules.h"
#include "base/yaml/yaml.h"

#include <cstdint>
#include <cstdlib>

namespace {

using namespace isa;

const Identity kOwner{.user = UserId("ada")};

void as_agent(const json::value& manifest) {
  const auto body = json::read<agent::CreateAgent>(manifest);
  if (!body) return;
  const auto made =
      agent::create_config(AgentId("agent_1"), *body, nullptr, kOwner, "builtin/demo", Timestamp());
  if (!made) return;
  if (made->name.empty() || made->name.size() > 4 * 120 || made->owner_id != kOwner.user) std::abort();
  const auto stored = json::write(*made);
  const auto again = json::read<store::AgentConfig>(stored);
  if (!again || json::write(*again) != stored) std::abort();
}

void as_team(const json::object& manifest) {
  auto fields = agent::team_in_template(manifest, "team");
  if (!fields) return;
  const auto made = agent::create_team(TeamId("multi_1"), *fields, kOwner, Timestamp());
  if (made && !agent::read_team(*made)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = parse_yaml(std::string(reinterpret_cast<const char*>(data), size));
  if (!document) return 0;
  as_agent(*document);
  if (document->is_object()) as_team(document->get_object());
  return 0;
}
