#include "cloud_os/record.h"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

namespace isa::cloud_os {

Result<std::string> read_text(const std::filesystem::path& path, std::size_t max) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return from_errno(errno, fmt::format("cannot read {}", path.string()),
                      errno == ENOENT ? ErrorKind::not_found : ErrorKind::internal_error);
  std::string text;
  char bytes[16384];
  ssize_t count = 0;
  while (text.size() < max && (count = ::read(fd, bytes, sizeof bytes)) > 0)
    text.append(bytes, static_cast<std::size_t>(count));
  const int error = errno;
  ::close(fd);
  if (count < 0) return from_errno(error, fmt::format("cannot read {}", path.string()));
  return text;
}

Result<void> write_atomically(const std::filesystem::path& path, std::string_view text, int mode,
                              Durable durable) {
  const std::string temporary = path.string() + ".new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return from_errno(errno, fmt::format("cannot write {}", temporary));
  bool written = true;
  for (std::size_t at = 0; written && at < text.size();) {
    const ssize_t count = ::write(fd, text.data() + at, text.size() - at);
    written = count > 0;
    if (written) at += static_cast<std::size_t>(count);
  }
  if (durable == Durable::yes) written = written && ::fdatasync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (!written || std::rename(temporary.c_str(), path.c_str()) != 0)
    return from_errno(written ? errno : error, fmt::format("cannot write {}", path.string()));
  return ok();
}

Result<void> save(const SandboxDir& dir, const Record& record) {
  const auto status = record.vm.status;
  // A power cut ends every running sandbox, and with it what its record and its binding said.
  const bool outlives_power_cut = status == VmStatus::stopped || status == VmStatus::failed;
  return write_atomically(dir.record(), json::serialize(json::write(record)), 0600,
                          outlives_power_cut ? Durable::yes : Durable::no);
}

Result<Record> load(const SandboxDir& dir) {
  ISA_TRY(const auto text, read_text(dir.record()));
  auto record = json::parse_as<Record>(text);
  if (!record)
    return internal_error(
               "the record of sandbox {} cannot be read; nothing of it is touched until {} is repaired or "
               "its folder removed",
               dir.id(), dir.record().string())
        .with_detail(record.error().message() + " " + record.error().param());
  return record;
}

}  // namespace isa::cloud_os
