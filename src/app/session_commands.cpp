#include "app/session_commands.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>

#include <fcntl.h>
#include <unistd.h>

namespace isa::app {
namespace {

constexpr std::string_view kSessions = "/api/v1/agents/sessions";

std::string path_of(const std::string& session, std::string_view more = "") {
  return fmt::format("{}/{}{}", kSessions, net::percent_encode(session), more);
}

std::string text_of(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

void print_json(const json::value& value) {
  std::printf("%s\n", json::serialize(value).c_str());
}

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

Error cannot_write(const std::string& file) {
  return from_errno(errno, fmt::format("cannot write {}", file));
}

// What somebody said is nobody else's business: mode 0600.
Result<File> create_private(const std::string& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return cannot_write(file);
  File opened(::fdopen(fd, "w"), &std::fclose);
  if (!opened) {
    ::close(fd);
    return cannot_write(file);
  }
  return opened;
}

Task<Result<void>> copy(net::BodyStream& from, std::FILE* to, const std::string& name) {
  for (;;) {
    ISA_CO_TRY(const auto piece, co_await from.read());
    if (piece.empty()) break;
    if (std::fwrite(piece.data(), 1, piece.size(), to) != piece.size()) co_return cannot_write(name);
  }
  if (std::fflush(to) != 0) co_return cannot_write(name);
  co_return ok();
}

}  // namespace

Task<Result<void>> list_sessions(ApiClient& api, bool as_json) {
  json::array sessions;
  std::string cursor;
  do {
    auto path = fmt::format("{}?limit=200", kSessions);
    if (!cursor.empty()) path += "&cursor=" + net::percent_encode(cursor);
    ISA_CO_TRY(const auto page, co_await api.call(net::Method::get, path));
    for (const auto& one : page.at("sessions").as_array()) sessions.push_back(one);
    cursor = text_of(page.as_object(), "next_cursor");
  } while (!cursor.empty());
  if (as_json) co_return print_json(sessions), ok();
  if (sessions.empty()) {
    std::printf("No sessions yet. Begin one: isa chat AGENT \"Hello\"\n");
    co_return ok();
  }
  std::printf("%-32s  %-24s  %s\n", "ID", "UPDATED", "TITLE");
  for (const auto& item : sessions) {
    const auto& one = item.as_object();
    std::printf("%-32s  %-24s  %s\n", text_of(one, "id").c_str(), text_of(one, "updated_at").c_str(),
                text_of(one, "title").c_str());
  }
  co_return ok();
}

Task<Result<void>> show_session(ApiClient& api, std::string session) {
  ISA_CO_TRY(auto found, co_await api.call(net::Method::get, path_of(session)));
  ISA_CO_TRY(const auto runs, co_await api.call(net::Method::get, path_of(session, "/runs")));
  found.as_object()["runs"] = runs.at("runs");
  print_json(found);
  co_return ok();
}

Task<Result<void>> export_session(ApiClient& api, std::string session, std::string file) {
  ISA_CO_TRY(auto answer, co_await api.fetch(path_of(session, "/export")));
  if (file == "-") co_return co_await copy(*answer.body, stdout, "standard output");
  const auto part = file + ".part";
  ISA_CO_TRY(auto to, create_private(part));
  auto copied = co_await copy(*answer.body, to.get(), part);
  if (std::fclose(to.release()) != 0 && copied) copied = Failure(cannot_write(part));
  std::error_code ec;
  if (copied) std::filesystem::rename(part, file, ec);
  if (copied && ec) copied = Failure(from_errno(ec.value(), fmt::format("cannot write {}", file)));
  if (!copied) {
    std::filesystem::remove(part, ec);
    co_return copied;
  }
  std::printf("Wrote %s.\n", file.c_str());
  co_return ok();
}

Task<Result<void>> fork_session(ApiClient& api, ForkCommand command) {
  json::object body;
  if (command.after_event) body["after_event"] = *command.after_event;
  if (command.run) body["run_id"] = *command.run;
  if (command.title) body["title"] = *command.title;
  ISA_CO_TRY(const auto forked,
             co_await api.call(net::Method::post, path_of(command.session, "/fork"), std::move(body)));
  print_json(forked);
  co_return ok();
}

Task<Result<void>> delete_session(ApiClient& api, std::string session) {
  ISA_CO_TRY(const auto answer, co_await api.call(net::Method::del, path_of(session)));
  static_cast<void>(answer);
  std::printf("Deleted %s.\n", session.c_str());
  co_return ok();
}

}  // namespace isa::app
