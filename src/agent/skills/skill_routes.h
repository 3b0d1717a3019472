#pragma once

#include "agent/skills/library.h"
#include "net/server.h"
#include "store/idempotency_keys.h"

namespace isa::agent {

// /api/v1/agents/skills. Reading is public, as for templates; whoever says who they are sees their own skills
// and those of their organizations, too.
class SkillRoutes {
 public:
  // `workers` unpacks what comes in.
  SkillRoutes(SkillLibrary& library, net::Guard guard, asio::thread_pool& workers)
      : library_(library), guard_(std::move(guard)), workers_(workers) {}

  using Answer = Task<Result<net::Response>>;
  Answer list(net::Request& request);
  Answer get(net::Request& request);  // With ?file= one of its files.
  Answer create(net::Request& request, store::Once once);
  Answer made(net::Request& request,
              store::Once once);  // By an earlier create with the same Idempotency-Key.
  Answer replace(net::Request& request);
  Answer remove(net::Request& request);

 private:
  Task<Result<SkillUpload>> upload(net::Request& request);

  SkillLibrary& library_;
  net::Guard guard_;
  asio::thread_pool& workers_;
};

}  // namespace isa::agent
