// What hostile code in a sandbox can see and do.
#include "cloud_os/testing.h"

#include <fstream>

namespace isa::cloud_os::testing {
namespace {

class IsolationOn : public EveryBackend {};
ISA_FOR_EVERY_BACKEND_THAT_ISOLATES(IsolationOn);

// The sandbox's process 1, in the numbers of the host.
ProcessId first_process(const Vm& vm) {
  const auto dir = dir_of(vm);
  if (const auto init = read_pids(dir.pids()).init) return *init;
  return supervisor_of(dir.root.parent_path().parent_path(), vm.vm_id);
}

TEST_P(IsolationOn, OnlyLoopbackIsThereAndNothingIsReachable) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    EXPECT_EQ(co_await shell(vm, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '"), "lo\n[0]");
    EXPECT_EQ(co_await shell(vm, "tail -n +2 /proc/net/route | wc -l"), "0\n[0]");
    EXPECT_EQ(co_await shell(vm, "bash -c 'echo > /dev/tcp/192.0.2.1/80' 2>/dev/null"), "[1]");
  });
}

TEST_P(IsolationOn, TheRootIsReadOnly) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    for (const std::string place : {"/", "/usr/", "/etc/", "/dev/", "/opt/isa/", "/run/isa/", "/usr/bin/"})
      EXPECT_EQ(co_await shell(vm, "touch " + place + "x 2>/dev/null"), "[1]") << place;
    for (const std::string place : {"/workspace/", "/tmp/", "/dev/shm/"})
      EXPECT_EQ(co_await shell(vm, "touch " + place + "x"), "[0]") << place;
  });
}

TEST_P(IsolationOn, FilesOfTheHostAreNotThere) {
  const TempFolder host;
  std::ofstream(host / "secret") << "of the host";
  with_service([&](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    // An image has folders of these names, of its own.
    if (vm.backend != "docker")
      for (const std::string path : {"/home", "/root", "/var", "/boot", "/mnt", "/etc/shadow",
                                     "/etc/hostname.host", "/etc/ssl/private", "/etc/ssh"})
        EXPECT_EQ(co_await shell(vm, "test -e " + path), "[1]") << path;
    const std::string secret = (host / "secret").string();
    EXPECT_EQ(co_await shell(vm, "test -e " + secret), "[1]");
    const std::string own = dir_of(vm).root.string();
    EXPECT_EQ(co_await shell(vm, "test -e " + own), "[1]");
  });
}

TEST_P(IsolationOn, ItsProcessesAreNotRootOnTheHostAndHoldNoCapability) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    const auto status = *read_text(fmt::format("/proc/{}/status", first_process(vm).pid));
    EXPECT_EQ(status.find("Uid:\t0"), std::string::npos);
    EXPECT_NE(status.find("CapEff:\t0000000000000000"), std::string::npos);
    EXPECT_NE(status.find("CapBnd:\t0000000000000000"), std::string::npos);
    EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos);
    EXPECT_NE(status.find("Seccomp:\t2"), std::string::npos);
    EXPECT_EQ(co_await shell(vm, "test $(id -u) != 0 && id -un"), "agent\n[0]");
  });
}

TEST_P(IsolationOn, InheritsNoDescriptorButItsListener) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    const auto init = first_process(vm);
    const std::set<std::string> allowed{"0", "1", "2", "3"};
    std::set<std::string> descriptors;
    // The connection that asked for /health may still be closing; what was inherited stays.
    const auto deadline = Deadline::after(std::chrono::seconds(2));
    do {
      descriptors.clear();
      for (const auto& one : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", init.pid)))
        descriptors.insert(one.path().filename().string());
    } while (descriptors != allowed && !deadline.passed());
    EXPECT_EQ(descriptors, allowed);
  });
}

