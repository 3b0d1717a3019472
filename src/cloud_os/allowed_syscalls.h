// What ordinary programs (shells, interpreters, compilers, version control) use. By name: a name that this
// architecture does not have is skipped. What is not here is refused, among it all that reaches beyond the
// sandbox or has been a way out of one: mount and the namespaces, ptrace and process_vm_*, keys, bpf,
// io_uring, userfaultfd, perf, modules, kexec, swap, reboot, clocks, handles of files, quota, NUMA of other
// processes.
//
// Each backend turns these tables into what its isolation understands: a filter program, a profile.
#pragma once

#include <cstdint>
#include <initializer_list>

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace isa::cloud_os {

inline constexpr const char* kAllowedSyscalls[] = {
    // Files.
    "access", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range", "creat", "dup", "dup2",
    "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchown",
    "fchownat", "fcntl", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr", "fsetxattr",
    "fstat", "fstatfs", "fsync", "ftruncate", "futimesat", "getcwd", "getdents", "getdents64", "getxattr",
    "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "lchown", "lgetxattr", "link",
    "linkat", "listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat",
    "mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "pread64", "preadv", "preadv2", "pwrite64",
    "pwritev", "pwritev2", "read", "readahead", "readlink", "readlinkat", "readv", "removexattr", "rename",
    "renameat", "renameat2", "rmdir", "sendfile", "setxattr", "splice", "stat", "statfs", "statx", "symlink",
    "symlinkat", "sync", "sync_file_range", "syncfs", "tee", "truncate", "umask", "unlink", "unlinkat",
    "utime", "utimensat", "utimes", "vmsplice", "write", "writev",
    // Memory.
    "brk", "madvise", "membarrier", "memfd_create", "mincore", "mlock", "mlock2", "mlockall", "mmap",
    "mprotect", "mremap", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
    "pkey_mprotect", "remap_file_pages",
    // Processes and threads. clone is among the conditional ones.
    "arch_prctl", "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "futex",
    "futex_waitv", "get_robust_list", "get_thread_area", "getcpu", "getegid", "geteuid", "getgid",
    "getgroups", "getpgid", "getpgrp", "getpid", "getppid", "getpriority", "getresgid", "getresuid",
    "getrlimit", "getrusage", "getsid", "gettid", "getuid", "kill", "pidfd_open", "pidfd_send_signal",
    "prctl", "prlimit64", "rseq", "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity",
    "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity",
    "sched_setattr", "sched_setparam", "sched_setscheduler", "sched_yield", "seccomp", "set_robust_list",
    "set_thread_area", "set_tid_address", "setfsgid", "setfsuid", "setgid", "setgroups", "setpgid",
    "setpriority", "setregid", "setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setuid",
    "sysinfo", "tgkill", "times", "tkill", "uname", "vfork", "wait4", "waitid", "landlock_add_rule",
    "landlock_create_ruleset", "landlock_restrict_self",
    // Signals, time, waiting.
    "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "epoll_create", "epoll_create1", "epoll_ctl",
    "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd", "eventfd2", "getitimer", "gettimeofday",
    "nanosleep", "pause", "poll", "ppoll", "pselect6", "restart_syscall", "rt_sigaction", "rt_sigpending",
    "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait",
    "rt_tgsigqueueinfo", "select", "setitimer", "sigaltstack", "signalfd", "signalfd4", "time",
    "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_settime", "timerfd_create",
    "timerfd_gettime", "timerfd_settime", "getrandom",
    // Talking to each other. socket and socketpair are among the conditional ones.
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "ioctl", "listen",
    "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink", "msgctl",
    "msgget", "msgrcv", "msgsnd", "pipe", "pipe2", "recvfrom", "recvmmsg", "recvmsg", "semctl", "semget",
    "semop", "semtimedop", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shmat", "shmctl", "shmdt",
    "shmget", "shutdown"};

// A call that is allowed only when (argument & mask) == value for each of its conditions; several rules of
// one call are alternatives.
struct ArgumentCondition {
  unsigned argument;
  std::uint64_t mask, value;
};
struct ConditionalSyscall {
  const char* name;
  std::initializer_list<ArgumentCondition> conditions;
};

inline constexpr std::uint64_t kNamespaceFlags = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                                 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME;
// The kernel looks at 32 bits of these arguments; the upper ones must not be a way around a rule.
inline constexpr std::uint64_t kLow32 = 0xffff'ffff;

inline constexpr ConditionalSyscall kConditionalSyscalls[] = {
    // New threads and processes, but no namespaces.
    {"clone", {{0, kNamespaceFlags, 0}}},
    {"socket", {{0, kLow32, AF_UNIX}}},
    {"socket", {{0, kLow32, AF_INET}}},
    {"socket", {{0, kLow32, AF_INET6}}},
    // getifaddrs(3) asks by NETLINK_ROUTE (protocol 0); the other netlink families reach into the kernel.
    {"socket", {{0, kLow32, AF_NETLINK}, {2, kLow32, 0}}},
    {"socketpair", {{0, kLow32, AF_UNIX}}},
    // Asking for the personality, and the default one.
    {"personality", {{0, kLow32, kLow32}}},
    {"personality", {{0, kLow32, 0}}},
};

// Requests of ioctl that are refused, as an exception: typing into a terminal that somebody else reads, and
// the console's keyboard and clipboard.
inline constexpr std::uint64_t kRefusedIoctls[] = {TIOCSTI, TIOCLINUX, TIOCCONS};

// These answer ENOSYS instead of EPERM, so that a C library falls back instead of failing. The flags of
// clone3 are in memory, where no filter can look.
inline constexpr const char* kUnknownSyscalls[] = {"clone3"};

}  // namespace isa::cloud_os
