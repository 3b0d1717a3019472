#include "small_root.h"

#include "base/ids.h"
#include "base/json.h"
#include "child_process.h"
#include "http.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace isa::bench {
namespace {

constexpr const char* kImage = "isa-bench-root";

}  // namespace

SmallRoot::SmallRoot() : folder_("/tmp/isa-bench-root-" + random_hex(4)) {
  const auto copy = fmt::format(
      "set -e; mkdir -p {0}/rootfs; cd {0}/rootfs; mkdir -p bin dev opt proc run/isa sys tmp workspace; "
      "for f in /bin/dash $(ldd /bin/dash | grep -o '/[^ ]*'); do cp -L --parents $f .; done; ln -s dash "
      "bin/sh",
      folder_);
  if (std::system(copy.c_str()) != 0) die("cannot make a root of /bin/dash and its libraries");
}

SmallRoot::~SmallRoot() {
  std::error_code ignored;  // A leftover folder in /tmp does not change a figure.
  std::filesystem::remove_all(folder_, ignored);
}

std::optional<std::string> SmallRoot::image() const {
  const auto import =
      fmt::format("tar -C {}/rootfs -c . | docker import - {} >/dev/null 2>&1", folder_, kImage);
  if (std::system(import.c_str()) != 0) return std::nullopt;
  return kImage;
}

std::optional<std::string> SmallRoot::bundle(const std::vector<std::string>& command) const {
  const auto at = folder_ + "/config.json";
  std::filesystem::remove(at);
  if (std::system(("cd " + folder_ + " && runc spec 2>/dev/null").c_str()) != 0) return std::nullopt;
  std::ifstream file(at);
  auto spec = json::parse(std::string{std::istreambuf_iterator<char>(file), {}}).value();
  auto& process = spec.at("process").as_object();
  process["terminal"] = false;
  process["args"] = json::array(command.begin(), command.end());
  std::ofstream(at) << json::serialize(spec);
  return folder_;
}

}  // namespace isa::bench
