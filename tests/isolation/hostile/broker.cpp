// Through the one door that there is: whoever asks at the broker is the sandbox that the channel belongs to,
// and gets the model service's paths and nothing else.
#include "attempt.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace hostile {
namespace {

constexpr const char* kBroker = "/run/isa/broker.sock";
constexpr int kPatienceMs = 10'000;
constexpr std::size_t kAnswerMax = 1 << 20;

int connect_broker() {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, kBroker);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

bool send_all(int fd, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t count = send(fd, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (count <= 0) return false;
    at += static_cast<std::size_t>(count);
  }
  return true;
}

// To the end of the connection, or to the end of patience.
std::string read_answer(int fd) {
  std::string text;
  char bytes[16384];
  pollfd one{fd, POLLIN, 0};
  while (text.size() < kAnswerMax && poll(&one, 1, kPatienceMs) > 0) {
    const ssize_t count = read(fd, bytes, sizeof bytes);
    if (count <= 0) break;
    text.append(bytes, static_cast<std::size_t>(count));
  }
  return text;
}

// The status of the answer ("403"), or "closed" when there came none.
Got ask(const std::string& request) {
  const int fd = connect_broker();
  if (fd < 0) return refused(errno);
  send_all(fd, request);
  shutdown(fd, SHUT_WR);
  const auto answer = read_answer(fd);
  close(fd);
  if (answer.rfind("HTTP/1.1 ", 0) != 0 || answer.size() < 12) return {"closed", answer.substr(0, 100)};
  const auto body = answer.find("\r\n\r\n");
  return {answer.substr(9, 3), body == std::string::npos ? "" : answer.substr(body + 4, 300)};
}

std::string get(const std::string& path, const std::string& headers = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: model\r\nConnection: close\r\n" + headers + "\r\n";
}

// Two answers to what one parser reads as one request would be a smuggled second one.
Got smuggle(const std::string& first_headers) {
  const std::string hidden = "GET /api/v1/vms HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string request =
      "POST /v1/models HTTP/1.1\r\nHost: model\r\n" + first_headers + "\r\n\r\n0\r\n\r\n" + hidden;
  return ask(request);
}

Got too_many_connections(const Targets&) {
  std::vector<int> held;
  for (int i = 0; i < 300; ++i) {
    const int fd = connect_broker();
    if (fd < 0) break;
    send_all(fd, "GET /v1/models HTTP/1.1\r\nHost:");  // And never the rest.
    held.push_back(fd);
  }
  pollfd last{held.empty() ? -1 : held.back(), POLLIN | POLLHUP, 0};
  const int ready = poll(&last, 1, 5000);
  const auto answer = ready > 0 ? read_answer(last.fd) : std::string();
  for (const int fd : held) close(fd);
  if (ready == 0) return allowed(std::to_string(held.size()) + " are kept");
  return {"turned away", answer.substr(0, 60)};
}

// The connections that were held end when the broker notices it: until then it turns this one away, by a 503
// or, when it has no time for one, by closing it.
Got after_all(const Targets&) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  for (;;) {
    const Got got = ask(get("/v1/models"));
    const bool is_turned_away = got.what == "closed" || got.what == "503";
    if (!is_turned_away || std::chrono::steady_clock::now() >= until) return got;
  }
}

}  // namespace

std::vector<Attempt> broker() {
  return {
      {"say that it is an internal service",
       [](const Targets& t) {
         return ask(get("/api/v1/vms", "X-Internal-Service: true\r\nX-Internal-Service-Secret: " +
                                           target(t, "guess") + "\r\nuser-id: root\r\n"));
       }},
      {"reach cloud_os", [](const Targets&) { return ask(get("/api/v1/vms")); }},
      {"reach the pool", [](const Targets&) { return ask(get("/api/v1/pools/agent/stats")); }},
      {"reach the metrics", [](const Targets&) { return ask(get("/metrics")); }},
      {"climb out of the path", [](const Targets&) { return ask(get("/v1/../api/v1/vms")); }},
      {"climb out of the path, encoded", [](const Targets&) { return ask(get("/v1/%2e%2e/api/v1/vms")); }},
      {"ask for an absolute address",
       [](const Targets&) { return ask(get("http://169.254.169.254/latest/meta-data/")); }},
      {"ask for a tunnel into the host",
       [](const Targets&) {
         return ask("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\nConnection: close\r\n\r\n");
       }},
      {"smuggle by two lengths",
       [](const Targets&) { return smuggle("Content-Length: 5\r\nContent-Length: 60"); }},
      {"smuggle by length and chunks",
       [](const Targets&) { return smuggle("Content-Length: 5\r\nTransfer-Encoding: chunked"); }},
      {"smuggle by a header's line end",
       [](const Targets&) { return ask(get("/v1/models", "X: a\nuser-id: root\r\n")); }},
      {"speak garbage", [](const Targets&) { return ask(std::string(4096, '\x16')); }},
      {"send an endless head",
       [](const Targets&) {
         return ask(get("/v1/models", "X-Long: " + std::string(4 << 20, 'a') + "\r\n"));
       }},
      {"send very many headers",
       [](const Targets&) {
         std::string many;
         for (int i = 0; i < 20'000; ++i) many += "X-" + std::to_string(i) + ": a\r\n";
         return ask(get("/v1/models", many));
       }},
      {"announce an endless body",
       [](const Targets&) {
         return ask(
             "POST /v1/chat/completions HTTP/1.1\r\nHost: model\r\nContent-Length: 99999999999\r\n\r\nx");
       }},
      {"break off a request", [](const Targets&) { return ask("POST /v1/chat/completions HT"); }},
      {"hold three hundred connections", too_many_connections},
      {"be served as before", after_all},
  };
}

}  // namespace hostile
