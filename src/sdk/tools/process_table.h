// Which children of this process somebody waits for. The first process of a sandbox inherits every orphan of
// it and must reap them without taking an exit status away from whoever waits for that very child.
#pragma once

#include <set>

#include <sys/types.h>

namespace isa::sdk {

// Lives on one event loop.
class ProcessTable {
 public:
  enum class Orphans {
    not_ours,  // Only the children that are entered here are touched.
    ours,  // This process is where orphans end (pid 1, a subreaper), and all its children are entered here.
  };

  explicit ProcessTable(Orphans orphans = Orphans::not_ours) : orphans_(orphans) {}

  void add(pid_t pid) { awaited_.insert(pid); }
  // The child was reaped by whoever waited for it.
  void remove(pid_t pid);
  // The child was killed and nobody waits for it any more: it is reaped here, as soon as it has ended, and
  // what it left behind is killed, too.
  void abandon(pid_t pid);

  // Reaps what has ended and is not awaited. To be called after every SIGCHLD where orphans are ours.
  void reap();

  // The orphans of now are there to stay, e.g. a server that an earlier command started on purpose.
  void settle_orphans();
  // Kills the orphans that came since, and in time what those leave behind; but not those whose session
  // belongs to a child that somebody still waits for, such as a shell that runs on in the background.
  void kill_new_orphans();

 private:
  bool reap_abandoned();  // True when there was one.

  Orphans orphans_;
  std::set<pid_t> awaited_;
  std::set<pid_t> abandoned_;
  std::set<pid_t> settled_;
  std::set<pid_t> killed_;
};

// Kills every process of the session, also those in groups of their own. `leader` is not reaped yet, so that
// its number means nobody else.
void kill_session(pid_t leader);

}  // namespace isa::sdk
