// What sandboxes did through their brokers, and what they were refused. Only ever added to; what is old is
// forgotten.
#pragma once

#include "base/json.h"
#include "store/page.h"

namespace isa::store {

// tunnel is the opening of one, tunnel_end its close with the bytes that went through; search is one by
// web_search; renewal is one of an access token, by the broker.
enum class AuditKind { model, http, tunnel, tunnel_end, search, renewal };
BOOST_DESCRIBE_ENUM(AuditKind, model, http, tunnel, tunnel_end, search, renewal)
// failed: allowed, but the other side could not be reached or broke off.
enum class AuditVerdict { allowed, refused, failed };
BOOST_DESCRIBE_ENUM(AuditVerdict, allowed, refused, failed)

struct SandboxAuditEntry {
  Timestamp at;
  SandboxId sandbox_id;
  std::optional<std::string> lease_id;
  std::optional<UserId> user_id;
  std::optional<OrgId> org_id;
  std::optional<std::string> session_id;
  AuditKind kind = AuditKind::model;
  AuditVerdict verdict = AuditVerdict::allowed;
  std::string target;  // host:port (of a renewal: of the token endpoint), the path of the model service, or
                       // the search provider.
  std::string rule;    // The rule of the allow-list that let it through.
  std::optional<std::string> secret;  // The name of the secret that was used.
  std::string reason;                 // Of a refusal or a failure, in one word.
  std::int64_t bytes_out = 0;         // From the sandbox.
  std::int64_t bytes_in = 0;          // To the sandbox.
  std::int64_t count = 1;             // How many alike of about that time stand in this entry.
};
BOOST_DESCRIBE_STRUCT(SandboxAuditEntry, (),
                      (at, sandbox_id, lease_id, user_id, org_id, session_id, kind, verdict, target, rule,
                       secret, reason, bytes_out, bytes_in, count))

struct SandboxAuditQuery {
  std::optional<UserId> user_id;  // Of that user alone.
  std::optional<SandboxId> sandbox_id;
  std::optional<std::string> session_id;
};

class SandboxAuditStore {
 public:
  virtual ~SandboxAuditStore() = default;
  virtual Task<Result<void>> append(std::vector<SandboxAuditEntry> entries) = 0;
  // Newest first. A cursor of another list is a validation_error of "/cursor".
  virtual Task<Result<Page<SandboxAuditEntry>>> list(SandboxAuditQuery query, std::string cursor,
                                                     std::int64_t limit) = 0;
  virtual Task<Result<void>> forget_before(Timestamp at) = 0;
};

}  // namespace isa::store
