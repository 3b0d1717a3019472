#include "agent/skills/skill_routes.h"

#include "agent/etag.h"
#include "agent/public_caller.h"
#include "agent/skills/upload.h"
#include "base/base64.h"
#include "base/offload.h"
#include "base/utf8.h"
#include "sdk/skills/skill.h"

#include <algorithm>

namespace isa::agent {
namespace {

using store::Skill;

// Where a name of this caller leads: own, org, built_in.
std::string_view origin_of(const Skill& skill, const Identity& who) {
  if (is_built_in(skill)) return "built_in";
  return skill.owner_id == who.user ? "own" : "org";
}

json::object shown(const Skill& skill, const Identity& who) {
  auto fields = json::write(skill).as_object();
  fields["origin"] = origin_of(skill, who);
  if (!is_built_in(skill)) return fields;
  fields.erase("id");
  fields.erase("owner_id");
  return fields;
}

net::Response answer(const Skill& skill, const Identity& who) {
  return versioned(shown(skill, who), skill.version);
}

Result<PackedFile> file_named(const std::vector<PackedFile>& files, std::string_view skill,
                              std::string_view path) {
  const auto found = std::ranges::find(files, path, &PackedFile::path);
  if (found == files.end()) return not_found("the skill '{}' has no file '{}'", skill, path);
  return *found;
}

// Text as text; other bytes in base64. Never as a page that a browser would show.
net::Response answer(const PackedFile& file) {
  json::object body{
      {"path", file.path}, {"size", file.content.size()}, {"is_executable", file.is_executable}};
  if (is_utf8(file.content))
    body["text"] = file.content;
  else
    body["base64"] = to_base64(file.content);
  return net::Response::json(200, std::move(body));
}

}  // namespace

SkillRoutes::Answer SkillRoutes::list(net::Request& request) {
  const auto who = co_await public_caller(guard_, request);
  ISA_CO_TRY(const auto skills, co_await library_.list(who));
  json::array items;
  for (const auto& skill : skills) items.push_back(shown(skill, who));
  json::object body{{"skills", std::move(items)}};
  co_return net::Response::json(200, std::move(body));
}

SkillRoutes::Answer SkillRoutes::get(net::Request& request) {
  const auto who = co_await public_caller(guard_, request);
  ISA_CO_TRY(const auto skill, co_await library_.find(who, request.param("name")));
  ISA_CO_TRY(const auto files, co_await library_.files(who, skill));
  if (request.query.contains("file")) {
    ISA_CO_TRY(const auto file, file_named(files, skill.name, request.query_value("file")));
    co_return answer(file);
  }
  ISA_CO_TRY(const auto document, file_named(files, skill.name, sdk::kSkillDocument));
  ISA_CO_TRY(const auto doc, sdk::parse_skill(document.content));
  auto fields = shown(skill, who);
  fields["instructions"] = doc.body;
  co_return versioned(std::move(fields), skill.version);
}

SkillRoutes::Answer SkillRoutes::create(net::Request& request, store::Once once) {
  ISA_CO_TRY(auto given, co_await upload(request));
  ISA_CO_TRY(const auto skill,
             co_await library_.create(request.identity, once.new_id<SkillId>(), std::move(given)));
  co_return answer(skill, request.identity);
}

SkillRoutes::Answer SkillRoutes::made(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto skill, co_await library_.find(request.identity, once.new_id<SkillId>()));
  co_return answer(skill, request.identity);
}

SkillRoutes::Answer SkillRoutes::replace(net::Request& request) {
  ISA_CO_TRY(const auto expected, if_match(request));
  ISA_CO_TRY(auto given, co_await upload(request));
  ISA_CO_TRY(const auto skill,
             co_await library_.replace(request.identity, request.param("name"), std::move(given), expected));
  co_return answer(skill, request.identity);
}

SkillRoutes::Answer SkillRoutes::remove(net::Request& request) {
  const auto& name = request.param("name");
  ISA_CO_TRYV(co_await library_.remove(request.identity, name));
  json::object body{{"name", name}, {"deleted", true}};
  co_return net::Response::json(200, std::move(body));
}

// The request lives as long as its handler, which waits.
Task<Result<SkillUpload>> SkillRoutes::upload(net::Request& request) {
  return offload<SkillUpload>(workers_, [&request] { return read_upload(request); });
}

}  // namespace isa::agent
