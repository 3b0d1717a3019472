#include "sdk/skills/skill_folders.h"

#include "base/ids.h"
#include "base/log.h"
#include "base/offload.h"
#include "sdk/skills/skill.h"
#include "sdk/tools/file_content.h"
#include "sdk/tools/walk.h"

#include <algorithm>
#include <filesystem>

#include <fcntl.h>
#include <unistd.h>

namespace isa::sdk {
namespace {

constexpr std::string_view kOwn = ".isa/skills";
constexpr std::string_view kCache = ".isa/skills-cache";
constexpr std::size_t kWorkspaceSkillsMax = 64;

Result<Workspace> open_without_links(const std::string& path) {
  return Workspace::open(path, Workspace::Method::without_links);
}

std::string own_folder(std::string_view name) {
  return fmt::format("{}/{}", kOwn, name);
}

// The hash comes from the platform; a part of it keeps the path short, and telling versions apart is all.
std::string cached_folder(const SkillVersion& skill) {
  return fmt::format("{}/{}-{}", kCache, skill.name, skill.hash.substr(0, 16));
}

// What the skill's document is called there; nothing where there is none.
std::optional<std::string> document_in(const Workspace& workspace, const std::string& folder) {
  for (const auto name : {kSkillDocument, kSkillDocumentLower})
    if (workspace.open_file(fmt::format("{}/{}", folder, name))) return std::string(name);
  return std::nullopt;
}

bool has_document(const Workspace& workspace, const std::string& folder) {
  return document_in(workspace, folder).has_value();
}

Result<void> write_file(const Workspace& workspace, const std::string& folder, const PackedFile& file) {
  const auto name = folder + "/" + file.path;
  ISA_TRYV(workspace.make_folders(split_name(name).first));
  ISA_TRYV(write_whole(workspace, name, file.content));
  if (!file.is_executable) return ok();
  ISA_TRY(const auto opened, workspace.open_file(name));
  if (::fchmod(opened.get(), 0755) != 0)
    return from_errno(errno, fmt::format("{} cannot be made a program", name));
  return ok();
}

Result<void> write_folder(const Workspace& workspace, const std::string& folder,
                          const std::vector<PackedFile>& files) {
  ISA_TRYV(workspace.make_folders(folder));
  for (const auto& file : files) ISA_TRYV(write_file(workspace, folder, file));
  return ok();
}

// Another turn may have been faster: then the skill is there. Ruins of one are not.
Result<void> put_in_place(const Workspace& workspace, const std::string& path, const std::string& made,
                          const std::string& folder) {
  ISA_TRY(const auto cache, workspace.open_folder(std::string(kCache)));
  const auto from = split_name(made).second;
  const auto to = split_name(folder).second;
  const auto move = [&] { return ::renameat(cache.get(), from.c_str(), cache.get(), to.c_str()) == 0; };
  if (move() || has_document(workspace, folder)) return ok();
  std::error_code ec;
  std::filesystem::remove_all(path + "/" + folder, ec);
  if (move() || has_document(workspace, folder)) return ok();
  return from_errno(errno, fmt::format("the skill's folder {} cannot be made", folder));
}

Result<void> install_now(const std::string& path, const SkillVersion& skill,
                         const std::vector<PackedFile>& files) {
  ISA_TRYV(check_skill_name(skill.name));
  ISA_TRYV(check_packed_paths(files));
  ISA_TRY(const auto workspace, open_without_links(path));
  const auto folder = cached_folder(skill);
  if (has_document(workspace, folder)) return ok();
  const auto made = fmt::format("{}/.new-{}", kCache, random_hex(6));
  auto written = write_folder(workspace, made, files);
  if (written) written = put_in_place(workspace, path, made, folder);
  std::error_code ec;
  std::filesystem::remove_all(path + "/" + made, ec);
  return written;
}

Result<std::vector<std::string>> folders_below(const Workspace& workspace, std::string_view name) {
  std::vector<std::string> found;
  if (!workspace.open_folder(std::string(name))) return found;
  const WalkOptions options{.max_depth = 1, .deadline = Deadline::after(std::chrono::seconds(5))};
  const auto visit = [&](const WalkEntry& entry) {
    if (entry.kind == WalkEntry::Kind::folder) found.emplace_back(entry.base);
    return found.size() < kWorkspaceSkillsMax ? WalkStep::go_on : WalkStep::stop;
  };
  ISA_TRYV(walk(workspace, std::string(name), options, visit));
  return found;
}

Result<SkillSummary> summary_in(const Workspace& workspace, const std::string& name) {
  ISA_TRYV(check_skill_name(name));
  const auto document = document_in(workspace, own_folder(name)).value_or(std::string(kSkillDocument));
  ISA_TRY(const auto text, read_whole(workspace, fmt::format("{}/{}", own_folder(name), document)));
  ISA_TRY(auto doc, parse_skill(text));
  if (doc.manifest.name != name) return validation_error("SKILL.md: /name: is not the name of its folder");
  return SkillSummary{name, std::move(doc.manifest.description)};
}

Result<std::vector<SkillSummary>> summaries(const std::string& path) {
  std::vector<SkillSummary> found;
  ISA_TRY(const auto workspace, open_without_links(path));
  ISA_TRY(const auto names, folders_below(workspace, kOwn));
  for (const auto& name : names) {
    auto summary = summary_in(workspace, name);
    if (summary)
      found.push_back(*std::move(summary));
    else
      log::info("skills.passed_over", {{"detail", summary.error().message()}});
  }
  return found;
}

Result<SkillContent> read_now(const std::string& path, const std::string& folder, const std::string& file) {
  ISA_TRY(const auto workspace, open_without_links(path));
  SkillContent content{.text = {}, .files = {}, .folder = folder};
  const bool is_whole = file == kSkillDocument;  // And the names of the others.
  const auto document = is_whole ? document_in(workspace, folder).value_or(file) : file;
  ISA_TRY(content.text, read_whole(workspace, folder + "/" + document));
  if (!is_whole) return content;
  const WalkOptions options{.max_depth = kPackedDepthMax,
                            .deadline = Deadline::after(std::chrono::seconds(5))};
  const auto visit = [&](const WalkEntry& entry) {
    auto name = entry.name.substr(folder.size() + 1);
    if (entry.kind == WalkEntry::Kind::file && name != document) content.files.push_back(std::move(name));
    return content.files.size() < kSkillFilesMax ? WalkStep::go_on : WalkStep::stop;
  };
  ISA_TRYV(walk(workspace, folder, options, visit));
  return content;
}

}  // namespace

asio::thread_pool& SkillFolders::pool() {
  if (!pool_) pool_.emplace(1);
  return *pool_;
}

Task<Result<void>> SkillFolders::install(SkillVersion skill, std::vector<PackedFile> files) {
  return offload<void>(pool(), [path = workspace_, skill = std::move(skill), files = std::move(files)] {
    return install_now(path, skill, files);
  });
}

Task<Result<std::vector<std::string>>> SkillFolders::choose(std::vector<SkillVersion> wanted) {
  using Names = std::vector<std::string>;
  auto look = [path = workspace_, wanted]() -> Result<Names> {
    Names missing;
    ISA_TRY(const auto workspace, open_without_links(path));
    for (const auto& skill : wanted) {
      ISA_TRYV(check_skill_name(skill.name));
      if (!has_document(workspace, cached_folder(skill))) missing.push_back(skill.name);
    }
    return missing;
  };
  ISA_CO_TRY(auto missing, co_await offload<Names>(pool(), std::move(look)));
  folders_.clear();
  for (const auto& skill : wanted)
    if (std::ranges::find(missing, skill.name) == missing.end())
      folders_.insert_or_assign(skill.name, cached_folder(skill));
  co_return missing;
}

Task<Result<std::vector<SkillSummary>>> SkillFolders::of_workspace() {
  return offload<std::vector<SkillSummary>>(pool(), [path = workspace_] { return summaries(path); });
}

Task<Result<SkillContent>> SkillFolders::read(std::string name, std::string file) {
  const auto chosen = folders_.find(name);
  const auto installed = chosen == folders_.end() ? std::string() : chosen->second;
  auto work = [path = workspace_, own = own_folder(name), installed, file]() -> Result<SkillContent> {
    ISA_TRY(const auto workspace, open_without_links(path));
    if (has_document(workspace, own)) return read_now(path, own, file);
    if (!installed.empty()) return read_now(path, installed, file);
    return SkillContent();
  };
  ISA_CO_TRY(auto content, co_await offload<SkillContent>(pool(), std::move(work)));
  if (!content.folder.empty()) co_return content;
  std::string names;
  for (const auto& [known, folder] : folders_) names += (names.empty() ? "" : ", ") + known;
  co_return not_found("there is no skill '{}'; yours are: {}", name, names.empty() ? "none" : names);
}

}  // namespace isa::sdk
