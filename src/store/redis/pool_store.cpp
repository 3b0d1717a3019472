#include "store/redis/pool_store.h"

#include "store/redis/client.h"
#include "store/redis/row.h"
#include "store/redis/scripts.h"

#include <algorithm>

namespace isa::store::redis {
namespace {

std::string text(Timestamp time) {
  return std::to_string(to_millis(time));
}

void append(Command& to, Command more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::string_view word_of(const Reply& reply) {
  return reply.list.empty() ? std::string_view() : reply.list.front().text;
}

Error not_ours() {
  return internal_error("the store of the pools answers what is not understood");
}

class Store final : public RedisPoolStore {
 public:
  explicit Store(std::unique_ptr<Client> client) : client_(std::move(client)) {}

  bool is_shared() const override { return true; }
  std::string trouble() const override { return client_->trouble(); }
  Task<void> stop() override { co_await client_->stop(); }

  Task<Result<bool>> reserve(PoolInstance instance, PoolRoom room) override {
    // A lease without a token of this store would break the promise that tokens grow.
    if (instance.lease || instance.state != InstanceState::creating)
      co_return internal_error("instance {} is not about to be made", instance.id.value());
    auto arguments = fields_of(instance);
    arguments.push_back(std::to_string(room.total));
    arguments.push_back(std::to_string(room.unleased));
    ISA_CO_TRY(const auto reply, co_await run(Step::reserve, std::move(arguments)));
    if (word_of(reply) == "conflict") co_return conflict("the instance id {} is taken", instance.id.value());
    co_return word_of(reply) == "ok";
  }

  Task<Result<PoolInstance>> make_ready(InstanceId id, SandboxId sandbox, std::string endpoint,
                                        Timestamp at) override {
    Command arguments{id.value(), sandbox.value(), std::move(endpoint), text(at)};
    co_return co_await row_after(Step::make_ready, std::move(arguments));
  }

  Task<Result<PoolInstance>> move(InstanceId id, InstanceState from, InstanceState to,
                                  Timestamp at) override {
    Command arguments{id.value(), std::string(json::name_of(from)), std::string(json::name_of(to)), text(at)};
    co_return co_await row_after(Step::move, std::move(arguments));
  }

  Task<Result<void>> note_probes(std::vector<InstanceId> ids, Timestamp at) override {
    Command arguments{text(at)};
    for (const auto& id : ids) arguments.push_back(id.value());
    ISA_CO_TRYV(co_await run(Step::note_probes, std::move(arguments)));
    co_return ok();
  }

  Task<Result<PoolInstance>> adopt(InstanceId id, ManagerId from, ManagerId to) override {
    Command arguments{id.value(), from.value(), to.value()};
    co_return co_await row_after(Step::adopt, std::move(arguments));
  }

  Task<Result<PoolInstance>> find(InstanceId id) override {
    Command command{"HGETALL", client_->prefix() + ":instance:" + id.value()};
    ISA_CO_TRY(const auto reply, co_await call(std::move(command)));
    if (reply.list.empty()) co_return not_found("instance {} does not exist", id.value());
    co_return instance_of(reply);
  }

  Task<Result<std::vector<PoolInstance>>> list(std::string pool) override {
    Command arguments{std::move(pool)};
    ISA_CO_TRY(const auto reply, co_await run(Step::list, std::move(arguments)));
    std::vector<PoolInstance> rows;
    rows.reserve(reply.list.size());
    for (const auto& fields : reply.list) {
      ISA_CO_TRY(auto row, instance_of(fields));
      rows.push_back(std::move(row));
    }
    std::ranges::sort(rows, {}, [](const PoolInstance& i) { return std::pair(i.created_at, i.id); });
    co_return rows;
  }

  Task<Result<PoolCounts>> counts(std::string pool, std::string shape) override {
    Command arguments{std::move(pool), std::move(shape)};
    ISA_CO_TRY(const auto reply, co_await run(Step::counts, std::move(arguments)));
    if (reply.list.size() != 5) co_return not_ours();
    const auto at = [&](std::size_t i) { return static_cast<std::size_t>(reply.list[i].integer); };
    const PoolCounts counts{
        .creating = at(0), .warm = at(1), .outdated = at(2), .leased = at(3), .leaving = at(4)};
    co_return counts;
  }

  Task<Result<void>> remove(InstanceId id) override {
    Command arguments{id.value()};
    ISA_CO_TRYV(co_await run(Step::remove, std::move(arguments)));
    co_return ok();
  }

  Task<Result<std::optional<Claimed>>> claim(ClaimRequest r) override {
    Command arguments{r.pool,
                      r.shape,
                      text(r.probed_since),
                      r.manager.value(),
                      text(r.at),
                      text(r.lease.expires_at),
                      r.lease.session_id.value()};
    append(arguments, fields_of(r.lease));
    ISA_CO_TRY(const auto reply, co_await run(Step::claim, std::move(arguments)));
    if (word_of(reply) == "none") co_return std::nullopt;
    if (reply.list.size() != 2) co_return not_ours();
    ISA_CO_TRY(auto instance, instance_of(reply.list[1]));
    Claimed claimed{std::move(instance), word_of(reply) == "ok"};
    co_return claimed;
  }

  Task<Result<Lease>> renew(InstanceId id, std::int64_t fencing_token, Timestamp expires_at) override {
    Command arguments{id.value(), std::to_string(fencing_token), text(expires_at)};
    ISA_CO_TRY(const auto reply, co_await run(Step::renew, std::move(arguments)));
    if (word_of(reply) != "ok" || reply.list.size() != 2)
      co_return conflict("the lease of instance {} with token {} is over; acquire an instance again",
                         id.value(), fencing_token);
    ISA_CO_TRY(auto instance, instance_of(reply.list[1]));
    if (!instance.lease) co_return not_ours();
    co_return *std::move(instance.lease);
  }

  Task<Result<PoolInstance>> expire(InstanceId id, Timestamp at) override {
    Command arguments{id.value(), text(at)};
    co_return co_await row_after(Step::expire, std::move(arguments));
  }

  Task<Result<void>> beat(ManagerId manager, Timestamp until) override {
    Command arguments{manager.value(), text(until)};
    ISA_CO_TRYV(co_await run(Step::beat, std::move(arguments)));
    co_return ok();
  }
  Task<Result<void>> leave(ManagerId manager) override {
    Command command{"ZREM", client_->prefix() + ":managers", manager.value()};
    ISA_CO_TRYV(co_await call(std::move(command)));
    co_return ok();
  }
  Task<Result<std::set<ManagerId>>> managers(Timestamp at) override {
    Command command{"ZRANGEBYSCORE", client_->prefix() + ":managers", "(" + text(at), "+inf"};
    ISA_CO_TRY(const auto reply, co_await call(std::move(command)));
    std::set<ManagerId> alive;
    for (const auto& manager : reply.list) alive.emplace(manager.text);
    co_return alive;
  }

  Task<Result<void>> put_config(std::string pool, std::string config) override {
    Command command{"HSET", client_->prefix() + ":configs", std::move(pool), std::move(config)};
    ISA_CO_TRYV(co_await call(std::move(command)));
    co_return ok();
  }
  Task<Result<void>> remove_config(std::string pool) override {
    Command command{"HDEL", client_->prefix() + ":configs", std::move(pool)};
    ISA_CO_TRYV(co_await call(std::move(command)));
    co_return ok();
  }
  Task<Result<std::map<std::string, std::string>>> configs() override {
    Command command{"HGETALL", client_->prefix() + ":configs"};
    ISA_CO_TRY(const auto reply, co_await call(std::move(command)));
    std::map<std::string, std::string> configs;
    for (std::size_t i = 0; i + 1 < reply.list.size(); i += 2)
      configs.emplace(reply.list[i].text, reply.list[i + 1].text);
    co_return configs;
  }

 private:
  Task<Result<Reply>> run(Step step, Command arguments) {
    return client_->run(static_cast<std::size_t>(step), std::move(arguments));
  }
  Task<Result<Reply>> call(Command command) {
    auto reply = co_await client_->call(std::move(command));
    if (reply && reply->kind == Reply::Kind::error) co_return not_ours().with_detail(reply->text);
    co_return reply;
  }
  // Of the steps that answer with the row; the first argument is its id.
  Task<Result<PoolInstance>> row_after(Step step, Command arguments) {
    const auto id = arguments.front();
    ISA_CO_TRY(const auto reply, co_await run(step, std::move(arguments)));
    if (word_of(reply) == "ok" && reply.list.size() == 2) co_return instance_of(reply.list[1]);
    if (word_of(reply) == "missing") co_return not_found("instance {} does not exist", id);
    if (word_of(reply) != "conflict" || reply.list.size() != 2) co_return not_ours();
    co_return conflict("instance {} is not what it was: {}", id, reply.list[1].text);
  }

  std::unique_ptr<Client> client_;
};

}  // namespace

Task<Result<std::unique_ptr<RedisPoolStore>>> RedisPoolStore::open(Settings settings,
                                                                   net::TlsConnector* tls) {
  ISA_CO_TRY(auto client, co_await Client::open(std::move(settings), pool_scripts(), tls));
  std::unique_ptr<RedisPoolStore> store = std::make_unique<Store>(std::move(client));
  co_return store;
}

}  // namespace isa::store::redis
