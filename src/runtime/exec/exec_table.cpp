#include "runtime/exec/exec_table.h"

#include "sdk/tools/fd.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <fcntl.h>

namespace isa::runtime {
namespace {

constexpr std::size_t kRunningMax = 64;
constexpr std::size_t kEndedMax = 32;  // That can still be looked at.
constexpr std::size_t kEndedBytesMax = 1 << 20;
constexpr std::size_t kBodyMax = 3 << 20;  // 1 MiB of input, however it is encoded.

net::Response state_response(int status, const Exec& exec) {
  return net::Response::json(status, json::write(exec.state()));
}

// ?after=, which counts more because it is explicit, or Last-Event-ID.
Result<std::uint64_t> position_of(const net::Request& request) {
  const auto asked = request.query_value("after");
  const std::string_view text = asked.empty() ? request.headers.get("Last-Event-ID") : asked;
  std::uint64_t position = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (text.empty() || (error == std::errc() && end == text.data() + text.size())) return position;
  return validation_error("after must be the id of an event of this stream, not '{}'", text)
      .with_param("after");
}

// ?id=: the name of a command whose answer may get lost, so that it can be found; exec_ and 26 characters.
Result<std::string> id_for(const net::Request& request) {
  constexpr std::string_view prefix = "exec_";
  const auto id = request.query_value("id");
  if (id.empty()) return std::string(prefix) + make_ulid();
  const auto is_plain = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); };
  if (id.starts_with(prefix) && id.size() == prefix.size() + 26 &&
      std::ranges::all_of(id.substr(prefix.size()), is_plain))
    return std::string(id);
  return validation_error("id must be exec_ and 26 lower-case letters and digits, not '{}'", id)
      .with_param("id");
}

Result<void> write_input(Exec& exec, const std::string& body) {
  ISA_TRY(const auto input, json::parse_as<sdk::ExecInput>(body));
  ISA_TRY(auto bytes, input_bytes(input, ""));
  return exec.write(std::move(bytes), input.eof.value_or(false));
}

Result<void> send_signal(Exec& exec, const std::string& body) {
  ISA_TRY(const auto number, parse_exec_signal(body));
  return exec.signal(number);
}

Result<void> resize(Exec& exec, const std::string& body) {
  ISA_TRY(const auto size, parse_terminal_size(body));
  return exec.resize(size);
}

}  // namespace

ExecTable::ExecTable(const asio::any_io_executor& executor, std::shared_ptr<sdk::ProcessTable> processes,
                     EnvironmentSource environment, std::string workspace)
    : processes_(std::move(processes)),
      environment_(std::move(environment)),
      workspace_(std::move(workspace)),
      tasks_(executor) {}

void ExecTable::add_routes(net::Router& to) {
  using net::Method;
  using net::Request;
  const net::RouteOptions open{.body_max = kBodyMax, .is_public = true};
  to.add({Method::post, "/exec", [this](Request& request) { return start(request); }, open});
  to.add({Method::get, "/exec", [this](Request&) { return list(); }, open});
  to.add({Method::get, "/exec/{id}", [this](Request& request) { return show(request); }, open});
  to.add({Method::get, "/exec/{id}/output", [this](Request& request) { return output(request); }, open});
  to.add({Method::post, "/exec/{id}/stdin", [this](Request& request) { return change(request, write_input); },
          open});
  to.add({Method::post, "/exec/{id}/signal",
          [this](Request& request) { return change(request, send_signal); }, open});
  to.add({Method::post, "/exec/{id}/resize", [this](Request& request) { return change(request, resize); },
          open});
}

ExecTable::Answer ExecTable::list() {
  sdk::ExecList all;
  for (const auto& [id, exec] : execs_) all.execs.push_back(exec->state());
  co_return net::Response::json(200, json::write(all));
}

ExecTable::Answer ExecTable::show(net::Request& request) {
  ISA_CO_TRY(const auto exec, find(request));
  co_return state_response(200, *exec);
}

