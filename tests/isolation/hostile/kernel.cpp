// System calls that reach beyond the sandbox, or have been a way out of one. Each is called in its simplest
// form: a filter answers before the kernel looks at the arguments.
#include "attempt.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hostile {
namespace {

Got call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  return by_result(syscall(number, a, b, c, d, e, f));
}

template <long Number, long A = 0, long B = 0, long C = 0>
Got simple(const Targets&) {
  return call(Number, A, B, C);
}

// What the new process would say of its namespace does not matter: that it exists does.
template <long Flags>
Got clone_into(const Targets&) {
  const long child = syscall(SYS_clone, Flags | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  return by_result(child);
}

Got clone3_into(const Targets&) {
  struct {
    std::uint64_t words[11];
  } arguments{};
  arguments.words[0] = CLONE_NEWUSER;
  arguments.words[4] = SIGCHLD;
  const long child = syscall(SYS_clone3, &arguments, 88);
  if (child == 0) _exit(0);
  return by_result(child);
}

Got join_namespace(const Targets&) {
  const int fd = open("/proc/1/ns/mnt", O_RDONLY);
  if (fd < 0) return refused(errno);
  return by_result(setns(fd, 0));
}

Got mount_tmpfs(const Targets&) {
  return by_result(mount("none", "/tmp", "tmpfs", 0, nullptr));
}

Got remount_writable(const Targets&) {
  return by_result(mount("none", "/", nullptr, MS_REMOUNT | MS_BIND, nullptr));
}

Got mount_proc(const Targets&) {
  mkdir("/tmp/proc", 0700);
  return by_result(mount("proc", "/tmp/proc", "proc", 0, nullptr));
}

Got uncover(const Targets&) {
  return by_result(umount2("/proc", MNT_DETACH));
}

Got leave_by_chroot(const Targets&) {
  mkdir("/tmp/jail", 0700);
  if (chroot("/tmp/jail") != 0) return refused(errno);
  for (int i = 0; i < 64; ++i)
    if (chdir("..") != 0) break;
  return by_result(chroot("."));
}

Got capabilities(const Targets&) {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  if (syscall(SYS_capget, &head, sets) != 0) return refused(errno);
  for (const auto& set : sets)
    if (set.effective || set.permitted || set.inheritable) return allowed("a capability is held");
  for (int one = 0; one <= 63; ++one)
    if (prctl(PR_CAPBSET_READ, one, 0, 0, 0) == 1)
      return allowed("capability " + std::to_string(one) + " can be gained");
  return {"none", ""};
}

Got take_capability(const Targets&) {
  __user_cap_header_struct head{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  sets[0].effective = sets[0].permitted = 1U << CAP_SYS_ADMIN;
  return by_result(syscall(SYS_capset, &head, sets));
}

Got gain_by_setuid_program(const Targets&) {
  const int can = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
  return can == 1 ? Got{"no new privileges", ""} : allowed();
}

// su without a terminal asks for a password and fails; what matters is whether it ran as root meanwhile.
Got user_in_setuid_program(const Targets&) {
  const int fd = open("/workspace/own-setuid", O_WRONLY | O_CREAT, 0755);
  if (fd < 0) return refused(errno);
  close(fd);
  struct stat status{};
  if (stat("/usr/bin/su", &status) != 0) return {"not there", ""};
  const pid_t child = fork();
  if (child == 0) {
    execl("/usr/bin/su", "su", "-c", "id -u", nullptr);
    _exit(127);
  }
  int code = 0;
  waitpid(child, &code, 0);
  return code == 0 ? allowed() : Got{"refused", std::to_string(WEXITSTATUS(code))};
}

Got random_off(const Targets&) {
  return call(SYS_personality, ADDR_NO_RANDOMIZE);
}

Got type_into_terminal(unsigned long request) {
  char letter = 'x';
  const int fd = open("/dev/tty", O_RDWR);
  return by_result(ioctl(fd < 0 ? 0 : fd, request, &letter));
}

// The upper half of the argument is ignored by the kernel, and must be by the filter.
Got type_by_upper_bits(const Targets&) {
  return call(SYS_ioctl, 0, (1L << 32) | TIOCSTI, 0);
}

// A file that is only in memory can be run: whoever may run any program gains nothing by it.
Got run_from_memory(const Targets&) {
  const int fd = memfd_create("program", 0);
  if (fd < 0) return refused(errno);
  const char script[] = "#!/bin/true\n";
  if (write(fd, script, sizeof script - 1) < 0) return refused(errno);
  const pid_t child = fork();
  if (child == 0) {
    char* words[] = {const_cast<char*>("program"), nullptr};
    char* none[] = {nullptr};
    syscall(SYS_execveat, fd, "", words, none, AT_EMPTY_PATH);
    _exit(1);
  }
  int code = 0;
  waitpid(child, &code, 0);
  return code == 0 ? allowed() : Got{"refused", ""};
}

#if defined(__x86_64__)
// The system calls of 32-bit programs have other numbers: mount here is getresuid there.
Got old_gate(const Targets&) {
  long result = 0;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");  // getpid
  return result > 0 ? allowed(std::to_string(result)) : refused(static_cast<int>(-result));
}
Got x32_number(const Targets&) {
  return call(0x40000000L + SYS_getpid);
}
Got io_ports(const Targets&) {
  return call(SYS_iopl, 3);
}
Got io_permission(const Targets&) {
  return call(SYS_ioperm, 0x70, 2, 1);
}
Got local_descriptors(const Targets&) {
  return call(SYS_modify_ldt, 1, 0, 0);
}
#endif

constexpr long kStatmount = 457;
constexpr long kListmount = 458;
constexpr long kFuture = 520;

}  // namespace

std::vector<Attempt> kernel() {
  return {
      {"hold a capability", capabilities},
      {"take a capability", take_capability},
      {"gain privileges by executing", gain_by_setuid_program},
      {"run a command by su", user_in_setuid_program},
      {"mount", mount_tmpfs},
      {"mount proc", mount_proc},
      {"make the root writable", remount_writable},
      {"unmount", uncover},
      {"pivot_root", simple<SYS_pivot_root>},
      {"chroot", leave_by_chroot},
      {"open_tree", simple<SYS_open_tree>},
      {"move_mount", simple<SYS_move_mount>},
      {"fsopen", simple<SYS_fsopen>},
      {"fsconfig", simple<SYS_fsconfig>},
      {"fsmount", simple<SYS_fsmount>},
      {"fspick", simple<SYS_fspick>},
      {"mount_setattr", simple<SYS_mount_setattr>},
      {"statmount", simple<kStatmount>},
      {"listmount", simple<kListmount>},
      {"unshare the user namespace", simple<SYS_unshare, CLONE_NEWUSER>},
      {"unshare the mount namespace", simple<SYS_unshare, CLONE_NEWNS>},
      {"unshare the network", simple<SYS_unshare, CLONE_NEWNET>},
      {"unshare the process numbers", simple<SYS_unshare, CLONE_NEWPID>},
      {"clone into a user namespace", clone_into<CLONE_NEWUSER>},
      {"clone into a mount namespace", clone_into<CLONE_NEWNS>},
      {"clone into a network namespace", clone_into<CLONE_NEWNET>},
      {"clone into a control group namespace", clone_into<CLONE_NEWCGROUP>},
      {"clone3 into a user namespace", clone3_into},
      {"join a namespace", join_namespace},
      {"setns", simple<SYS_setns>},
      {"bpf", simple<SYS_bpf>},
      {"perf_event_open", simple<SYS_perf_event_open>},
      {"io_uring_setup", simple<SYS_io_uring_setup, 1>},
      {"io_uring_enter", simple<SYS_io_uring_enter>},
      {"io_uring_register", simple<SYS_io_uring_register>},
      {"userfaultfd", simple<SYS_userfaultfd>},
      {"fanotify_init", simple<SYS_fanotify_init>},
      {"open_by_handle_at", simple<SYS_open_by_handle_at>},
      {"name_to_handle_at", simple<SYS_name_to_handle_at>},
      {"keyctl", simple<SYS_keyctl>},
      {"add_key", simple<SYS_add_key>},
      {"request_key", simple<SYS_request_key>},
      {"init_module", simple<SYS_init_module>},
      {"finit_module", simple<SYS_finit_module>},
      {"delete_module", simple<SYS_delete_module>},
      {"kexec_load", simple<SYS_kexec_load>},
      {"kexec_file_load", simple<SYS_kexec_file_load>},
      {"reboot", simple<SYS_reboot>},
      {"swapon", simple<SYS_swapon>},
      {"acct", simple<SYS_acct>},
      {"quotactl", simple<SYS_quotactl>},
      {"syslog", simple<SYS_syslog, 3>},
      {"sethostname", simple<SYS_sethostname>},
      {"setdomainname", simple<SYS_setdomainname>},
      {"settimeofday", simple<SYS_settimeofday>},
      {"clock_settime", simple<SYS_clock_settime>},
      {"adjtimex", simple<SYS_adjtimex>},
      {"clock_adjtime", simple<SYS_clock_adjtime>},
      {"kcmp", simple<SYS_kcmp, 1, 1>},
      {"migrate_pages", simple<SYS_migrate_pages, 1>},
      {"move_pages", simple<SYS_move_pages, 1>},
      {"set_mempolicy", simple<SYS_set_mempolicy>},
      {"process_madvise", simple<SYS_process_madvise>},
      {"process_mrelease", simple<SYS_process_mrelease>},
      {"memfd_secret", simple<447>},
      {"vhangup", simple<SYS_vhangup>},
      {"lookup_dcookie", simple<SYS_lookup_dcookie>},
      {"nfsservctl", simple<SYS_nfsservctl>},
      {"a system call of the future", simple<kFuture>},
      {"switch address randomisation off", random_off},
      {"type into the terminal", [](const Targets&) { return type_into_terminal(TIOCSTI); }},
      {"type into the terminal, upper bits set", type_by_upper_bits},
      {"paste into the console", [](const Targets&) { return type_into_terminal(TIOCLINUX); }},
      {"take the console", [](const Targets&) { return type_into_terminal(TIOCCONS); }},
      {"run a program from memory", run_from_memory},
#if defined(__x86_64__)
      {"call by the gate of 32-bit programs", old_gate},
      {"call by an x32 number", x32_number},
      {"iopl", io_ports},
      {"ioperm", io_permission},
      {"modify_ldt", local_descriptors},
#endif
  };
}

}  // namespace hostile
