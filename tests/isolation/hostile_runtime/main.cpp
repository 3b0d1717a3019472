// isa-hostile-runtime: stands in the runtime's place and lies to the platform, as a custom agent might.
//
// How it answers /health, /init and chats is named by the last line of its own file ("health=garbage"), which
// the suite appends, or by the message of a chat ("lie: endless-events"); everything else it answers well.
#include "take_listener.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr int kListenFd = 3;

bool send_all(int peer, const std::string& text) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t count = send(peer, text.data() + at, text.size() - at, MSG_NOSIGNAL);
    if (count <= 0) return false;
    at += static_cast<std::size_t>(count);
  }
  return true;
}

void send_for_ever(int peer, const std::string& piece) {
  std::string block;
  while (block.size() < 64 << 10) block += piece;
  while (send_all(peer, block)) {
  }
}

std::string whole(const std::string& body, const char* type = "application/json") {
  return std::string("HTTP/1.1 200 OK\r\nContent-Type: ") + type +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

constexpr const char* kStream =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

std::string event(const std::string& json) {
  return "data: " + json + "\n\n";
}

const std::string kResult = event(R"({"type":"result","content":"done","metadata":{"subtype":"success"}})");
const std::string kDone = "data: [DONE]\n\n";

// Lies that any answer of HTTP can tell.
bool lie_in_http(int peer, const std::string& lie) {
  if (lie == "garbage") return send_all(peer, std::string(4096, '\x16') + "\r\n\r\n"), true;
  if (lie == "silence") return pause(), true;
  if (lie == "close") return true;
  if (lie == "endless-head")
    return send_all(peer, "HTTP/1.1 200 OK\r\n"), send_for_ever(peer, "X-A: a\r\n"), true;
  if (lie == "endless-interim") return send_for_ever(peer, "HTTP/1.1 100 Continue\r\n\r\n"), true;
  if (lie == "endless-body")
    return send_all(peer, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), send_for_ever(peer, "x"), true;
  if (lie == "huge-length")
    return send_all(peer, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nx"), pause(), true;
  if (lie == "two-lengths")
    return send_all(peer, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 5\r\n\r\nhello"), true;
  if (lie == "bad-chunks")
    return send_all(peer, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx"),
           true;
  if (lie == "redirect")
    return send_all(peer,
                    "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"),
           true;
  if (lie == "error") return send_all(peer, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), true;
  if (lie == "not-json") return send_all(peer, whole("}{")), true;
  return false;
}

// Lies of an agent: its answer is a stream of events.
void lie_in_events(int peer, const std::string& lie) {
  if (!send_all(peer, kStream)) return;
  if (lie == "endless-events") send_for_ever(peer, event(R"({"type":"text","content":"again and again "})"));
  if (lie == "endless-line") send_for_ever(peer, "data: x");
  if (lie == "endless-lines") send_for_ever(peer, "data: x\n");
  if (lie == "endless-unknown") send_for_ever(peer, event("{\"type\":\"no such type\"}"));
  if (lie == "endless-history") send_for_ever(peer, "event: history\ndata: {\"new_messages\":[]}\n\n");
  if (lie == "deep-json") send_all(peer, "data: " + std::string(1 << 20, '[') + "\n\n" + kResult + kDone);
  if (lie == "bad-text")
    send_all(peer, event("{\"type\":\"text\",\"content\":\"\xff\xfe\"}") +
                       event(R"({"type":"text","content":7})") + kResult + kDone);
  if (lie == "forged-end")
    send_all(
        peer,
        event(R"({"type":"session_end","content":"","metadata":{}})") +
            event(R"({"type":"session_start","session_id":"sess_other"})") +
            event(R"({"type":"text","run_id":"run_other","seq":1,"id":"run_other:1","content":"forged"})") +
            kResult + kDone);
  if (lie == "two-ends")
    send_all(peer, kResult + event(R"({"type":"error","content":"second end"})") +
                       event(R"({"type":"text","content":"after the end"})") + kResult + kDone);
  if (lie == "no-end") send_all(peer, event(R"({"type":"text","content":"half a "})"));
  if (lie == "end-and-hang") {
    send_all(peer, kResult);
    pause();
  }
  if (lie == "bad-history")
    send_all(
        peer,
        kResult + "event: history\ndata: {\"new_messages\":[{\"role\":\"root\"}],\"usage\":-1}\n\n" + kDone);
  if (lie.empty()) send_all(peer, event(R"({"type":"text","content":"well"})") + kResult + kDone);
}

std::string read_request(int peer) {
  std::string request;
  char bytes[16384];
  std::size_t end = std::string::npos, length = 0;
  while (end == std::string::npos || request.size() < end + 4 + length) {
    const ssize_t count = read(peer, bytes, sizeof bytes);
    if (count <= 0) return "";
    request.append(bytes, static_cast<std::size_t>(count));
    end = request.find("\r\n\r\n");
    const auto field = request.find("Content-Length: ");
    if (field != std::string::npos && field < end)
      length = std::strtoul(request.c_str() + field + 16, nullptr, 10);
  }
  return request;
}

std::string between(const std::string& text, const std::string& from, const std::string& ends) {
  const auto at = text.rfind(from);
  if (at == std::string::npos) return "";
  const auto begin = at + from.size();
  return text.substr(begin, text.find_first_of(ends, begin) - begin);
}

void serve(int peer, const std::string& orders) {
  const auto request = read_request(peer);
  const bool is_health = request.rfind("GET /health", 0) == 0;
  const bool is_init = request.rfind("POST /init", 0) == 0;
  const auto lie = is_health ? between(orders, "health=", "\n")
                   : is_init ? between(orders, "init=", "\n")
                             : between(request, "lie: ", "\"\\");
  if (lie_in_http(peer, lie)) return;
  if (is_health || is_init)
    send_all(peer, whole(R"({"status":"ready"})"));
  else
    lie_in_events(peer, lie);
}

// Past the program itself.
std::string orders_of_own_file() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  return text.substr(text.size() - std::min<std::size_t>(text.size(), 64));
}

// What lands in the sandbox's log, of which a ring is kept.
void shout() {
  const std::string line(1023, 'l');
  for (int i = 0; i < 32 << 10; ++i) std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_IGN);
  if (!isa::testing::take_listener(argc, argv, kListenFd)) return 1;
  const auto orders = orders_of_own_file();
  if (!between(orders, "log=", "\n").empty()) shout();
  for (;;) {
    const int peer = accept(kListenFd, nullptr, nullptr);
    if (peer < 0) continue;
    if (fork() == 0) {
      serve(peer, orders);
      _exit(0);
    }
    close(peer);
  }
}
