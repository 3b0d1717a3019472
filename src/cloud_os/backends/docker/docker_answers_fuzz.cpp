// What an engine answers: nothing of it may do more harm than an error.
#include "cloud_os/backends/docker/answers.h"
#include "cloud_os/backends/docker/engine.h"
#include "cloud_os/backends/docker/log_frames.h"

#include <cstdlib>

using namespace isa;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::ignore = json::parse_as<cloud_os::docker::Info>(text);
  std::ignore = json::parse_as<cloud_os::docker::Image>(text);
  std::ignore = json::parse_as<cloud_os::docker::Container>(text);
  std::ignore = json::parse_as<cloud_os::docker::Stats>(text);
  if (const auto document = json::parse(text))
    std::ignore = json::read<std::vector<cloud_os::docker::Summary>>(*document);
  std::ignore = cloud_os::docker::parse_version(text);
  if (cloud_os::docker::text_of_frames(text).size() > size) std::abort();
  return 0;
}
