// The Docker Engine API over its Unix socket, as far as sandboxes need it.
//
// Every call blocks its thread, as the calls of a backend do, and stands for itself: an event loop and a
// connection that live as long as the call. So there is no thread and no shared state to keep, any number of
// workers may call at once, and one connection more (some 50 us) is nothing beside what the engine takes.
//
// Errors: service_unavailable (nobody answers at the socket), timeout, not_found, conflict, failed_dependency
// (an engine too old), upstream_error (what else the engine refuses, in its words).
#pragma once

#include "base/deadline.h"
#include "cloud_os/backends/docker/answers.h"
#include "net/http.h"

#include <filesystem>

namespace isa::cloud_os::docker {

class Engine {
 public:
  // Agrees on the version of the API: the engine's own, or the newest that this program knows.
  static Result<Engine> connect(std::filesystem::path socket);

  const std::filesystem::path& socket() const { return socket_; }
  const std::string& api_version() const { return version_; }  // "1.41"

  Result<Info> info() const;
  Result<Image> image(const std::string& reference) const;

  // The id of the new container.
  Result<std::string> create(const std::string& name, const json::object& spec) const;
  Result<void> start(const std::string& id) const;
  Result<Container> inspect(const std::string& id) const;
  // Running or not, those that have all of these labels.
  Result<std::vector<Summary>> list(const std::map<std::string, std::string>& labels) const;
  Result<Stats> stats(const std::string& id) const;
  // The last bytes of what it wrote, at most `max`.
  Result<std::string> logs(const std::string& id, std::size_t max) const;
  Result<void> pause(const std::string& id) const;
  Result<void> resume(const std::string& id) const;
  // These succeed where there is nothing left to do.
  Result<void> kill(const std::string& id) const;
  Result<void> await_end(const std::string& id, Deadline deadline) const;
  Result<void> remove(const std::string& id) const;  // Also a running one; with its anonymous volumes.

 private:
  struct Call;
  Engine(std::filesystem::path socket, std::string version)
      : socket_(std::move(socket)), version_(std::move(version)) {}
  // Succeeds on the statuses 2xx and 304.
  Result<std::string> send(Call call) const;
  template <class Answer>
  Result<Answer> ask(Call call) const;
  Result<void> order(Call call, std::initializer_list<ErrorKind> already_done) const;

  std::filesystem::path socket_;
  std::string version_;
};

// Versions as the engine writes them: "1.41" < "1.9" is false. Nothing when it is none.
std::optional<std::pair<int, int>> parse_version(std::string_view text);

}  // namespace isa::cloud_os::docker
