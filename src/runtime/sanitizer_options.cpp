// Only in builds with a sanitizer. It would handle signals that mean a crash, and the first process of a
// sandbox must not: the kernel lets programs inside send it those signals that it has a handler for.
extern "C" {
// The sanitizer's own name for it.
const char* __asan_default_options();   // NOLINT(bugprone-reserved-identifier)
const char* __asan_default_options() {  // NOLINT(bugprone-reserved-identifier)
  return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_sigtrap=0:handle_abort=0";
}
}
