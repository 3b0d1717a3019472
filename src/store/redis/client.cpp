#include "store/redis/client.h"

#include "base/log.h"
#include "net/client_connection.h"
#include "net/watchdog.h"

#include <algorithm>
#include <deque>

namespace isa::store::redis {
namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(20);
constexpr auto kLongestPause = std::chrono::seconds(2);
constexpr auto kAnotherLook = std::chrono::milliseconds(20);

Error lost(const std::string& why) {
  return service_unavailable("the store of the pools (Redis) cannot be reached: {}; try again in a moment",
                             why)
      .with_code("store_unavailable")
      .with_retry_after(std::chrono::seconds(1));
}

// The server is there, but cannot do what it is for.
bool is_out_of_order(const Reply& reply) {
  constexpr std::string_view kCodes[] = {"LOADING", "READONLY", "MASTERDOWN", "OOM",         "MISCONF",
                                         "BUSY",    "NOAUTH",   "NOPERM",     "CLUSTERDOWN", "TRYAGAIN"};
  return std::ranges::any_of(kCodes, [&](std::string_view code) { return reply.is_error(code); });
}

}  // namespace

// One connection, from its first command to its end.
class Client::Link {
 public:
  Link(std::unique_ptr<net::Connection> connection, std::chrono::milliseconds timeout)
      : connection_(std::move(connection)),
        timeout_(timeout),
        watchdog_(connection_->stream->executor(), [this] { on_expiry(); }),
        ended_(connection_->stream->executor()) {}

  static Task<Result<Reply>> call(std::shared_ptr<Link> self, Command command) {
    auto& link = *self;
    if (!link.why_.empty()) co_return lost(link.why_);
    append_command(link.unsent_, command);
    const auto waiting = std::make_shared<Waiting>(link.connection_->stream->executor());
    link.waiting_.push_back(waiting);
    if (link.waiting_.size() == 1) link.expect_answer();
    if (!link.is_writing_) co_await link.write();
    while (!waiting->answer) co_await waiting->answered.wait();
    co_return *std::move(waiting->answer);
  }

  // Hands out answers until the connection ends.
  static Task<void> read(std::shared_ptr<Link> self) {
    const Ending ending{*self};
    while (co_await self->connection_->receive()) {
      self->reader_.feed(self->connection_->input.data());
      self->connection_->input.consume(self->connection_->input.data().size());
      while (true) {
        auto reply = self->reader_.next();
        if (!reply) co_return self->end(reply.error().message());
        if (!*reply) break;
        if (!self->hand_out(*std::move(*reply))) co_return;
      }
    }
    self->end("it closed the connection");
  }

  void end(const std::string& why) {
    if (!why_.empty()) return;
    why_ = why;
    connection_->stream->close();
    for (const auto& waiting : std::exchange(waiting_, {})) {
      waiting->answer = lost(why_);
      waiting->answered.notify();
    }
    ended_.notify();
  }
  const std::string& why_ended() const { return why_; }
  static Task<void> until_ended(std::shared_ptr<Link> self) {
    while (self->why_.empty()) co_await self->ended_.wait();
  }

 private:
  struct Waiting {
    explicit Waiting(asio::any_io_executor executor) : answered(std::move(executor)) {}
    Signal answered;
    std::optional<Result<Reply>> answer;
  };
  // However reading stops, nobody goes on waiting.
  struct Ending {
    Link& link;
    ~Ending() { link.end("the connection was given up"); }
  };

  void expect_answer() {
    is_late_ = false;
    watchdog_.expire_after(timeout_);
  }
  // When this loop was busy for so long itself, the answer may lie there unread: look once more.
  void on_expiry() {
    if (is_late_) return end(fmt::format("it did not answer in {} ms", timeout_.count()));
    is_late_ = true;
    watchdog_.expire_after(kAnotherLook);
  }

  // Whoever comes first writes for all; a writer that is cut off may have written half a command.
  struct Writing {
    Link& link;
    bool is_whole = false;
    explicit Writing(Link& of) : link(of) { link.is_writing_ = true; }
    ~Writing() {
      link.is_writing_ = false;
      if (!is_whole) link.end("a command was cut off");
    }
  };
  Task<void> write() {
    Writing writing(*this);
    while (!unsent_.empty() && why_.empty()) {
      const auto bytes = std::exchange(unsent_, {});
      net::BufferChain chain;
      chain.add(bytes);
      if (!co_await connection_->send_all(chain)) end("it closed the connection");
    }
    writing.is_whole = true;
  }

  bool hand_out(Reply reply) {
    if (waiting_.empty()) return end("it said something that nobody asked for"), false;
    const auto waiting = std::move(waiting_.front());
    waiting_.pop_front();
    if (waiting_.empty())
      watchdog_.rest();
    else
      expect_answer();  // It is busy, not away.
    waiting->answer = std::move(reply);
    waiting->answered.notify();
    return true;
  }

  std::unique_ptr<net::Connection> connection_;
  std::chrono::milliseconds timeout_;
  net::Watchdog watchdog_;
  bool is_late_ = false;
  Signal ended_;
  ReplyReader reader_;
  std::string unsent_;
  bool is_writing_ = false;
  std::deque<std::shared_ptr<Waiting>> waiting_;  // For answers, which come in the order of the commands.
  std::string why_;                               // Why it ended.
};

Client::Client(asio::any_io_executor executor, Settings settings, Target target,
               std::span<const Script> scripts, net::TlsConnector* tls)
    : settings_(std::move(settings)),
      target_(std::move(target)),
      scripts_(scripts),
      tls_(tls),
      prefix_("{" + settings_.prefix + "}"),
      tasks_(executor) {}

