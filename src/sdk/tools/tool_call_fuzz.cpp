// A call as a model may make it: the first line names the tool, the rest is its arguments. Only tools that
// cannot change anything; whatever they are given, they answer with valid text and see nothing outside of the
// workspace.
#include "base/testing.h"
#include "base/utf8.h"
#include "sdk/tool.h"

#include <cstdint>
#include <cstdlib>
#include <fstream>

namespace {

using namespace isa;

struct Place {
  testing::TempFolder folder;
  std::unique_ptr<sdk::ToolBox> tools;

  Place() {
    std::filesystem::create_directories(folder / "work/src");
    std::ofstream(folder / "outside.txt") << "the secret outside\n";
    std::ofstream(folder / "work/src/a.txt") << "one\ntwo three\n";
    std::filesystem::create_symlink("../outside.txt", folder / "work/link");
    sdk::WorkspaceOptions options;
    options.path = folder / "work";
    auto available = sdk::workspace_tools(std::move(options)).value();
    for (auto& tool : sdk::plain_tools()) available.push_back(std::move(tool));
    const std::vector<std::string> harmless = {"read_file", "glob_files", "grep_search", "ls_directory",
                                               "get_current_time"};
    tools = std::make_unique<sdk::ToolBox>(std::move(available), harmless);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Place place;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto end = std::min(bytes.find('\n'), bytes.size());
  const auto call = sdk::Part::make_tool_call("1", std::string(bytes.substr(0, end)),
                                              std::string(bytes.substr(std::min(end + 1, bytes.size()))));
  const auto output = testing::run(place.tools->call(call, Deadline::after(std::chrono::seconds(5))));
  if (output.text.find("the secret outside") != std::string::npos) std::abort();
  if (!output.is_error && to_valid_utf8(output.text) != output.text) std::abort();
  return 0;
}
