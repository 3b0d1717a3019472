#include "app/skill_commands.h"

#include "agent/skills/upload.h"
#include "base/archive/zip.h"
#include "sdk/skills/skill.h"
#include "sdk/skills/skill_files.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace isa::app {
namespace {

namespace fs = std::filesystem;

const std::string kSkills = "/api/v1/agents/skills";

struct AddCommand {
  std::string from;  // A folder or a zip.
  bool replace = false;
  std::string org;
  bool share = false;
};

std::string path_of(const std::string& name) {
  return kSkills + "/" + net::percent_encode(name);
}

std::string text_of(const json::object& from, std::string_view key) {
  const auto* value = from.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : "";
}

std::string first_line(std::string text, std::size_t max) {
  text = text.substr(0, text.find('\n'));
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80) --max;
  return text.substr(0, max) + "...";
}

// The name of the folder itself, also of "." and "a/".
Result<std::string> name_of(const fs::path& folder) {
  std::error_code ec;
  const auto whole = fs::canonical(folder, ec);
  if (ec || !fs::is_directory(whole, ec)) return not_found("there is no folder '{}'", folder.string());
  return whole.filename().string();
}

struct Checked {
  std::string name;
  std::vector<PackedFile> files;
};

Result<std::string> bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string bytes;
  bytes.assign(std::istreambuf_iterator<char>(in), {});
  if (!in) return not_found("there is no folder and no zip file '{}'", file);
  return bytes;
}

Result<Checked> check_zip(const std::string& file) {
  ISA_TRY(const auto bytes, bytes_of(file));
  ISA_TRY(auto unpacked, agent::unpack_skill(bytes));
  ISA_TRYV(sdk::check_skill(unpacked.name, unpacked.files));
  return Checked{std::move(unpacked.name), std::move(unpacked.files)};
}

Result<Checked> check_folder(const std::string& folder) {
  Checked checked;
  ISA_TRY(checked.name, name_of(folder));
  ISA_TRY(checked.files, sdk::read_skill_folder(folder));
  ISA_TRYV(sdk::check_skill(checked.name, checked.files));
  return checked;
}

struct Archive {
  std::string name;
  std::string bytes;
};

Result<Archive> archive_of_folder(const std::string& folder) {
  ISA_TRY(auto checked, check_folder(folder));
  for (auto& file : checked.files) file.path = checked.name + "/" + file.path;
  ISA_TRY(auto bytes, write_zip(std::move(checked.files)));
  return Archive{std::move(checked.name), std::move(bytes)};
}

// The platform checks the rest.
Result<Archive> archive_of(const std::string& from) {
  std::error_code ec;
  if (fs::is_directory(from, ec)) return archive_of_folder(from);
  Archive archive;
  ISA_TRY(archive.bytes, bytes_of(from));
  ISA_TRY(auto unpacked, agent::unpack_skill(archive.bytes));
  archive.name = std::move(unpacked.name);
  return archive;
}

int validate(const std::string& from) {
  std::error_code ec;
  const auto checked = fs::is_regular_file(from, ec) ? check_zip(from) : check_folder(from);
  if (!checked) {
    std::fprintf(stderr, "isa: %s\n", checked.error().message().c_str());
    return 1;
  }
  std::printf("%s is a valid skill with %zu file%s.\n", checked->name.c_str(), checked->files.size(),
              checked->files.size() == 1 ? "" : "s");
  return 0;
}

Task<Result<void>> list_skills(ApiClient& api, bool as_json) {
  ISA_CO_TRY(const auto answer, co_await api.call(net::Method::get, kSkills));
  const auto& skills = answer.at("skills").as_array();
  if (as_json) {
    std::printf("%s\n", json::serialize(skills).c_str());
    co_return ok();
  }
  std::printf("%-24s  %-8s  %s\n", "NAME", "FROM", "WHAT FOR");
  for (const auto& item : skills) {
    const auto& skill = item.as_object();
    std::printf("%-24s  %-8s  %s\n", text_of(skill, "name").c_str(), text_of(skill, "origin").c_str(),
                first_line(text_of(skill, "description"), 90).c_str());
  }
  co_return ok();
}

