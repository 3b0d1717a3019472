// The shim's child on its way to becoming the sandbox.
#pragma once

#include "orders.h"

namespace isa::shim {

struct ChildPipes {
  int log = -1;   // Becomes stdout and stderr.
  int info = -1;  // Becomes kInfoFd.
};

// Joins the cgroups, stages the folders, drops root and executes the program; a bare program has no folders
// and no root. Comes back only by _exit(125), with the reason in the log.
[[noreturn]] void become_sandbox(const Orders& orders, ChildPipes pipes);

}  // namespace isa::shim
