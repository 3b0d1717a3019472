#include "cloud_os/backends/bubblewrap/options.h"

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;

class Options {
 public:
  template <class... Words>
  void add(const Words&... words) {
    (add_one(words), ...);
  }
  std::string take() { return std::move(text_); }

 private:
  void add_one(std::string_view word) { text_.append(word).push_back('\0'); }
  void add_one(const std::string& word) { add_one(std::string_view(word)); }
  void add_one(const char* word) { add_one(std::string_view(word)); }
  void add_one(const fs::path& path) { add_one(std::string_view(path.native())); }
  std::string text_;
};

void add_namespaces(Options& to, const BwrapFeatures& features) {
  to.add("--unshare-all", "--unshare-user", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox");
  if (features.disable_userns) to.add("--disable-userns");
  to.add("--as-pid-1", "--new-session", "--cap-drop", "ALL");
}

void add_tmpfs(Options& to, const BwrapFeatures& features, std::string_view at, std::string_view perms,
               std::int64_t bytes) {
  to.add("--perms", perms);
  if (features.tmpfs_size) to.add("--size", std::to_string(bytes));
  to.add("--tmpfs", at);
}

// Programs and libraries of the host, read-only; on hosts with a merged /usr the old names are links.
void add_programs(Options& to) {
  to.add("--ro-bind", "/usr", "/usr");
  for (const std::string_view name : {"bin", "lib", "lib32", "lib64", "sbin"}) {
    const fs::path path = fs::path("/") / name;
    std::error_code error;
    if (fs::is_symlink(path, error))
      to.add("--symlink", fs::read_symlink(path, error).native(), path);
    else
      to.add("--ro-bind-try", path, path);
  }
}

// Names below /etc that programs need and that hold no secret. Their mount points are made by write_etc().
constexpr std::string_view kSharedEtc[] = {"ld.so.cache", "alternatives", "ssl/certs"};

void add_etc(Options& to, const fs::path& etc) {
  to.add("--ro-bind", etc, "/etc");
  for (const auto name : kSharedEtc) {
    const auto path = fs::path("/etc") / name;
    to.add("--ro-bind-try", path, path);
  }
}

Result<void> write_if_different(const fs::path& path, std::string_view text) {
  if (read_text(path).value_or("none yet") == text) return ok();
  return write_atomically(path, text, 0644, Durable::no);
}

}  // namespace

std::string bwrap_options(const BwrapSources& from, const BwrapFeatures& features,
                          const BwrapDescriptors& fds, const VmLimits& limits,
                          const std::map<std::string, std::string>& env) {
  Options to;
  add_namespaces(to, features);
  add_programs(to);
  add_etc(to, from.etc);
  to.add("--proc", "/proc", "--dev", "/dev");
  // What these hold counts as the sandbox's memory.
  const auto half_memory = (limits.memory_mb << 20) / 2;
  add_tmpfs(to, features, "/dev/shm", "1777", half_memory);
  add_tmpfs(to, features, "/tmp", "1777", half_memory);
  add_tmpfs(to, features, "/run", "0755", 1 << 20);
  to.add("--ro-bind", from.broker, "/run/isa");
  to.add("--ro-bind", from.runtime, kRuntimeInside);
  to.add("--bind", from.workspace, "/workspace", "--chdir", "/workspace");
  to.add("--remount-ro", "/dev", "--remount-ro", "/");
  to.add("--clearenv");
  for (const auto& [name, value] : env) to.add("--setenv", name, value);
  if (features.several_filters)
    to.add("--add-seccomp-fd", std::to_string(fds.seccomp), "--add-seccomp-fd",
           std::to_string(fds.refused_ioctls));
  else
    to.add("--seccomp", std::to_string(fds.seccomp));
  to.add("--info-fd", std::to_string(fds.info));
  return to.take();
}

Result<void> write_etc(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return internal_error("cannot make {}", folder.string()).with_detail(error.message());
  const std::pair<const char*, const char*> files[] = {
      {"passwd",
       "root:x:0:0:root:/:/usr/sbin/nologin\n"
       "agent:x:1000:1000:agent:/workspace:/bin/sh\n"
       "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"},
      {"group", "root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n"},
      {"hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"},
      {"hostname", "sandbox\n"},
      {"resolv.conf", ""},
      {"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
  };
  for (const auto& [name, text] : files) ISA_TRYV(write_if_different(folder / name, text));
  for (const auto name : kSharedEtc) {
    const auto on_host = fs::path("/etc") / name;
    if (fs::is_directory(on_host, error))
      fs::create_directories(folder / name, error);
    else if (fs::exists(on_host, error))
      ISA_TRYV(write_if_different(folder / name, ""));
  }
  return ok();
}

}  // namespace isa::cloud_os
