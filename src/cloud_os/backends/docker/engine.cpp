#include "cloud_os/backends/docker/engine.h"

#include "base/blocking.h"
#include "cloud_os/backends/docker/log_frames.h"
#include "net/client.h"

#include <charconv>

namespace isa::cloud_os::docker {
namespace {

using net::Method;
using Version = std::pair<int, int>;

constexpr Version kOldest{1, 41};  // Docker 20.10.
constexpr Version kNewest{1, 51};
constexpr auto kPatience =
    std::chrono::seconds(30);  // Of a busy machine: the engine answers most in milliseconds.
constexpr std::size_t kAnswerMax = 64 << 20;

std::string to_text(Version version) {
  return fmt::format("{}.{}", version.first, version.second);
}

Result<net::ClientResponse> exchange(const std::filesystem::path& socket, net::ClientRequest request,
                                     Deadline deadline) {
  net::ClientOptions options;
  options.idle_per_endpoint = 0;
  options.body_max = kAnswerMax;
  net::Client client(options);
  auto to = net::Endpoint::unix_socket(socket.string());
  auto answer = run_blocking(client.send(std::move(to), std::move(request), deadline));
  if (!answer && answer.error().kind() == ErrorKind::service_unavailable)
    return service_unavailable("the Docker engine does not answer at {}: {}", socket.string(),
                               answer.error().detail());
  return answer;
}

Error refusal_of(std::string_view what, const net::ClientResponse& answer) {
  const auto refusal = json::parse_as<Refusal>(answer.body);
  const auto why = refusal ? refusal->message : fmt::format("status {}", answer.status);
  const auto kind = answer.status == 404   ? ErrorKind::not_found
                    : answer.status == 409 ? ErrorKind::conflict
                                           : ErrorKind::upstream_error;
  return make_error(kind, "the Docker engine does not {}: {}", what, why);
}

}  // namespace

struct Engine::Call {
  std::string_view what;  // For the error: "start a container".
  Method method = Method::get;
  std::string target;
  std::string body;
  Deadline deadline = Deadline::after(kPatience);
};

std::optional<Version> parse_version(std::string_view text) {
  Version version;
  const char* end = text.end();
  const auto major = std::from_chars(text.begin(), end, version.first);
  if (major.ec != std::errc() || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.second);
  if (minor.ec != std::errc() || minor.ptr != end) return std::nullopt;
  return version;
}

Result<Engine> Engine::connect(std::filesystem::path socket) {
  net::ClientRequest ping;
  ping.target = "/_ping";
  ISA_TRY(const auto answer, exchange(socket, std::move(ping), Deadline::after(kPatience)));
  const std::string said(answer.headers.get("Api-Version"));
  const auto version = parse_version(said);
  if (answer.status != 200 || !version)
    return failed_dependency("what answers at {} is no Docker engine", socket.string());
  if (*version < kOldest)
    return failed_dependency(
        "the Docker engine at {} speaks version {} of its API; {} or newer is needed (Docker 20.10)",
        socket.string(), said, to_text(kOldest));
  return Engine(std::move(socket), to_text(std::min(*version, kNewest)));
}

Result<std::string> Engine::send(Call call) const {
  net::ClientRequest request;
  request.method = call.method;
  request.target = fmt::format("/v{}{}", version_, call.target);
  request.headers.set("Content-Type", "application/json");
  request.body = std::move(call.body);
  ISA_TRY(auto answer, exchange(socket_, std::move(request), call.deadline));
  const bool succeeded = (answer.status >= 200 && answer.status < 300) || answer.status == 304;
  if (!succeeded) return refusal_of(call.what, answer);
  return std::move(answer.body);
}

template <class Answer>
Result<Answer> Engine::ask(Call call) const {
  const auto what = call.what;
  ISA_TRY(const auto body, send(std::move(call)));
  ISA_TRY(const auto document, json::parse(body));
  auto answer = json::read<Answer>(document);
  if (!answer)
    return upstream_error("the Docker engine was to {} and answers with something else than its API says",
                          what)
        .with_detail(answer.error().param() + ": " + answer.error().message());
  return answer;
}

Result<void> Engine::order(Call call, std::initializer_list<ErrorKind> already_done) const {
  const auto sent = send(std::move(call));
  if (sent || std::ranges::count(already_done, sent.error().kind()) > 0) return ok();
  return Failure(sent.error());
}

Result<Info> Engine::info() const {
  return ask<Info>({"tell of itself", Method::get, "/info"});
}

Result<Image> Engine::image(const std::string& reference) const {
  return ask<Image>(
      {"show an image", Method::get, fmt::format("/images/{}/json", net::percent_encode(reference))});
}

Result<std::string> Engine::create(const std::string& name, const json::object& spec) const {
  const auto target = "/containers/create?name=" + net::percent_encode(name);
  ISA_TRY(auto created, ask<Created>({"create a container", Method::post, target, json::serialize(spec)}));
  return std::move(created.Id);
}

Result<void> Engine::start(const std::string& id) const {
  return order({"start a container", Method::post, fmt::format("/containers/{}/start", id)}, {});
}

Result<Container> Engine::inspect(const std::string& id) const {
  return ask<Container>({"show a container", Method::get, fmt::format("/containers/{}/json", id)});
}

Result<std::vector<Summary>> Engine::list(const std::map<std::string, std::string>& labels) const {
  json::array wanted;
  for (const auto& [name, value] : labels) wanted.emplace_back(name + "=" + value);
  const json::object filters{{"label", std::move(wanted)}};
  const auto target = "/containers/json?all=true&filters=" + net::percent_encode(json::serialize(filters));
  return ask<std::vector<Summary>>({"list containers", Method::get, target});
}

Result<Stats> Engine::stats(const std::string& id) const {
  const auto target = fmt::format("/containers/{}/stats?stream=false&one-shot=true", id);
  return ask<Stats>({"measure a container", Method::get, target});
}

Result<std::string> Engine::logs(const std::string& id, std::size_t max) const {
  const auto target = fmt::format("/containers/{}/logs?stdout=true&stderr=true", id);
  ISA_TRY(const auto stream, send({"give the log of a container", Method::get, target}));
  auto text = text_of_frames(stream);
  if (text.size() > max) text.erase(0, text.size() - max);
  return text;
}

Result<void> Engine::pause(const std::string& id) const {
  return order({"pause a container", Method::post, fmt::format("/containers/{}/pause", id)}, {});
}

Result<void> Engine::resume(const std::string& id) const {
  return order({"resume a container", Method::post, fmt::format("/containers/{}/unpause", id)}, {});
}

Result<void> Engine::kill(const std::string& id) const {
  return order({"kill a container", Method::post, fmt::format("/containers/{}/kill?signal=KILL", id)},
               {ErrorKind::not_found, ErrorKind::conflict});
}

Result<void> Engine::await_end(const std::string& id, Deadline deadline) const {
  const auto target = fmt::format("/containers/{}/wait?condition=not-running", id);
  return order({"wait for the end of a container", Method::post, target, {}, deadline},
               {ErrorKind::not_found});
}

Result<void> Engine::remove(const std::string& id) const {
  return order({"remove a container", Method::del, fmt::format("/containers/{}?force=true&v=true", id)},
               {ErrorKind::not_found});
}

}  // namespace isa::cloud_os::docker
