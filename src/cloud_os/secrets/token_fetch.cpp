#include "cloud_os/secrets/token_fetch.h"

#include "net/exchange.h"

namespace isa::cloud_os {
namespace {

constexpr std::size_t kLookupsMax = 4;  // The resolver's threads are those of all sandboxes.
constexpr std::size_t kAnswerMax = 64 << 10;

}  // namespace

TokenFetch::TokenFetch(asio::any_io_executor executor, Destinations& destinations, net::TlsConnector& tls)
    : destinations_(destinations), tls_(tls), lookups_(std::move(executor), kLookupsMax) {}

Task<Result<sdk::mcp::TokenAnswer>> TokenFetch::ask(TokenUrl at, net::ClientRequest request,
                                                    Deadline deadline) {
  auto message = fmt::format("{} did not answer in time", at.to.to_string());
  auto task = exchange(std::move(at), std::move(request), deadline);
  co_return co_await with_deadline(deadline, std::move(task), std::move(message));
}

Task<Result<sdk::mcp::TokenAnswer>> TokenFetch::exchange(TokenUrl at, net::ClientRequest request,
                                                         Deadline deadline) {
  std::optional<Semaphore::Permit> turn;
  turn.emplace(co_await lookups_.acquire());
  ISA_CO_TRY(auto destination, co_await destinations_.find(at.to, deadline));
  turn.reset();
  ISA_CO_TRY(auto socket, co_await connect(at.to, std::move(destination), deadline));
  ISA_CO_TRY(auto stream, co_await tls_.connect(std::move(socket), at.to.host));
  auto to = net::Endpoint::tcp(at.to.host, at.to.port);
  to.tls = true;
  request.target = std::move(at.target);
  const auto silence = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.remaining());
  ISA_CO_TRY(auto answer, co_await net::exchange_once(std::move(stream), std::move(to), std::move(request),
                                                      deadline, silence));
  ISA_CO_TRY(const auto body, co_await net::read_all(*answer.body, kAnswerMax));
  co_return sdk::mcp::parse_token_answer(answer.status, body);
}

}  // namespace isa::cloud_os
