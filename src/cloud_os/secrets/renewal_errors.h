// How a renewal that failed is told: to the sandbox, whose user may do something about it, and on record.
#pragma once

#include "base/result.h"
#include "store/sandbox_audit.h"
#include "store/secret.h"

#include <chrono>

namespace isa::cloud_os {

inline constexpr std::string_view kRenewalFailed = "oauth_renewal_failed";

// The authorization server says that the grant itself is gone: only a person can get another.
bool is_for_good(std::string_view code);
// As sdk::mcp::parse_token_answer() gives it.
Error refused_by_server(const std::string& code);

// With code oauth_renewal_failed. insufficient_permissions where somebody must do something, and the error
// says what; upstream_error where it is tried again after `wait`.
Error renewal_failed(const store::Secret& secret, const Error& why, std::chrono::milliseconds wait);
// The token came, but the store did not take it.
Error not_kept(const store::Secret& secret, const Error& why);

store::SandboxAuditEntry renewal_entry(store::SandboxAuditEntry who, const store::Secret& secret,
                                       std::string reason, store::AuditVerdict verdict);

}  // namespace isa::cloud_os
