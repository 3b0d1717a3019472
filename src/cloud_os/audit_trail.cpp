#include "cloud_os/audit_trail.h"

#include "base/log.h"

#include <fmt/format.h>

namespace isa::cloud_os {
namespace {

constexpr std::size_t kDistinctMax = 64;  // Of one sandbox in one batch.
constexpr std::size_t kUnwrittenMax = 10'000;

std::string key_of(const store::SandboxAuditEntry& e) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}", e.sandbox_id.value(), json::name_of(e.kind),
                     json::name_of(e.verdict), e.target, e.rule, e.secret.value_or(""), e.reason);
}

void log_entry(const store::SandboxAuditEntry& e) {
  if (e.verdict == store::AuditVerdict::allowed) return;
  log::warn(e.verdict == store::AuditVerdict::refused ? "broker.refused" : "broker.failed",
            {{"sandbox_id", e.sandbox_id.value()},
             {"session_id", e.session_id.value_or("")},
             {"user_id", e.user_id ? e.user_id->value() : ""},
             {"kind", json::name_of(e.kind)},
             {"target", e.target},
             {"reason", e.reason},
             {"count", e.count}});
}

}  // namespace

void AuditTrail::record(store::SandboxAuditEntry entry) {
  if (listener_) listener_(entry);
  auto key = key_of(entry);
  auto found = gathered_.find(key);
  auto& distinct = distinct_[entry.sandbox_id];
  if (found == gathered_.end() && distinct >= kDistinctMax) {
    entry.target = "(others)";
    entry.rule.clear();
    key = key_of(entry);
    found = gathered_.find(key);
  }
  if (found == gathered_.end()) {
    ++distinct;
    gathered_.emplace(std::move(key), std::move(entry));
    return;
  }
  found->second.count += entry.count;
  found->second.bytes_out += entry.bytes_out;
  found->second.bytes_in += entry.bytes_in;
}

Task<void> AuditTrail::flush() {
  for (auto& [key, entry] : gathered_) {
    log_entry(entry);
    unwritten_.push_back(std::move(entry));
  }
  gathered_.clear();
  distinct_.clear();
  if (unwritten_.empty()) co_return;
  auto batch = std::exchange(unwritten_, {});
  const auto written = co_await store_.append(batch);
  if (written) co_return;
  log::error("audit.not_written", {{"entries", batch.size()},
                                   {"message", written.error().message()},
                                   {"detail", written.error().detail()}});
  if (batch.size() > kUnwrittenMax) {
    log::error("audit.lost", {{"entries", batch.size() - kUnwrittenMax}});
    batch.resize(kUnwrittenMax);
  }
  unwritten_.insert(unwritten_.begin(), std::make_move_iterator(batch.begin()),
                    std::make_move_iterator(batch.end()));
}

}  // namespace isa::cloud_os
