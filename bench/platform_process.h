// A platform of the benchmark's own: the real program, started and stopped by process id.
#pragma once

#include "net/endpoint.h"

#include <chrono>
#include <string>
#include <vector>

#include <sys/types.h>

namespace isa::bench {

// The folder of this program, where isa and isa-runtime lie too.
std::string program_folder();

class PlatformProcess {
 public:
  // `settings`: name=value. Every role listens on a free port of loopback. Stops the program when it does not
  // get ready in 30 s: a benchmark without a platform measures nothing.
  explicit PlatformProcess(const std::vector<std::string>& settings);
  PlatformProcess(const PlatformProcess&) = delete;
  PlatformProcess& operator=(const PlatformProcess&) = delete;
  ~PlatformProcess();  // SIGTERM, waits, removes the data folder.

  net::Endpoint role(const std::string& name) const;  // agent, pool, cloud_os, model
  pid_t pid() const { return pid_; }
  const std::string& folder() const { return folder_; }  // Its data.
  std::chrono::duration<double, std::milli> time_to_ready() const { return time_to_ready_; }
  // Until `count` sandboxes are warm, from the start of the program on; ms.
  double wait_for_warm(std::int64_t count) const;

 private:
  std::string folder_;
  pid_t pid_ = -1;
  std::chrono::steady_clock::time_point started_;
  std::chrono::duration<double, std::milli> time_to_ready_{};
};

}  // namespace isa::bench
