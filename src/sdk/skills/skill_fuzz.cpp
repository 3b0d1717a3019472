// A SKILL.md as anybody may write it: what is taken keeps the rules, and is read again alike.
#include "base/utf8.h"
#include "sdk/skills/skill.h"
#include "sdk/skills/skill_summary.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto doc = sdk::parse_skill(text);
  if (!doc) {
    if (!is_utf8(doc.error().message()) && is_utf8(text)) std::abort();
    return 0;
  }
  const auto& manifest = doc->manifest;
  if (!sdk::check_skill_name(manifest.name) || manifest.description.empty()) std::abort();
  if (!sdk::check_skill(manifest.name, {{"SKILL.md", text}})) std::abort();
  const auto line = sdk::with_skills("", {{manifest.name, manifest.description}});
  if (std::ranges::count(line, '\n') != 5) std::abort();  // Of the section itself.
  return 0;
}
