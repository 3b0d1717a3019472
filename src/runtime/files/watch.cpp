#include "runtime/files/watch.h"

#include "base/deadline.h"
#include "net/sse.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <dirent.h>

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

namespace isa::runtime {
namespace {

constexpr std::size_t kFoldersMax = 4096;
constexpr std::size_t kFoundMax = 10'000;  // Of what a folder that appeared holds; beyond it: `lost`.
constexpr std::uint32_t kWanted = IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                  IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;
constexpr std::chrono::seconds kSilenceMax{10};

template <class Body>
std::string event_text(std::string name, const Body& body) {
  const net::SseEvent event{.id = {}, .event = std::move(name), .data = json::serialize(json::write(body))};
  return net::format_sse(event);
}

// The path that a descriptor stands for.
Result<std::string> path_of(const sdk::Fd& folder) {
  std::string path(4096, '\0');
  const auto link = fmt::format("/proc/self/fd/{}", folder.get());
  const auto size = ::readlink(link.c_str(), path.data(), path.size());
  if (size < 0) return from_errno(errno, "the folder cannot be watched");
  path.resize(static_cast<std::size_t>(size));
  return path;
}

std::string below(const std::string& folder, std::string_view name) {
  return folder.empty() ? std::string(name) : folder + "/" + std::string(name);
}

// Ready, or true after some time of silence.
Task<bool> is_silent(asio::posix::stream_descriptor& from) {
  bool has_some = false;
  const auto wait = [](asio::posix::stream_descriptor& inotify, bool& is_ready) -> Task<void> {
    const auto [failed] = co_await inotify.async_wait(asio::posix::stream_descriptor::wait_read, no_throw);
    is_ready = !failed;
  };
  auto waiting = wait(from, has_some);
  co_await finished_before(Deadline::after(kSilenceMax), std::move(waiting));
  co_return !has_some;
}

}  // namespace

Watch::Watch(const asio::any_io_executor& executor, sdk::Fd inotify, bool recursive)
    : inotify_(executor, inotify.release()), recursive_(recursive) {}

Result<std::unique_ptr<Watch>> Watch::open(const asio::any_io_executor& executor, sdk::Fd folder,
                                           bool recursive) {
  sdk::Fd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify)
    return from_errno(errno, "no watch is left on this host; end another one",
                      ErrorKind::service_unavailable);
  std::unique_ptr<Watch> watch(new Watch(executor, std::move(inotify), recursive));
  ISA_TRY(watch->root_, path_of(folder));
  ISA_TRYV(watch->add(folder.get(), "", nullptr));
  return watch;
}

// Of a folder that appeared, what it holds already is told as well: it may have come before the watch.
Result<void> Watch::add(int folder, const std::string& name, std::vector<sdk::FileChange>* found) {
  if (folders_.size() >= kFoldersMax)
    return payload_too_large("more than {} folders are to be watched; watch a smaller tree", kFoldersMax);
  const int id =
      ::inotify_add_watch(inotify_.native_handle(), fmt::format("/proc/self/fd/{}", folder).c_str(), kWanted);
  if (id < 0)
    return from_errno(errno, "no watch is left on this host; end another one",
                      ErrorKind::service_unavailable);
  folders_[id] = name;
  if (!recursive_ && !found) return ok();
  sdk::Fd listed(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* dir = listed ? ::fdopendir(listed.get()) : nullptr;
  if (!dir) return ok();  // Gone meanwhile.
  listed.release();
  Result<void> status = ok();
  while (const dirent* entry = status ? ::readdir(dir) : nullptr) {
    const std::string_view base = entry->d_name;
    if (base == "." || base == "..") continue;
    struct stat look{};
    if (::fstatat(folder, entry->d_name, &look, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const bool is_folder = S_ISDIR(look.st_mode);
    if (found && found->size() <= kFoundMax)
      found->push_back({sdk::FileChangeType::create, below(name, base), is_folder});
    if (!is_folder || !recursive_) continue;
    const sdk::Fd next(::openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next) status = add(next.get(), below(name, base), found);
  }
  ::closedir(dir);
  return status;
}

void Watch::describe(std::uint32_t mask, const std::string& path, std::vector<sdk::FileChange>& to) {
  using enum sdk::FileChangeType;
  const bool is_folder = (mask & IN_ISDIR) != 0;
  const auto tell = [&](sdk::FileChangeType type) { to.push_back({type, path, is_folder}); };
  if (mask & (IN_CREATE | IN_MOVED_TO)) tell(create);
  if (mask & IN_MODIFY) tell(write);
  if (mask & IN_DELETE) tell(sdk::FileChangeType::remove);
  if (mask & IN_MOVED_FROM) tell(sdk::FileChangeType::rename);
  if (mask & IN_ATTRIB) tell(sdk::FileChangeType::chmod);
}

// The events of one read, as text for the reader.
std::string Watch::take(const char* bytes, std::size_t size) {
  std::string text;
  for (std::size_t at = 0; at + sizeof(inotify_event) <= size;) {
    inotify_event event;
    std::memcpy(&event, bytes + at, sizeof event);
    const char* name = bytes + at + sizeof event;
    at += sizeof event + event.len;
    if (event.mask & IN_Q_OVERFLOW) {
      text += event_text("lost", json::object());
      continue;
    }
    const auto folder = folders_.find(event.wd);
    if (folder == folders_.end()) continue;
    const bool is_root = folder->second.empty();
    if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF)) && is_root) is_over_ = true;
    if (event.mask & IN_IGNORED) {
      folders_.erase(folder);
      continue;
    }
    if (event.len == 0) continue;
    const auto path = below(folder->second, name);
    std::vector<sdk::FileChange> changes;
    describe(event.mask, path, changes);
    const bool is_new_folder = (event.mask & IN_ISDIR) && (event.mask & (IN_CREATE | IN_MOVED_TO));
    if (recursive_ && is_new_folder) {
      const sdk::Fd next(::open(below(root_, path).c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      const bool is_lost = next && (!add(next.get(), path, &changes) || changes.size() > kFoundMax);
      if (is_lost) text += event_text("lost", json::object());
    }
    for (const auto& change : changes) text += event_text("change", change);
  }
  return text;
}

Task<void> Watch::stream(std::shared_ptr<Watch> watch, net::BodyWriter& to) {
  if (!co_await to.write(event_text("ready", json::object()))) co_return;
  std::array<char, 4096> bytes;
  while (!watch->is_over_) {
    if (co_await is_silent(watch->inotify_)) {
      if (!co_await to.write(std::string(net::kSseHeartbeat))) co_return;
      continue;
    }
    const auto size = ::read(watch->inotify_.native_handle(), bytes.data(), bytes.size());
    if (size <= 0) continue;
    auto text = watch->take(bytes.data(), static_cast<std::size_t>(size));
    if (!text.empty() && !co_await to.write(std::move(text))) co_return;
  }
}

}  // namespace isa::runtime