TEST_P(IsolationOn, TwoSandboxesDoNotSeeEachOther) {
  with_service([](Service& service) -> Task<void> {
    const auto one = co_await created(service);
    const auto two = co_await created(service);
    co_await shell(one, "echo x | tee /workspace/mine /tmp/mine /dev/shm/mine; (sleep 60 >/dev/null 2>&1 &)");
    EXPECT_EQ(co_await shell(two, "ls /workspace /tmp /dev/shm | grep mine"), "[1]");
    EXPECT_EQ(co_await shell(two, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 6[0]'"),
              "0\n[1]");
    // The same socket path leads each to its own broker, and neither can put another one in its place.
    EXPECT_EQ(co_await shell(two, "rm -f /run/isa/broker.sock 2>/dev/null; test -S /run/isa/broker.sock"),
              "[0]");
    EXPECT_EQ(co_await shell(two, "mv /run/isa /run/other 2>/dev/null"), "[1]");
  });
}

TEST_P(IsolationOn, TheFirstProcessCannotBeKilledFromInside) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    co_await shell(vm, "kill -9 1; kill -9 -1");
    EXPECT_EQ(co_await shell(vm, "echo alive"), "alive\n[0]");
  });
}

// Each line: a Python expression of a system call, and what it must answer.
constexpr const char* kCalls = R"(
import ctypes, errno, os, platform
libc = ctypes.CDLL(None, use_errno=True)
X = platform.machine() == 'x86_64'
def call(x86, arm, *args):
    ctypes.set_errno(0)
    result = libc.syscall(x86 if X else arm, *[ctypes.c_long(a) for a in args])
    return errno.errorcode[ctypes.get_errno()] if result < 0 else 'allowed'
NEWUSER, NEWNS, NEWNET = 0x10000000, 0x20000, 0x40000000
for name, got in [
  ('ptrace', call(101, 117, 0, 0, 0, 0)), ('process_vm_readv', call(310, 270, 1, 0, 0, 0, 0, 0)),
  ('process_vm_writev', call(311, 271, 1, 0, 0, 0, 0, 0)), ('mount', call(165, 40, 0, 0, 0, 0, 0)),
  ('umount2', call(166, 39, 0, 0)), ('pivot_root', call(155, 41, 0, 0)), ('chroot', call(161, 51, 0)),
  ('unshare', call(272, 97, NEWUSER)), ('setns', call(308, 268, 0, 0)),
  ('clone newuser', call(56, 220, NEWUSER | 17, 0, 0, 0, 0)), ('clone newns', call(56, 220, NEWNS | 17, 0, 0, 0, 0)),
  ('clone newnet', call(56, 220, NEWNET | 17, 0, 0, 0, 0)), ('keyctl', call(250, 219, 0, 0, 0, 0, 0)),
  ('add_key', call(248, 217, 0, 0, 0, 0, 0)), ('request_key', call(249, 218, 0, 0, 0, 0)),
  ('bpf', call(321, 280, 0, 0, 0)), ('io_uring_setup', call(425, 425, 1, 0)), ('io_uring_enter', call(426, 426, 0, 0, 0, 0, 0)),
  ('userfaultfd', call(323, 282, 0)), ('perf_event_open', call(298, 241, 0, 0, 0, 0, 0)), ('kexec_load', call(246, 104, 0, 0, 0, 0)),
  ('init_module', call(175, 105, 0, 0, 0)), ('finit_module', call(313, 273, 0, 0, 0)), ('delete_module', call(176, 106, 0, 0)),
  ('swapon', call(167, 224, 0, 0)), ('reboot', call(169, 142, 0, 0, 0, 0)), ('open_by_handle_at', call(304, 265, 0, 0, 0)),
  ('name_to_handle_at', call(303, 264, 0, 0, 0, 0, 0)), ('personality', call(135, 92, 0x0040000)),
  ('syslog', call(103, 116, 3, 0, 0)), ('quotactl', call(179, 60, 0, 0, 0, 0)), ('settimeofday', call(164, 170, 0, 0)),
  ('clock_settime', call(227, 112, 0, 0)), ('acct', call(163, 89, 0)), ('fanotify_init', call(300, 262, 0, 0)),
  ('fsopen', call(430, 430, 0, 0)), ('move_mount', call(429, 429, 0, 0, 0, 0, 0)), ('open_tree', call(428, 428, 0, 0, 0)),
  ('mount_setattr', call(442, 442, 0, 0, 0, 0, 0)), ('pidfd_getfd', call(438, 438, 0, 0, 0)), ('kcmp', call(312, 272, 1, 1, 0, 0, 0)),
  ('socket packet', call(41, 198, 17, 3, 0)), ('socket alg', call(41, 198, 38, 5, 0)), ('socket vsock', call(41, 198, 40, 1, 0)),
  ('socket netlink audit', call(41, 198, 16, 3, 9)), ('socket packet, upper bits', call(41, 198, (1 << 32) | 17, 3, 0)),
  ('TIOCSTI', call(16, 29, 0, 0x5412, 0)), ('TIOCSTI, upper bits', call(16, 29, 0, (1 << 32) | 0x5412, 0)),
  ('TIOCLINUX', call(16, 29, 0, 0x541C, 0)), ('TIOCCONS', call(16, 29, 0, 0x541D, 0))]:
    if got != 'EPERM': print(name, got)
