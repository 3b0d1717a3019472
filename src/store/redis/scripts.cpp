#include "store/redis/scripts.h"

#include <array>

namespace isa::store::redis {
namespace {

constexpr std::string_view kShared = R"lua(
local p = KEYS[1]
local function row_key(id) return p .. ':instance:' .. id end
local function set_key(pool, state) return p .. ':pool:' .. pool .. ':' .. state end
local function warm_key(row) return set_key(row.pool, 'warm') .. ':' .. row.shape end
local function session_key(pool, session) return p .. ':session:' .. pool .. ':' .. session end

local function get(id)
  local flat = redis.call('HGETALL', row_key(id))
  if #flat == 0 then return nil end
  local row = {}
  for i = 1, #flat, 2 do row[flat[i]] = flat[i + 1] end
  return row
end
local function enter(row)
  redis.call('ZADD', set_key(row.pool, row.state), row.created_at, row.id)
  if row.state == 'warm' then redis.call('ZADD', warm_key(row), row.created_at, row.id) end
end
local function leave(row)
  redis.call('ZREM', set_key(row.pool, row.state), row.id)
  if row.state == 'warm' then redis.call('ZREM', warm_key(row), row.id) end
  if row.state == 'leased' then
    local key = session_key(row.pool, row.lease_session_id)
    if redis.call('GET', key) == row.id then redis.call('DEL', key) end
  end
end
local function step(row, to, at)
  leave(row)
  row.state = to
  redis.call('HSET', row_key(row.id), 'state', to, 'changed_at', at)
  enter(row)
end
local function answer(id, word) return {word or 'ok', redis.call('HGETALL', row_key(id))} end
local function count(pool, shape)
  local function card(key) return redis.call('ZCARD', key) end
  local warm, ready = card(set_key(pool, 'warm')), card(warm_key({pool = pool, shape = shape}))
  return card(set_key(pool, 'creating')), ready, warm - ready, card(set_key(pool, 'leased')),
    card(set_key(pool, 'draining')) + card(set_key(pool, 'failed'))
end
)lua";

constexpr std::string_view kReserve = R"lua(
local row = {}
for i = 1, #ARGV - 2, 2 do row[ARGV[i]] = ARGV[i + 1] end
if redis.call('EXISTS', row_key(row.id)) == 1 then return {'conflict'} end
local creating, warm, outdated, leased, leaving = count(row.pool, row.shape)
local unleased = creating + warm + outdated + leaving
if unleased + leased >= tonumber(ARGV[#ARGV - 1]) or unleased >= tonumber(ARGV[#ARGV]) then return {'full'} end
redis.call('HSET', row_key(row.id), unpack(ARGV, 1, #ARGV - 2))
enter(row)
return {'ok'}
)lua";

constexpr std::string_view kMakeReady = R"lua(
local id, sandbox, endpoint, at = unpack(ARGV)
local row = get(id)
if not row then return {'missing'} end
if row.state ~= 'creating' then return {'conflict', row.state} end
redis.call('HSET', row_key(id), 'sandbox_id', sandbox, 'endpoint', endpoint, 'probed_at', at)
step(row, 'warm', at)
return answer(id)
)lua";

constexpr std::string_view kMove = R"lua(
local id, from, to, at = unpack(ARGV)
local row = get(id)
if not row then return {'missing'} end
if row.state ~= from then return {'conflict', row.state} end
step(row, to, at)
if to ~= 'draining' and row.lease_id then
  for field in pairs(row) do
    if string.sub(field, 1, 6) == 'lease_' then redis.call('HDEL', row_key(id), field) end
  end
end
return answer(id)
)lua";

constexpr std::string_view kNoteProbes = R"lua(
for i = 2, #ARGV do
  if redis.call('EXISTS', row_key(ARGV[i])) == 1 then
    redis.call('HSET', row_key(ARGV[i]), 'probed_at', ARGV[1])
  end
end
return {'ok'}
)lua";

constexpr std::string_view kAdopt = R"lua(
local id, from, to = unpack(ARGV)
local row = get(id)
if not row then return {'missing'} end
if row.manager ~= from then return {'conflict', row.manager} end
redis.call('HSET', row_key(id), 'manager', to)
return answer(id)
)lua";

