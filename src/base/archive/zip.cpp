#include "base/archive/zip.h"

#include "base/utf8.h"

#include <algorithm>
#include <archive.h>
#include <archive_entry.h>
#include <array>
#include <locale.h>
#include <memory>
#include <set>

namespace isa {
namespace {

struct FreeReader {
  void operator()(archive* a) const { archive_read_free(a); }
};
struct FreeWriter {
  void operator()(archive* a) const { archive_write_free(a); }
};
struct FreeEntry {
  void operator()(archive_entry* e) const { archive_entry_free(e); }
};
using Reader = std::unique_ptr<archive, FreeReader>;
using Writer = std::unique_ptr<archive, FreeWriter>;
using Entry = std::unique_ptr<archive_entry, FreeEntry>;

// The library reads and writes names in the encoding of the thread's locale, and this program has none. Every
// glibc of today brings C.UTF-8; without it names beyond ASCII are refused.
class Utf8Names {
 public:
  Utf8Names() : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{})) {
    if (locale_ != locale_t{}) before_ = ::uselocale(locale_);
  }
  Utf8Names(const Utf8Names&) = delete;
  Utf8Names& operator=(const Utf8Names&) = delete;
  ~Utf8Names() {
    if (locale_ == locale_t{}) return;
    ::uselocale(before_);
    ::freelocale(locale_);
  }

 private:
  locale_t locale_;
  locale_t before_{};
};

// The library's own words, which may quote bytes of the archive.
std::string reason(archive* a) {
  const char* text = archive_error_string(a);
  return text ? to_valid_utf8(text) : "unknown";
}

Error damaged(archive* a) {
  return validation_error("the archive cannot be read as a zip file: {}", reason(a));
}

// Names that are no UTF-8 have none here.
Result<std::string> path_of(archive_entry* entry) {
  const char* name = archive_entry_pathname_utf8(entry);
  if (!name || !*name) return validation_error("an entry of the archive has no readable name");
  return std::string(name);
}

Result<void> check_kind(archive_entry* entry, const std::string& path) {
  const auto shown = to_valid_utf8(std::string(cut_utf8(path, 80)));
  if (archive_entry_is_encrypted(entry)) return validation_error("'{}' is encrypted", shown);
  if (archive_entry_hardlink(entry) || archive_entry_symlink(entry) ||
      archive_entry_filetype(entry) == AE_IFLNK)
    return validation_error("'{}' is a link; only files and folders are taken", shown);
  if (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != AE_IFDIR)
    return validation_error("'{}' is neither a file nor a folder", shown);
  return ok();
}

