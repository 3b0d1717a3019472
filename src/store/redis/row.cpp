#include "store/redis/row.h"

#include <charconv>

namespace isa::store::redis {
namespace {

constexpr std::int64_t kLastMillis = 253'402'300'799'999;  // Of the year 9999: what RFC 3339 can write.

std::string text(Timestamp time) {
  return std::to_string(to_millis(time));
}

// The fields of one row; what is wrong with them is noted and told once, at the end.
class Fields {
 public:
  explicit Fields(const Reply& reply) {
    if (reply.list.size() % 2 != 0) wrong_ = "an odd number of fields";
    for (std::size_t i = 0; i + 1 < reply.list.size(); i += 2)
      values_[reply.list[i].text] = reply.list[i + 1].text;
  }

  bool has(std::string_view name) const { return values_.contains(name); }
  std::string_view get(std::string_view name) {
    const auto found = values_.find(name);
    if (found != values_.end()) return found->second;
    wrong_ = fmt::format("no field {}", name);
    return {};
  }
  std::int64_t integer(std::string_view name) {
    const auto value = get(name);
    std::int64_t number = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (ec != std::errc() || end != value.data() + value.size())
      wrong_ = fmt::format("field {} is no integer", name);
    return number;
  }
  Timestamp time(std::string_view name) {
    const auto millis = integer(name);
    if (millis >= 0 && millis <= kLastMillis) return from_millis(millis);
    wrong_ = fmt::format("field {} is no time", name);
    return {};
  }
  template <class Id>
  Id id(std::string_view name) {
    return Id(std::string(get(name)));
  }
  template <class Id>
  std::optional<Id> optional_id(std::string_view name) {
    if (!has(name)) return std::nullopt;
    return id<Id>(name);
  }
  InstanceState state() {
    const auto value = json::enum_named<InstanceState>(get("state"));
    if (!value) wrong_ = "an unknown state";
    return value.value_or(InstanceState::failed);
  }
  const std::string& wrong() const { return wrong_; }

 private:
  std::map<std::string_view, std::string_view> values_;
  std::string wrong_;
};

Lease lease_of(Fields& from) {
  Lease l;
  l.id = from.id<LeaseId>("lease_id");
  l.fencing_token = from.integer("lease_fencing_token");
  l.session_id = from.id<SessionId>("lease_session_id");
  l.user_id = from.id<UserId>("lease_user_id");
  l.org_id = from.optional_id<OrgId>("lease_org_id");
  l.agent_config_id = from.optional_id<AgentId>("lease_agent_config_id");
  l.acquired_at = from.time("lease_acquired_at");
  l.expires_at = from.time("lease_expires_at");
  return l;
}

}  // namespace

Command fields_of(const PoolInstance& i) {
  return {"id",         i.id.value(),
          "pool",       i.pool,
          "shape",      i.shape,
          "manager",    i.manager.value(),
          "sandbox_id", i.sandbox_id.value(),
          "endpoint",   i.endpoint,
          "state",      std::string(json::name_of(i.state)),
          "created_at", text(i.created_at),
          "changed_at", text(i.changed_at),
          "probed_at",  text(i.probed_at)};
}

Command fields_of(const Lease& l) {
  Command fields{"lease_id",        l.id.value(),        "lease_user_id",
                 l.user_id.value(), "lease_acquired_at", text(l.acquired_at)};
  if (l.org_id) fields.insert(fields.end(), {"lease_org_id", l.org_id->value()});
  if (l.agent_config_id) fields.insert(fields.end(), {"lease_agent_config_id", l.agent_config_id->value()});
  return fields;
}

Result<PoolInstance> instance_of(const Reply& reply) {
  Fields from(reply);
  PoolInstance i;
  i.id = from.id<InstanceId>("id");
  i.pool = from.get("pool");
  i.shape = from.get("shape");
  i.manager = from.id<ManagerId>("manager");
  i.sandbox_id = from.id<SandboxId>("sandbox_id");
  i.endpoint = from.get("endpoint");
  i.state = from.state();
  i.created_at = from.time("created_at");
  i.changed_at = from.time("changed_at");
  i.probed_at = from.time("probed_at");
  if (from.has("lease_id")) i.lease = lease_of(from);
  if (!from.wrong().empty())
    return internal_error("the store of the pools holds a row that is none of ours")
        .with_detail(from.wrong());
  return i;
}

}  // namespace isa::store::redis
