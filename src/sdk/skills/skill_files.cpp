#include "sdk/skills/skill_files.h"

#include "sdk/skills/skill.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace isa::sdk {
namespace {

namespace fs = std::filesystem;

Result<PackedFile> read_file(const fs::path& folder, const fs::directory_entry& entry) {
  PackedFile file;
  file.path = entry.path().lexically_relative(folder).generic_string();
  if (entry.is_symlink())
    return validation_error("'{}' is a symbolic link; a skill holds the files themselves", file.path);
  if (!entry.is_regular_file()) return validation_error("'{}' is neither a file nor a folder", file.path);
  if (entry.file_size() > kSkillBytesMax)
    return payload_too_large("'{}' is larger than {} MB", file.path, kSkillBytesMax >> 20);
  std::ifstream in(entry.path(), std::ios::binary);
  file.content.assign(std::istreambuf_iterator<char>(in), {});
  if (!in.good() && !in.eof()) return validation_error("'{}' cannot be read", file.path);
  file.is_executable = (entry.status().permissions() & fs::perms::owner_exec) != fs::perms::none;
  return file;
}

}  // namespace

Result<std::vector<PackedFile>> read_skill_folder(const fs::path& folder) {
  std::error_code ec;
  std::vector<PackedFile> files;
  std::size_t bytes = 0;
  try {
    for (auto at = fs::recursive_directory_iterator(folder, ec);
         !ec && at != fs::recursive_directory_iterator(); at.increment(ec)) {
      const auto name = at->path().filename().string();
      if (name == ".git") at.disable_recursion_pending();
      if (name == ".git" || name.starts_with(".DS_") || (at->is_directory() && !at->is_symlink())) continue;
      if (files.size() == kSkillFilesMax)
        return payload_too_large("a skill has at most {} files", kSkillFilesMax);
      ISA_TRY(auto file, read_file(folder, *at));
      bytes += file.content.size();
      if (bytes > kSkillBytesMax) return payload_too_large("a skill has at most {} MB", kSkillBytesMax >> 20);
      files.push_back(std::move(file));
    }
  } catch (const fs::filesystem_error& e) {
    ec = e.code();
  }
  if (ec) return validation_error("the folder {} cannot be read: {}", folder.string(), ec.message());
  name_document(files);
  std::ranges::sort(files, {}, &PackedFile::path);
  mark_scripts(files);
  return files;
}

}  // namespace isa::sdk
