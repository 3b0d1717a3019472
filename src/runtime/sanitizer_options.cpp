// Only in builds with a sanitizer. It would handle signals that mean a crash, and the first process of a
// sandbox must not: the kernel lets programs inside send it those signals that it has a handler for.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_sigtrap=0:handle_abort=0";
}
