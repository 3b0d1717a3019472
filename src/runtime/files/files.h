// The files that the sandbox's user sees, for the routes: everything here blocks.
//
// There is nothing to climb out of: the runtime runs as that user, inside, and what it may not open the
// kernel refuses. Two things are the runtime's alone and are kept from the caller: the links of /proc that
// lead to its own descriptors, and writing to /proc.
#pragma once

#include "base/result.h"
#include "sdk/files_protocol.h"
#include "sdk/tools/fd.h"

#include <optional>
#include <string>

namespace isa::runtime {

class Files {
 public:
  // `workspace`: where relative paths begin.
  explicit Files(std::string workspace) : workspace_(std::move(workspace)) {}

  // Absolute, without empty and dot segments. validation_error for what is no path.
  Result<std::string> absolute(std::string_view path) const;

  // All take an absolute path. not_found, insufficient_permissions, or validation_error when it is of another
  // type.
  Result<sdk::Fd> open_file(const std::string& path) const;    // Regular, for reading.
  Result<sdk::Fd> open_folder(const std::string& path) const;  // For reading.
  Result<sdk::FileEntry> stat(const std::string& path) const;
  Result<sdk::FileList> list(const std::string& path, int depth) const;
  // Writes at that place of the file itself; 0 begins the file anew. True when it was there before.
  Result<bool> write_part(const std::string& path, std::optional<mode_t> mode, std::int64_t offset,
                          std::string_view bytes) const;
  Result<void> make_folders(const std::string& path) const;
  Result<void> move(const std::string& from, const std::string& to) const;
  enum class Removal { one, recursive };
  Result<void> remove(const std::string& path, Removal how) const;

 private:
  std::string workspace_;
};

// Follows symbolic links, but for those of /proc that stand for this process's own descriptors. `folder`:
// where a relative path begins. Without a descriptor errno says why.
sdk::Fd open_path(int folder, const std::string& path, int flags, mode_t mode = 0);
// What a caller is told of an errno.
Error file_error(int number, std::string_view path);

// Writes a file in pieces. Until finish() a reader sees the old content, and what was written is gone when
// this is destroyed; but a file with several names, or one that is no regular file, is written in place.
class FileWriter {
 public:
  // Missing folders above it are made. `mode`: permissions; nothing: those of the file that is replaced, or
  // 0644.
  static Result<FileWriter> open(const Files& files, std::string path, std::optional<mode_t> mode);
  FileWriter(FileWriter&&) = default;
  FileWriter& operator=(FileWriter&&) = default;
  ~FileWriter();

  Result<void> write(std::string_view bytes);
  Result<void> finish();
  bool replaces() const { return replaces_; }

 private:
  FileWriter() = default;

  std::string path_, base_;
  std::string temporary_;  // Empty: in place, or finished.
  sdk::Fd folder_, file_;
  bool replaces_ = false;
};

}  // namespace isa::runtime
