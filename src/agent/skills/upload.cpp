#include "agent/skills/upload.h"

#include "base/archive/zip.h"
#include "sdk/skills/skill.h"

#include <algorithm>

namespace isa::agent {
namespace {

struct JsonUpload {
  std::map<std::string, std::string> files;
  std::optional<store::Visibility> visibility;
  std::optional<OrgId> org_id;
};
BOOST_DESCRIBE_STRUCT(JsonUpload, (), (files, visibility, org_id))

// What desktop systems put into every archive.
bool is_litter(std::string_view path) {
  return path.starts_with("__MACOSX/") || path == ".DS_Store" || path.ends_with("/.DS_Store");
}

// Takes the one top folder off the paths, and returns its name.
Result<std::string> take_top_folder(std::vector<PackedFile>& files) {
  if (files.empty()) return validation_error("the archive holds no file");
  const auto at_top = std::ranges::find_if(files, [](const auto& file) { return !file.path.contains('/'); });
  if (at_top != files.end())
    return validation_error(
        "'{}' is at the top of the archive: the archive must hold one folder that bears the skill's name, "
        "and "
        "all files in it",
        at_top->path);
  const auto top = files.front().path.substr(0, files.front().path.find('/'));
  for (auto& file : files) {
    if (!file.path.starts_with(top + "/"))
      return validation_error(
          "'{}' is not below the folder '{}': the archive must hold one folder that bears the skill's name",
          file.path, top);
    file.path.erase(0, top.size() + 1);
  }
  return top;
}

Result<SkillUpload> from_zip(const net::Request& request) {
  SkillUpload upload;
  if (const auto text = request.query_value("visibility"); !text.empty()) {
    upload.visibility = json::enum_named<store::Visibility>(text);
    if (!upload.visibility)
      return validation_error("visibility: expected private or org, not '{}'", text).with_param("visibility");
  }
  if (const auto org = request.query_value("org_id"); !org.empty()) upload.org_id = OrgId(std::string(org));
  ISA_TRY(auto unpacked, unpack_skill(request.body));
  upload.files = std::move(unpacked.files);
  ISA_TRY(upload.skill, skill_of(unpacked.name, upload.files));
  return upload;
}

Result<SkillUpload> from_json(const net::Request& request) {
  ISA_TRY(auto body, json::parse_as<JsonUpload>(request.body));
  SkillUpload upload;
  upload.visibility = body.visibility;
  upload.org_id = body.org_id;
  for (auto& [path, text] : body.files) upload.files.push_back({path, std::move(text)});
  sdk::name_document(upload.files);
  sdk::mark_scripts(upload.files);
  // Here SKILL.md alone says the name.
  const auto document = std::ranges::find(upload.files, sdk::kSkillDocument, &PackedFile::path);
  if (document == upload.files.end())
    return validation_error("/files: there is no {}", sdk::kSkillDocument).with_param("/files");
  ISA_TRY(const auto doc, sdk::parse_skill(document->content));
  ISA_TRY(upload.skill, skill_of(doc.manifest.name, upload.files));
  return upload;
}

}  // namespace

Result<UnpackedSkill> unpack_skill(std::string_view zip) {
  const ZipLimits limits{.files = sdk::kSkillFilesMax, .unpacked_bytes = sdk::kSkillBytesMax};
  UnpackedSkill unpacked;
  ISA_TRY(unpacked.files, read_zip(zip, limits));
  std::erase_if(unpacked.files, [](const PackedFile& file) { return is_litter(file.path); });
  ISA_TRY(unpacked.name, take_top_folder(unpacked.files));
  sdk::name_document(unpacked.files);
  sdk::mark_scripts(unpacked.files);
  return unpacked;
}

Result<SkillUpload> read_upload(const net::Request& request) {
  const auto type = request.headers.get("Content-Type");
  if (type.starts_with("application/zip")) return from_zip(request);
  if (type.empty() || type.starts_with("application/json")) return from_json(request);
  return validation_error("a skill is sent as application/zip or application/json, not '{}'", type)
      .with_param("Content-Type");
}

}  // namespace isa::agent