Result<std::shared_ptr<Exec>> ExecTable::find(const net::Request& request) const {
  const auto& id = request.param("id");
  const auto found = execs_.find(id);
  if (found != execs_.end()) return found->second;
  for (const auto& [key, exec] : execs_)
    if (!exec->has_ended() && std::to_string(exec->state().pid) == id) return exec;
  return not_found("no command {} runs in this sandbox, nor is it one of the last that ended", id)
      .with_code("exec_not_found");
}

// The oldest of those that ended go first.
Result<void> ExecTable::make_room() {
  std::size_t running = 0, ended = 0, bytes = 0;
  for (auto at = execs_.end(); at != execs_.begin();) {
    --at;
    if (!at->second->has_ended()) {
      ++running;
      continue;
    }
    bytes += at->second->kept_bytes();
    if (++ended > kEndedMax || bytes > kEndedBytesMax) at = execs_.erase(at);
  }
  if (running < kRunningMax) return ok();
  return Error(ErrorKind::rate_limit_exceeded,
               fmt::format("{} commands run in this sandbox already; wait for one, or signal it", running))
      .with_code("too_many_execs")
      .with_retry_after(std::chrono::seconds(1));
}

Result<std::shared_ptr<Exec>> ExecTable::begin(std::string id, const sdk::ExecStart& wanted,
                                               Environment env) {
  if (execs_.contains(id)) return conflict("the command {} exists already", id).with_code("exec_exists");
  ISA_TRYV(make_room());
  if (wanted.env)
    for (const auto& [name, value] : *wanted.env) env[name] = value;
  ISA_TRY(auto argv, executable_argv(wanted, env));
  std::string cwd = wanted.cwd.value_or(workspace_);
  if (!cwd.starts_with('/')) cwd = workspace_ + "/" + cwd;
  const sdk::Fd folder(::open(cwd.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder)
    return validation_error("/cwd: {} is no folder that the sandbox's user can enter", cwd)
        .with_param("/cwd")
        .with_detail(std::strerror(errno));
  const auto executor = tasks_.executor();
  const auto exec = std::make_shared<Exec>(executor, std::move(id), wanted, std::move(argv), cwd);
  ISA_TRYV(exec->start(executor, processes_, env, folder.get()));
  execs_.emplace(exec->id(), exec);
  tasks_.spawn("exec.run", Exec::run(exec));
  tasks_.spawn("exec.feed", Exec::feed(exec));
  return exec;
}

ExecTable::Answer ExecTable::start(net::Request& request) {
  ISA_CO_TRY(const auto wanted, parse_exec_start(request.body));
  ISA_CO_TRY(auto id, id_for(request));
  ISA_CO_TRY(auto env, co_await environment_());
  ISA_CO_TRY(const auto exec, begin(std::move(id), wanted, std::move(env)));
  if (wanted.background.value_or(false)) co_return state_response(201, *exec);
  auto body = [exec](net::BodyWriter& to) { return Exec::stream(exec, 0, to); };
  co_return net::Response::sse(std::move(body));
}

ExecTable::Answer ExecTable::output(net::Request& request) {
  ISA_CO_TRY(const auto exec, find(request));
  ISA_CO_TRY(const auto after, position_of(request));
  const auto end = static_cast<std::uint64_t>(exec->state().output_end) + (exec->has_ended() ? 1 : 0);
  if (after > end)
    co_return validation_error("the command {} has not come to position {} yet; it is at {}", exec->id(),
                               after, end)
        .with_param("after");
  auto body = [exec, after](net::BodyWriter& to) { return Exec::stream(exec, after, to); };
  co_return net::Response::sse(std::move(body));
}

ExecTable::Answer ExecTable::change(net::Request& request, Result<void> (*act)(Exec&, const std::string&)) {
  ISA_CO_TRY(const auto exec, find(request));
  ISA_CO_TRYV(act(*exec, request.body));
  co_return state_response(200, *exec);
}

}  // namespace isa::runtime
