// Bytes both ways between a sandbox and a server outside, after CONNECT. What they say stays theirs, but for
// the name in a TLS client's first message.
#pragma once

#include "cloud_os/egress/rules.h"
#include "net/stream.h"
#include "net/watchdog.h"

#include <chrono>
#include <functional>
#include <memory>

namespace isa::cloud_os {

struct TunnelLimits {
  std::chrono::milliseconds hello{10'000};  // Until a TLS client has named its server.
  std::chrono::milliseconds idle{600'000};  // Without a byte in either direction.
};

// Ends when both sides have said their last, one of them broke, nothing moved for too long, or close() was
// called. A side that is done sending may still receive. No side is read faster than the other one takes it.
class Tunnel {
 public:
  struct Account {
    std::int64_t bytes_out = 0;  // From the sandbox.
    std::int64_t bytes_in = 0;
    std::string_view reason;  // Why it was cut; empty when both sides ended it.
  };
  using OnEnd = std::function<void(const Account&)>;

  // `on_end` is called once, at the latest on destruction.
  Tunnel(EgressTarget target, std::unique_ptr<net::Stream> outside, TunnelLimits limits, OnEnd on_end);
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;
  ~Tunnel();

  // `input` holds what the sandbox has sent already. On port 443 it must speak TLS and name the target in it;
  // on another port, which its rule names, it must do so if what it speaks is TLS.
  static Task<void> run(std::shared_ptr<Tunnel> tunnel, net::Stream& inside, net::Input& input);
  void close(std::string_view reason);
  const EgressTarget& target() const { return target_; }

 private:
  Task<void> send_out(net::Stream& inside, net::Input& input);
  Task<bool> inspect(net::Stream& inside, net::Input& input);
  std::string_view why_refused(std::string_view server_name, bool hides_name) const;
  Task<void> refuse(net::Stream& inside, std::string_view reason);
  Task<void> pump(net::Stream& from, net::Stream& to, std::int64_t& count);
  void end();

  EgressTarget target_;
  std::unique_ptr<net::Stream> outside_;
  TunnelLimits limits_;
  OnEnd on_end_;
  Account account_;
  net::Stream* inside_ = nullptr;  // While it runs.
  bool inside_has_ended_ = false;  // It sends no more, and perhaps hears no more either.
  net::Watchdog watchdog_;
};

}  // namespace isa::cloud_os
