// What every attempt of isa-hostile must get: the name of an error, or the attempt's own word; any of several where
// kernels differ. A name that is missing here, or that the program no longer makes, fails the suite.
import { backend } from '../e2e/harness.mjs';

const absent = ['ENOENT'];
const closed = ['ENOENT', 'EACCES', 'EPERM'];
const readOnly = ['EROFS', 'EACCES', 'EPERM', 'ENOENT'];
const filtered = ['EPERM', 'ENOSYS'];
const unreachable = ['ENETUNREACH'];
const noSocket = ['EPERM', 'EAFNOSUPPORT'];

const each = (group, got, names) => names.map((name) => [`${group}/${name}`, got]);

const files = [
  ...each('files', absent, [
    'read /etc/shadow',
    'list /root',
    'list /home',
    'list /var/lib',
    "read a secret in the host's /tmp",
    "list the platform's data folder",
    "list another sandbox's workspace",
    'read the record of its own sandbox',
    'climb out by ..',
    'read /dev/kmsg',
    'read /dev/mem',
    'read /dev/port',
    'open /dev/net/tun',
    'open /dev/fuse',
    'open /dev/kvm',
    'reach the agent socket by its path',
  ]),
  // A container sees its control groups and may only read them; elsewhere there are none.
  ...each('files', backend === 'docker' ? readOnly : absent, [
    'write a file of sysfs',
    'leave its control group',
    'leave its control group of version 1',
    'run a program by a release agent',
    'raise its own memory limit',
  ]),
  ...each('files', closed, [
    'reach the host by the root of process 1',
    'reach the host by the working folder of process 1',
    'read /proc/kcore',
    'read /proc/kmsg',
    'read /proc/kpagecount',
    'read /proc/slabinfo',
  ]),
  ...each('files', readOnly, [
    'write /proc/sysrq-trigger',
    'write /proc/sys/kernel/core_pattern',
    'write /proc/sys/kernel/modprobe',
    'write /proc/sys/vm/drop_caches',
    'register a binary format',
    'raise max_user_namespaces',
    "map the host's root in its user namespace",
    'allow setgroups again',
    'escape the killer of memory',
    'change a program',
    'change the runtime',
    'change the list of users',
    "remove the broker's socket",
    "put its own socket beside the broker's",
  ]),
  // The kernel names the source of every bind mount to whoever has it. The path is seen; nothing of it is reached.
  ['files/find the data folder in the mount table', ['name seen', 'not found']],
  ...each('files', ['not found'], [
    'find the data folder in a command line',
    'find the data folder in an environment',
    'find a block device',
  ]),
  ['files/read /proc/keys of others', ['empty', ...closed]], // The keys that a process may not see are left out.
  ['files/read addresses of the kernel', ['zeros', ...closed]],
  ...each('files', ['EPERM'], ['make a block device', 'make a character device']),
  ["files/move the broker's folder away", ['EBUSY', 'EROFS', 'EXDEV']],
  ['files/link a program of the host into the workspace', ['EXDEV', 'EPERM']],
];

const processes = [
  // The kernel drops what process 1 of a namespace has no handler for, and the runtime asks who sent the rest.
  ...each('processes', ['ignored'], [
    'kill process 1',
    'stop process 1',
    'end process 1 politely',
    'every signal to process 1',
    'kill process 1 by descriptor',
  ]),
  ...each('processes', filtered, [
    'take a descriptor of process 1',
    'trace process 1',
    'seize process 1',
    'read the memory of process 1',
    'write the memory of process 1',
    'run in real time',
  ]),
  ...each('processes', ['EACCES', 'EPERM'], [
    'list the descriptors of process 1',
    'open the memory of process 1',
    'read the environment of process 1',
    'read the map of process 1',
  ]),
  ["processes/answer in the runtime's place", ['not found']],
  ['processes/signal a process of the host', ['ESRCH']],
  ['processes/look at a process of the host', absent],
  ['processes/become root', ['EINVAL', 'EPERM']], // The user 0 does not exist in its user namespace.
];

