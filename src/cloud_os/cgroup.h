// Limits and certain death for a set of processes, by control groups of version 2, version 1, or both at once
// (the "hybrid" layout: limits by 1, killing by 2). Without any of them sandboxes still run, and say that
// nothing holds.
//
// Every sandbox has a group <hierarchy>/isa/<mark>/<name> in each hierarchy that is used; `mark` stands for
// one data folder, so that several servers on a host do not touch each other's groups.
//
// All calls block briefly (files of the kernel); kill() up to a few seconds. Safe to call from several
// threads.
#pragma once

#include "base/result.h"
#include "cloud_os/vm.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace isa::cloud_os {

struct CgroupHierarchy {
  int version = 2;
  std::filesystem::path parent;          // .../isa/<mark>, writable by this process.
  // Usable below `parent`. "freezer" and "cpuacct" stand for what version 2 does without a controller, too.
  std::vector<std::string> controllers;

  bool has(std::string_view controller) const;
};

// Lets the children of a group of version 2 have limits. An errno; EBUSY: the group holds processes itself.
int enable_controllers(const std::filesystem::path& group);

class Cgroups {
 public:
  // Finds and prepares the hierarchies that this process can use. Never fails: see hierarchies() and
  // why_missing().
  static Cgroups probe(std::string_view mark);
  explicit Cgroups(std::vector<CgroupHierarchy> hierarchies, std::vector<std::string> why_missing = {})
      : hierarchies_(std::move(hierarchies)), why_missing_(std::move(why_missing)) {}

  const std::vector<CgroupHierarchy>& hierarchies() const { return hierarchies_; }
  // Sentences on what cannot be used and what to set; empty when all limits hold.
  const std::vector<std::string>& why_missing() const { return why_missing_; }
  LimitsEnforced enforced() const;
  // False: processes must be found and killed in another way.
  bool can_kill() const;
  bool can_freeze() const;

  // Makes the groups of one sandbox, with its limits; what it returns are the folders to join. On failure
  // nothing is left.
  Result<std::vector<std::filesystem::path>> create(const std::string& name, const VmLimits& limits) const;
  // Idempotent, like remove(). Returns when no process is left in the group, or with an error that names one.
  Result<void> kill(const std::string& name) const;
  Result<void> remove(const std::string& name) const;
  // Idempotent both. Frozen processes can be killed. not_implemented: see can_freeze().
  Result<void> freeze(const std::string& name) const;
  Result<void> thaw(const std::string& name) const;
  Result<VmStats> stats(const std::string& name) const;
  bool ran_out_of_memory(const std::string& name) const;
  // Names, and when each was made.
  Result<std::map<std::string, Timestamp>> groups() const;
  // The folders above the sandboxes' groups, when nobody uses them.
  void remove_parents() const;

 private:
  const CgroupHierarchy* with(std::string_view controller) const;
  const CgroupHierarchy* killer() const;
  Result<void> set_frozen(const std::string& name, bool frozen) const;

  std::vector<CgroupHierarchy> hierarchies_;
  std::vector<std::string> why_missing_;
};

}  // namespace isa::cloud_os