for name, got in [('clone3', call(435, 435, 0, 0)), ('fchmodat2', call(452, 452, 0, 0, 0, 0)), ('future', call(520, 520))]:
    if got != 'ENOSYS': print(name, got)
for name, got in [('socket unix', call(41, 198, 1, 1, 0)), ('socket inet', call(41, 198, 2, 1, 0)), ('socket inet6', call(41, 198, 10, 1, 0)),
                  ('socket netlink route', call(41, 198, 16, 3, 0)), ('personality query', call(135, 92, 0xffffffff)),
                  ('FIOCLEX', call(16, 29, 2, 0x5451, 0))]:
    if got != 'allowed': print(name, got)
for name, number in [('TCGETS', 0x5401), ('TIOCOUTQ', 0x5411), ('TIOCGWINSZ', 0x5413), ('TIOCMIWAIT', 0x545C)]:
    if call(16, 29, 0, number, 0) == 'EPERM': print(name, 'is refused')
print('checked')
)";

TEST_P(IsolationOn, DangerousSystemCallsAreRefused) {
  if (!std::filesystem::exists("/usr/bin/python3"))
    GTEST_SKIP() << "the probe program needs /usr/bin/python3";
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    EXPECT_EQ(co_await shell(vm, fmt::format("/usr/bin/python3 - <<'END'\n{}\nEND", kCalls)), "checked\n[0]");
  });
}

TEST_P(IsolationOn, OrdinaryProgramsWork) {
  const std::tuple<const char*, const char*, const char*> programs[] = {
      {"/usr/bin/bash", "bash -c 'x=(1 2); echo ${#x[@]} | cat'", "2\n[0]"},
      {"/usr/bin/python3",
       "python3 -c 'import subprocess, threading, tempfile, socket; "
       "t = threading.Thread(target=print, args=(1,)); t.start(); t.join(); "
       "print(subprocess.check_output([\"echo\", \"2\"]).decode(), end=\"\")'",
       "1\n2\n[0]"},
      {"/usr/bin/node",
       "node -e 'require(\"fs\").writeFileSync(\"/tmp/n\", \"3\"); setTimeout(() => "
       "console.log(require(\"child_process\").execSync(\"cat /tmp/n\").toString()), 1)'",
       "3\n[0]"},
      {"/usr/bin/git",
       "cd /workspace && git init -q r && cd r && echo a > a && git add a && "
       "git -c user.name=a -c user.email=a@b commit -qm first && git log --format=%s",
       "first\n[0]"},
      {"/usr/bin/gcc", "cd /tmp && echo 'int main(void) { return 7; }' > a.c && gcc a.c -o a && ./a", "[7]"},
      {"/usr/bin/make", "cd /tmp && printf 'all:\\n\\t@echo made\\n' > Makefile && make -s", "made\n[0]"},
  };
  with_service([&](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    for (const auto& [path, command, output] : programs)
      if (co_await shell(vm, fmt::format("test -x {}", path)) == "[0]")
        EXPECT_EQ(co_await shell(vm, command), output) << path;
  });
}

}  // namespace
}  // namespace isa::cloud_os::testing