Task<Result<void>> show_skill(ApiClient& api, std::string name, std::string file) {
  auto path = path_of(name);
  if (!file.empty()) path += "?file=" + net::percent_encode(file);
  ISA_CO_TRY(const auto answer, co_await api.call(net::Method::get, std::move(path)));
  if (const auto text = text_of(answer.as_object(), "text"); !file.empty() && !text.empty())
    std::printf("%s", text.c_str());
  else
    std::printf("%s\n", json::serialize(answer).c_str());
  co_return ok();
}

Task<Result<void>> add_skill(ApiClient& api, AddCommand command) {
  ISA_CO_TRY(auto archive, archive_of(command.from));
  auto path = command.replace ? path_of(archive.name) : kSkills;
  if (command.share || !command.org.empty()) path += "?visibility=org";
  if (!command.org.empty()) path += "&org_id=" + net::percent_encode(command.org);
  const auto method = command.replace ? net::Method::put : net::Method::post;
  ISA_CO_TRY(const auto skill,
             co_await api.upload(method, std::move(path), "application/zip", std::move(archive.bytes)));
  std::printf("%s %s, version %lld.\n", command.replace ? "Replaced" : "Added",
              text_of(skill.as_object(), "name").c_str(),
              static_cast<long long>(skill.at("version").to_number<std::int64_t>()));
  co_return ok();
}

Task<Result<void>> remove_skill(ApiClient& api, std::string name) {
  ISA_CO_TRYV(co_await api.call(net::Method::del, path_of(name)));
  std::printf("Removed %s.\n", name.c_str());
  co_return ok();
}

}  // namespace

void add_skills(CLI::App& app, WithAgentService with_service, std::function<int()>& action) {
  auto* skills = app.add_subcommand("skills", "Instructions and scripts for one kind of task (SKILL.md)");
  skills->require_subcommand(1);
  const auto on_service = [&action, with_service](CLI::App* command, auto work) {
    command->callback(
        [&action, with_service, work] { action = [with_service, work] { return with_service(work); }; });
  };
  auto name = std::make_shared<std::string>();

  auto* list = skills->add_subcommand("list", "Yours, your organizations', and the built-in ones");
  auto as_json = std::make_shared<bool>(false);
  list->add_flag("--json", *as_json, "Print JSON");
  on_service(list, [as_json](ApiClient& api) { return list_skills(api, *as_json); });

  auto* show = skills->add_subcommand("show", "One skill as JSON, or one of its files");
  auto file = std::make_shared<std::string>();
  show->add_option("name", *name, "As `isa skills list` shows it")->required();
  show->add_option("--file", *file, "A file of the skill, e.g. SKILL.md");
  on_service(show, [name, file](ApiClient& api) { return show_skill(api, *name, *file); });

  auto* add = skills->add_subcommand("add", "Upload a skill");
  auto command = std::make_shared<AddCommand>();
  add->add_option("from", command->from, "Its folder, or a zip of it")->required();
  add->add_flag("--replace", command->replace, "In the place of yours of that name");
  add->add_flag("--share", command->share, "With your organization");
  add->add_option("--org", command->org, "With that organization");
  on_service(add, [command](ApiClient& api) { return add_skill(api, *command); });

  auto* remove = skills->add_subcommand("remove", "Delete a skill");
  remove->add_option("name", *name, "As `isa skills list` shows it")->required();
  on_service(remove, [name](ApiClient& api) { return remove_skill(api, *name); });

  auto* check = skills->add_subcommand("validate", "Say whether it is a skill, without a platform");
  auto from = std::make_shared<std::string>();
  check->add_option("from", *from, "The skill's folder, or a zip of it")->required();
  check->callback([&action, from] { action = [from] { return validate(*from); }; });
}

}  // namespace isa::app