const network = [
  ['network/find an interface', ['only lo']],
  ...each('network', unreachable, [
    'reach the metadata address',
    'reach an address of the world',
    'reach a private address',
    'reach the bridge of the host',
    'send a datagram to a name server',
  ]),
  // A loopback without an address of IPv6 says it in another way.
  ...each('network', ['ENETUNREACH', 'EADDRNOTAVAIL'], [
    'reach the metadata address of IPv6',
    'reach an address of the world by IPv6',
  ]),
  ...each('network', ['ECONNREFUSED'], [
    "reach the platform's ports on loopback",
    'reach an abstract socket of the host',
  ]),
  ...each('network', absent, [
    'reach a socket of the host by its path',
    "reach another sandbox's channel",
    "reach another sandbox's broker",
  ]),
  ...each('network', noSocket, [
    'open a packet socket',
    'open a raw socket',
    'open a raw socket of IPv6',
    'open a socket to virtual machines',
    "open a socket to the kernel's ciphers",
    'open a Bluetooth socket',
    'open an XDP socket',
    'open a TIPC socket',
    'open netlink to the firewall',
    'open netlink to the audit log',
    'open netlink to device events',
  ]),
  ...each('network', ['EPERM'], ['add an interface', 'give loopback the metadata address']),
];

const broker = [
  ...each('broker', ['403', '404'], [
    'say that it is an internal service',
    'reach cloud_os',
    'reach the pool',
    'reach the metrics',
  ]),
  ...each('broker', ['400'], [
    'ask for an absolute address',
    'ask for a tunnel into the host',
    'climb out of the path',
    'climb out of the path, encoded',
    'smuggle by two lengths',
    'smuggle by length and chunks',
    "smuggle by a header's line end",
    'speak garbage',
  ]),
  ...each('broker', ['431'], ['send an endless head', 'send very many headers']),
  ['broker/announce an endless body', ['413']],
  ['broker/break off a request', ['closed']],
  ['broker/hold three hundred connections', ['turned away']],
  ['broker/be served as before', ['200']],
];

const kernel = [
  ['kernel/hold a capability', ['none']],
  ['kernel/gain privileges by executing', ['no new privileges']],
  ['kernel/run a command by su', ['refused', 'not there']],
  ['kernel/join a namespace', ['EACCES', 'EPERM']],
  // Whoever may run any program gains nothing by running it from memory.
  ['kernel/run a program from memory', ['allowed']],
  // By the filter, or because the kernel has no such gate at all.
  ['kernel/call by the gate of 32-bit programs', ['killed by SIGSYS', 'killed by SIGSEGV', 'ENOSYS', 'EPERM']],
  ['kernel/call by an x32 number', ['killed by SIGSYS', 'ENOSYS', 'EPERM']],
  ...each('kernel', filtered, [
    'take a capability',
    'mount',
    'mount proc',
    'make the root writable',
    'unmount',
    'pivot_root',
    'chroot',
    'open_tree',
    'move_mount',
    'fsopen',
    'fsconfig',
    'fsmount',
    'fspick',
    'mount_setattr',
    'statmount',
    'listmount',
    'unshare the user namespace',
    'unshare the mount namespace',
    'unshare the network',
    'unshare the process numbers',
    'clone into a user namespace',
    'clone into a mount namespace',
    'clone into a network namespace',
    'clone into a control group namespace',
    'clone3 into a user namespace',
    'setns',
    'bpf',
    'perf_event_open',
    'io_uring_setup',
    'io_uring_enter',
    'io_uring_register',
    'userfaultfd',
    'fanotify_init',
    'open_by_handle_at',
    'name_to_handle_at',
    'keyctl',
    'add_key',
    'request_key',
    'init_module',
    'finit_module',
    'delete_module',
    'kexec_load',
    'kexec_file_load',
    'reboot',
    'swapon',
    'acct',
    'quotactl',
    'syslog',
    'sethostname',
    'setdomainname',
    'settimeofday',
    'clock_settime',
    'adjtimex',
    'clock_adjtime',
    'kcmp',
    'migrate_pages',
    'move_pages',
    'set_mempolicy',
    'process_madvise',
    'process_mrelease',
    'memfd_secret',
    'vhangup',
    'lookup_dcookie',
    'nfsservctl',
    'a system call of the future',
    'switch address randomisation off',
    'type into the terminal',
    'type into the terminal, upper bits set',
    'paste into the console',
    'take the console',
    'iopl',
    'ioperm',
    'modify_ldt',
  ]),
];

export const expected = new Map([...files, ...processes, ...network, ...broker, ...kernel]);

// Attempts that are held against what the test around them has set up: see exhaust.test.mjs and leave.test.mjs.
export const elsewhere = ['exhaust', 'leave'];
