#include "cloud_os/egress/destinations.h"

#include "base/log.h"
#include "cloud_os/egress/address_policy.h"
#include "net/listener.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <netdb.h>

namespace isa::cloud_os {
namespace {

constexpr std::size_t kLookupThreads = 8;

Error no_such_host(std::string_view host, std::string_view why) {
  return upstream_error("the name {} cannot be looked up: {}", host, why).with_code("host_not_found");
}

Result<Addresses> ask_system(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_ADDRCONFIG;
  addrinfo* first = nullptr;
  // The dot at the end keeps search domains out: the name is meant as it stands.
  if (const int failed = ::getaddrinfo((host + ".").c_str(), nullptr, &wanted, &first); failed != 0)
    return no_such_host(host, ::gai_strerror(failed));
  Addresses found;
  for (const auto* entry = first; entry != nullptr; entry = entry->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (entry->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    endpoint.resize(entry->ai_addrlen);
    found.push_back(endpoint.address());
  }
  ::freeaddrinfo(first);
  return found;
}

class SystemLookup final : public NameLookup {
 public:
  ~SystemLookup() override { threads_.join(); }

  Task<Result<Addresses>> lookup(std::string host, Deadline deadline) override {
    const auto executor = co_await asio::this_coro::executor;
    // getaddrinfo() cannot be interrupted: whoever gives up on it leaves it this, and goes.
    struct Question {
      explicit Question(const asio::any_io_executor& on) : done(on) {}
      asio::steady_timer done;
      std::optional<Result<Addresses>> answer;
    };
    const auto question = std::make_shared<Question>(executor);
    question->done.expires_at(deadline.time());
    asio::post(threads_, [question, host, executor] {
      auto answer = ask_system(host);
      asio::post(executor, [question, answer = std::move(answer)]() mutable {
        question->answer = std::move(answer);
        question->done.cancel();
      });
    });
    co_await question->done.async_wait(no_throw);
    if (!question->answer) co_return timeout("the name {} was not looked up in time", host);
    co_return *std::move(question->answer);
  }

 private:
  asio::thread_pool threads_{kLookupThreads};
};

Result<HostTable::Place> parse_place(std::string_view text) {
  std::string_view address = text, port;
  if (address.starts_with('[')) {
    const auto close = address.find(']');
    if (close == std::string_view::npos) return validation_error("the ']' of the address is missing");
    port = address.substr(close + 1);
    address = address.substr(1, close - 1);
  } else if (std::ranges::count(address, ':') == 1) {
    port = address.substr(address.find(':'));
    address = address.substr(0, address.find(':'));
  }
  HostTable::Place place;
  boost::system::error_code failed;
  place.address = asio::ip::make_address(address, failed);
  if (failed) return validation_error("'{}' is no IP address", address);
  if (port.empty()) return place;
  const auto number = port.front() == ':' ? net::parse_port_number(port.substr(1)) : std::nullopt;
  if (!number) return validation_error("'{}' is no port", port);
  place.port = *number;
  return place;
}

}  // namespace

std::unique_ptr<NameLookup> make_system_lookup() {
  return std::make_unique<SystemLookup>();
}

Result<HostTable> HostTable::parse(const std::vector<std::string>& lines) {
  HostTable table;
  for (const auto& line : lines) {
    const auto equals = line.find('=');
    const auto wrong = [&](std::string_view why) {
      return validation_error("cloud_os.egress_hosts: '{}': {}; write name=address or name=address:port",
                              line, why);
    };
    if (equals == std::string::npos) return wrong("the '=' is missing");
    auto host = net::normal_host(line.substr(0, equals));
    if (!host) return wrong(host.error().message());
    auto place = parse_place(std::string_view(line).substr(equals + 1));
    if (!place) return wrong(place.error().message());
    table.places_[*host] = *place;
  }
  return table;
}

const HostTable::Place* HostTable::find(const std::string& host) const {
  const auto found = places_.find(host);
  return found == places_.end() ? nullptr : &found->second;
}

Task<Result<Destination>> Destinations::find(EgressTarget target, Deadline deadline) {
  if (const auto* place = table_.find(target.host)) {
    Destination destination{{place->address}, place->port != 0 ? place->port : target.port};
    co_return destination;
  }
  ISA_CO_TRY(auto addresses, co_await names_->lookup(target.host, deadline));
  if (addresses.empty()) co_return no_such_host(target.host, "it has no address");
  const auto own = own_addresses();
  std::string_view refused;
  std::erase_if(addresses, [&](const asio::ip::address& address) {
    auto why = why_not_public(address);
    if (!why && own.contains(address)) why = "an address of this host";
    if (why) refused = *why;
    return why.has_value();
  });
  // Which address it is stays outside: a sandbox is no map of the networks around this host.
  if (addresses.empty())
    co_return insufficient_permissions("{} leads to {}, and a sandbox reaches addresses of the internet only",
                                       target.host, refused)
        .with_code("address_not_allowed");
  Destination destination{std::move(addresses), target.port};
  co_return destination;
}

namespace {

Task<Result<net::Socket>> connect_any(EgressTarget target, Destination destination) {
  boost::system::error_code last;
  for (const auto& address : destination.addresses) {
    net::Socket socket(co_await asio::this_coro::executor);
    const asio::ip::tcp::endpoint to(address, destination.port);
    const auto [failed] = co_await socket.async_connect(to, no_throw);
    if (!failed) {
      net::set_no_delay(socket);
      co_return socket;
    }
    last = failed;
  }
  co_return upstream_error("cannot connect to {}: {}", target.to_string(), last.message())
      .with_code("cannot_connect");
}

}  // namespace

Task<Result<net::Socket>> connect(EgressTarget target, Destination destination, Deadline deadline) {
  auto message = fmt::format("connecting to {} took too long", target.to_string());
  auto task = connect_any(std::move(target), std::move(destination));
  co_return co_await with_deadline(deadline, std::move(task), std::move(message));
}

}  // namespace isa::cloud_os
