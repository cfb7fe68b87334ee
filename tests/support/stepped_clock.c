/* SPDX-License-Identifier: MIT */
/* Loaded before a redis-server: gettimeofday(), from which it takes its time, is off by the seconds in the file
   $STEPPED_CLOCK, which may change while it runs. (Debian's libfaketime and the server's allocator call each other.) */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

static volatile const int64_t* offset;

__attribute__((constructor)) static void begin(void) {
  const char* name = getenv("STEPPED_CLOCK");
  const int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  void* memory = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0);
  if (memory != MAP_FAILED) offset = memory;
  if (fd >= 0) close(fd);
}

int gettimeofday(struct timeval* now, void* zone) {
  const int result = (int)syscall(SYS_gettimeofday, now, zone);
  if (offset) now->tv_sec += *offset;
  return result;
}
