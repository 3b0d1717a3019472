// Files in a sandbox, as the runtime serves them over the sandbox's own socket and cloud_os passes them on.
//
//   GET    /files/{path}             the content; with a Range header a part of it (206, or 416)
//   GET    /files/{path}?op=stat     FileEntry, of a symbolic link itself
//   GET    /files/{path}?op=list     FileList of a folder; ?depth= 1-32, the default is 1
//   GET    /files/{path}?op=watch    server-sent events of a folder; ?recursive=true
//   PUT    /files/{path}             the body is the content, up to 16 MiB; ?mode= octal permissions. Missing
//   folders
//                                    are made. A reader sees the old content or the new one, never a part.
//                                    FileEntry
//   PUT    /files/{path}?offset=     a part of a larger file, written where it belongs; 0 begins the file
//   anew. To
//                                    keep readers from a part, write beside and move it
//   POST   /files/{path}?op=mkdir    FileEntry; one that exists already is a success
//   POST   /files/{path}?op=move&to= FileEntry of the new place; what is there is replaced as rename(2) does
//   DELETE /files/{path}             ?recursive=true for a folder that is not empty. Idempotent
//
// A path is relative to /workspace, or absolute: /files//etc/hosts, or /files/%2Fetc%2Fhosts. What can be
// reached is what the sandbox's user can.
//
// Events of a watch: `event: ready` once changes are seen, `event: change` FileChange, and `event: lost` {}
// when some were missed: look at the folder anew. The stream ends when the folder is removed or moved.
#pragma once

#include "base/json.h"

#include <optional>
#include <string>
#include <vector>

namespace isa::sdk {

enum class FileType { file, folder, link, other };
BOOST_DESCRIBE_ENUM(FileType, file, folder, link, other)

struct FileEntry {
  std::string name;
  std::string path;  // Absolute.
  FileType type = FileType::file;
  std::int64_t size = 0;
  std::string mode;  // Octal permissions: "0644"
  std::int64_t uid = 0;
  std::int64_t gid = 0;
  Timestamp modified_at;
  std::optional<std::string> target;  // Of a link, as it is written.
};
BOOST_DESCRIBE_STRUCT(FileEntry, (), (name, path, type, size, mode, uid, gid, modified_at, target))

struct FileList {
  std::vector<FileEntry> entries;  // By name; a folder's own entries follow it.
  bool truncated = false;          // There are more than the 10 000 that one answer holds.
};
BOOST_DESCRIBE_STRUCT(FileList, (), (entries, truncated))

enum class FileChangeType { create, write, remove, rename, chmod };
BOOST_DESCRIBE_ENUM(FileChangeType, create, write, remove, rename, chmod)

struct FileChange {
  FileChangeType type = FileChangeType::write;
  std::string path;  // Below the watched folder. Of a rename: the old name; the new one is a create.
  bool is_folder = false;
};
BOOST_DESCRIBE_STRUCT(FileChange, (), (type, path, is_folder))

}  // namespace isa::sdk
