#include "agent/pending_calls.h"

#include "agent/open_calls.h"
#include "base/utf8.h"

#include <set>

namespace isa::agent {
namespace {

// How often one turn may be suspended, and by how many calls at once.
constexpr int kPartsMax = 1000;
constexpr std::size_t kPendingMax = 128;
constexpr std::size_t kIdShown = 64;  // Bytes of an id in a message.

}  // namespace

Result<void> check_pending(int parts, const std::vector<sdk::PendingCall>& pending,
                           const std::vector<CallOrigin>& origins) {
  if (parts > kPartsMax || pending.size() > kPendingMax)
    return upstream_error("the agent asked {} times, or about {} calls at once; it may be caught in a loop",
                          parts, pending.size());
  std::set<CallKey> seen;
  for (std::size_t i = 0; i < pending.size(); ++i) {
    CallKey key{.id = pending[i].tool_use_id};
    if (i < origins.size()) {
      key.agent = origins[i].member;
      key.task_id = origins[i].task_id.value_or("");
    }
    if (!seen.insert(std::move(key)).second)
      return upstream_error(
          "the agent waits for two calls with one id, '{}': nobody could say which is meant",
          cut_utf8(pending[i].tool_use_id, kIdShown));
  }
  return ok();
}

}  // namespace isa::agent