constexpr std::string_view kList = R"lua(
local rows = {}
for _, state in ipairs({'creating', 'warm', 'leased', 'draining', 'destroyed', 'failed'}) do
  for _, id in ipairs(redis.call('ZRANGE', set_key(ARGV[1], state), 0, -1)) do
    rows[#rows + 1] = redis.call('HGETALL', row_key(id))
  end
end
return rows
)lua";

constexpr std::string_view kCounts = R"lua(
return {count(ARGV[1], ARGV[2])}
)lua";

constexpr std::string_view kRemove = R"lua(
local row = get(ARGV[1])
if row then
  leave(row)
  redis.call('DEL', row_key(row.id))
end
return {'ok'}
)lua";

// A token is never smaller than the time in milliseconds: tokens grow also when the server has lost its data.
constexpr std::string_view kClaim = R"lua(
local pool, shape, probed_since, manager, at, expires_at, session = unpack(ARGV, 1, 7)
local held = redis.call('GET', session_key(pool, session))
local row = held and get(held)
if row and row.state == 'leased' then
  if tonumber(row.lease_expires_at) < tonumber(expires_at) then
    redis.call('HSET', row_key(held), 'lease_expires_at', expires_at)
  end
  return answer(held, 'held')
end
row = nil
for _, id in ipairs(redis.call('ZRANGE', warm_key({pool = pool, shape = shape}), 0, -1)) do
  if tonumber(redis.call('HGET', row_key(id), 'probed_at')) >= tonumber(probed_since) then
    row = get(id)
    break
  end
end
if not row then return {'none'} end
local time = redis.call('TIME')
local last = tonumber(redis.call('GET', p .. ':fencing') or '0')
local token = string.format('%.0f', math.max(last + 1, time[1] * 1000 + math.floor(time[2] / 1000)))
redis.call('SET', p .. ':fencing', token)
step(row, 'leased', at)
redis.call('HSET', row_key(row.id), 'manager', manager, 'lease_fencing_token', token,
  'lease_expires_at', expires_at, 'lease_session_id', session, unpack(ARGV, 8))
redis.call('SET', session_key(pool, session), row.id)
return answer(row.id)
)lua";

constexpr std::string_view kRenew = R"lua(
local id, token, expires_at = unpack(ARGV)
local row = get(id)
if not row or row.state ~= 'leased' or row.lease_fencing_token ~= token then return {'conflict'} end
if tonumber(row.lease_expires_at) < tonumber(expires_at) then
  redis.call('HSET', row_key(id), 'lease_expires_at', expires_at)
end
return answer(id)
)lua";

constexpr std::string_view kExpire = R"lua(
local id, at = unpack(ARGV)
local row = get(id)
if not row then return {'missing'} end
if row.state ~= 'leased' then return {'conflict', row.state} end
if tonumber(row.lease_expires_at) > tonumber(at) then return {'conflict', 'renewed'} end
step(row, 'draining', at)
return answer(id)
)lua";

// Who has been silent for an hour is forgotten.
constexpr std::string_view kBeat = R"lua(
redis.call('ZADD', p .. ':managers', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', p .. ':managers', '-inf', tonumber(ARGV[2]) - 3600000)
return {'ok'}
)lua";

Script script(std::string_view name, std::string_view body) {
  return {name, std::string(kShared) + std::string(body)};
}

}  // namespace

std::span<const Script> pool_scripts() {
  // In the order of Step.
  static const std::array scripts{script("reserve", kReserve), script("make_ready", kMakeReady),
                                  script("move", kMove),       script("note_probes", kNoteProbes),
                                  script("adopt", kAdopt),     script("list", kList),
                                  script("counts", kCounts),   script("remove", kRemove),
                                  script("claim", kClaim),     script("renew", kRenew),
                                  script("expire", kExpire),   script("beat", kBeat)};
  return scripts;
}

}  // namespace isa::store::redis