Client::~Client() = default;

Task<Result<std::unique_ptr<Client>>> Client::open(Settings settings, std::span<const Script> scripts,
                                                   net::TlsConnector* tls) {
  ISA_CO_TRY(auto target, target_of(settings));
  const auto executor = co_await asio::this_coro::executor;
  std::unique_ptr<Client> client(new Client(executor, std::move(settings), std::move(target), scripts, tls));
  auto link = co_await client->connect();
  if (!link) {
    co_await client->stop();
    co_return failed_dependency("cannot use Redis at {} (redis.url): {}",
                                client->target_.endpoint.to_string(), link.error().message());
  }
  client->link_ = *std::move(link);
  client->tasks_.spawn("redis.keep_connected", client->keep_connected());
  co_return client;
}

Task<void> Client::stop() {
  is_stopped_ = true;
  trouble_ = "it was stopped";
  if (link_) link_->end(trouble_);
  link_.reset();
  co_await tasks_.stop();
}

Task<Result<std::shared_ptr<Client::Link>>> Client::connect() {
  net::Peer peer{target_.endpoint, "Redis (redis.url)"};
  ISA_CO_TRY(auto connection,
             co_await net::connect_to(std::move(peer), tls_, Deadline::after(settings_.timeout)));
  // Nobody would end what is begun after stop().
  if (is_stopped_) co_return service_unavailable("the client of Redis is stopped");
  auto link = std::make_shared<Link>(std::move(connection), settings_.timeout);
  tasks_.spawn("redis.read", Link::read(link));
  auto greeted = co_await greet(link);
  if (!greeted) {
    link->end("it was not what was expected");
    co_return Failure(std::move(greeted).error());
  }
  co_return link;
}

// Logs in, chooses the database and brings the scripts.
Task<Result<void>> Client::greet(std::shared_ptr<Link> link) {
  const auto say = [&link](Command command) { return Link::call(link, std::move(command)); };
  const auto expect = [](Result<Reply> reply, std::string_view what) -> Result<Reply> {
    if (!reply) return reply;
    if (reply->kind == Reply::Kind::error) return failed_dependency("it refuses {}: {}", what, reply->text);
    return reply;
  };
  if (!target_.password.empty()) {
    Command login{"AUTH"};
    if (!target_.user.empty()) login.push_back(target_.user);
    login.push_back(target_.password);
    auto said = co_await say(std::move(login));
    ISA_CO_TRYV(expect(std::move(said), "the password (ISA_REDIS_PASSWORD or redis.password_file)"));
  }
  if (target_.database != 0) {
    Command select{"SELECT", std::to_string(target_.database)};
    auto said = co_await say(std::move(select));
    ISA_CO_TRYV(expect(std::move(said), "the database"));
  }
  digests_.clear();
  for (const auto& script : scripts_) {
    Command load{"SCRIPT", "LOAD", script.text};
    auto said = co_await say(std::move(load));
    ISA_CO_TRY(auto digest, expect(std::move(said), script.name));
    digests_.push_back(std::move(digest.text));
  }
  co_return ok();
}

Task<void> Client::keep_connected() {
  while (true) {
    const auto broken = link_;
    co_await Link::until_ended(broken);
    trouble_ = broken->why_ended();
    link_.reset();
    log::warn("redis.away", {{"at", target_.endpoint.to_string()}, {"reason", trouble_}});
    Deadline::Clock::duration pause = kFirstPause;
    while (!link_) {
      auto link = co_await connect();
      if (link) {
        link_ = *std::move(link);
        break;
      }
      trouble_ = link.error().message();
      co_await sleep_for(pause);
      pause = std::min<Deadline::Clock::duration>(pause * 2, kLongestPause);
    }
    trouble_.clear();
    log::info("redis.back", {{"at", target_.endpoint.to_string()}});
  }
}

const std::string& Client::trouble() const {
  return link_ && !link_->why_ended().empty() ? link_->why_ended() : trouble_;
}

Error Client::away() const {
  return lost(trouble_.empty() ? "it closed the connection" : trouble_);
}

Task<Result<Reply>> Client::call(Command command) {
  const auto link = link_;
  if (!link) co_return away();
  auto reply = co_await Link::call(link, std::move(command));
  if (!reply || reply->kind != Reply::Kind::error) co_return reply;
  if (!is_out_of_order(*reply)) co_return reply;
  auto why = "it says " + reply->text;
  // What became of a replica is not our server any more.
  if (reply->is_error("READONLY")) link->end(why);
  co_return lost(why);
}

Task<Result<Reply>> Client::run(std::size_t script, Command arguments) {
  Command command{"EVALSHA", link_ ? digests_[script] : "", "1", prefix_};
  command.insert(command.end(), std::make_move_iterator(arguments.begin()),
                 std::make_move_iterator(arguments.end()));
  auto reply = co_await call(command);  // A copy stays for the second try.
  if (reply && reply->is_error("NOSCRIPT")) {
    // Somebody flushed the server's scripts. EVAL brings it along again.
    command[0] = "EVAL";
    command[1] = scripts_[script].text;
    reply = co_await call(std::move(command));
  }
  if (reply && reply->kind == Reply::Kind::error)
    co_return internal_error("the store of the pools failed at {}", scripts_[script].name)
        .with_detail(reply->text);
  co_return reply;
}

}  // namespace isa::store::redis