std::uint32_t number(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// The library (3.6 at least) shows a pipe as a file, so the archive's own list is looked at
// (APPNOTE.TXT 4.3.12 and 4.3.16). One that this does not understand is the library's to judge.
Result<void> check_no_pipe(std::string_view bytes) {
  constexpr std::size_t kEndSize = 22, kEntrySize = 46;
  constexpr unsigned char kUnix = 3;
  const auto end = bytes.rfind("PK\x05\x06");
  if (end == std::string_view::npos || bytes.size() - end < kEndSize) return ok();
  std::size_t at = number(bytes, end + 16, 4);
  while (at + kEntrySize <= bytes.size() && bytes.substr(at, 4) == "PK\x01\x02") {
    const auto name_size = number(bytes, at + 28, 2);
    const auto mode = number(bytes, at + 38, 4) >> 16;
    if (static_cast<unsigned char>(bytes[at + 5]) == kUnix && (mode & AE_IFMT) == AE_IFIFO)
      return validation_error(
          "'{}' is neither a file nor a folder",
          to_valid_utf8(std::string(cut_utf8(bytes.substr(at + kEntrySize, name_size), 80))));
    at += kEntrySize + name_size + number(bytes, at + 30, 2) + number(bytes, at + 32, 2);
  }
  return ok();
}

class Unpacking {
 public:
  Unpacking(std::string_view bytes, const ZipLimits& limits)
      : limits_(limits), most_(std::min(limits.unpacked_bytes, bytes.size() * limits.ratio)) {}

  Result<void> add(archive* from, archive_entry* entry) {
    if (++entries_ > 2 * limits_.files)  // Folders have entries of their own.
      return payload_too_large("the archive holds more than {} files", limits_.files);
    ISA_TRY(auto path, path_of(entry));
    ISA_TRYV(check_kind(entry, path));
    if (archive_entry_filetype(entry) == AE_IFDIR) return add_folder(std::move(path));
    ISA_TRYV(check_packed_path(path));
    if (files_.size() == limits_.files)
      return payload_too_large("the archive holds more than {} files", limits_.files);
    PackedFile file{.path = std::move(path), .is_executable = (archive_entry_perm(entry) & 0111) != 0};
    ISA_TRYV(unpack(from, file));
    files_.push_back(std::move(file));
    return ok();
  }

  Result<std::vector<PackedFile>> files() && {
    ISA_TRYV(check_packed_paths(files_));
    const auto is_folder = [this](const PackedFile& file) { return folders_.contains(file.path); };
    if (const auto found = std::ranges::find_if(files_, is_folder); found != files_.end())
      return validation_error("the file name '{}' is a file and a folder at once", found->path);
    return std::move(files_);
  }

 private:
  Result<void> add_folder(std::string path) {
    if (path.ends_with('/')) path.pop_back();
    ISA_TRYV(check_packed_path(path));
    folders_.insert(std::move(path));
    return ok();
  }

  Result<void> unpack(archive* from, PackedFile& to) {
    std::array<char, 64 << 10> chunk;
    for (;;) {
      const auto count = archive_read_data(from, chunk.data(), chunk.size());
      if (count < 0) return validation_error("'{}' cannot be unpacked: {}", to.path, reason(from));
      if (count == 0) return ok();
      unpacked_ += static_cast<std::size_t>(count);
      if (unpacked_ > most_)
        return payload_too_large(
            "the archive holds more than {} bytes unpacked, or more than {} times its own size",
            limits_.unpacked_bytes, limits_.ratio);
      to.content.append(chunk.data(), static_cast<std::size_t>(count));
    }
  }

  const ZipLimits& limits_;
  std::size_t most_;
  std::size_t entries_ = 0;
  std::size_t unpacked_ = 0;
  std::vector<PackedFile> files_;
  std::set<std::string> folders_;
};

la_ssize_t append(archive*, void* to, const void* bytes, std::size_t size) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

Result<void> write_entry(archive* to, const PackedFile& file) {
  const Entry entry(archive_entry_new());
  archive_entry_set_pathname_utf8(entry.get(), file.path.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), file.is_executable ? 0755 : 0644);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(file.content.size()));
  archive_entry_set_mtime(entry.get(), 0, 0);
  const bool is_written = archive_write_header(to, entry.get()) == ARCHIVE_OK &&
                          archive_write_data(to, file.content.data(), file.content.size()) ==
                              static_cast<la_ssize_t>(file.content.size());
  if (!is_written) return internal_error("'{}' cannot be packed: {}", file.path, reason(to));
  return ok();
}

}  // namespace

Result<std::vector<PackedFile>> read_zip(std::string_view bytes, const ZipLimits& limits) {
  const Utf8Names names;
  const Reader from(archive_read_new());
  if (!from || archive_read_support_format_zip_seekable(from.get()) != ARCHIVE_OK)
    return internal_error("the zip reader cannot be set up");
  if (archive_read_open_memory(from.get(), bytes.data(), bytes.size()) != ARCHIVE_OK)
    return damaged(from.get());
  Unpacking unpacking(bytes, limits);
  for (;;) {
    archive_entry* entry = nullptr;
    const auto status = archive_read_next_header(from.get(), &entry);
    if (status == ARCHIVE_EOF) break;
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return damaged(from.get());
    ISA_TRYV(unpacking.add(from.get(), entry));
  }
  ISA_TRYV(check_no_pipe(bytes));
  return std::move(unpacking).files();
}

Result<std::string> write_zip(std::vector<PackedFile> files) {
  ISA_TRYV(check_packed_paths(files));
  std::ranges::sort(files, {}, &PackedFile::path);
  const Utf8Names names;
  std::string bytes;
  const Writer to(archive_write_new());
  const bool is_open = to && archive_write_set_format_zip(to.get()) == ARCHIVE_OK &&
                       archive_write_set_options(to.get(), "zip:hdrcharset=UTF-8") == ARCHIVE_OK &&
                       archive_write_set_bytes_in_last_block(to.get(), 1) == ARCHIVE_OK &&
                       archive_write_open2(to.get(), &bytes, nullptr, append, nullptr, nullptr) == ARCHIVE_OK;
  if (!is_open) return internal_error("the zip writer cannot be set up");
  for (const auto& file : files) ISA_TRYV(write_entry(to.get(), file));
  if (archive_write_close(to.get()) != ARCHIVE_OK)
    return internal_error("the archive cannot be finished: {}", reason(to.get()));
  return bytes;
}

}  // namespace isa
