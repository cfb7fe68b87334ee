/* SPDX-License-Identifier: MIT
 * A redis-server of the test's own on a free port of loopback, killed with the test, stopped by its pid. */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void short_sleep(void) {
  const struct timespec pause = {0, 5 * 1000 * 1000};
  nanosleep(&pause, NULL);
}

static struct sockaddr_in loopback(uint16_t port) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static uint16_t free_port(void) {
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (struct sockaddr*)&address, size) != 0) abort();
  if (getsockname(fd, (struct sockaddr*)&address, &size) != 0) abort();
  close(fd);
  return ntohs(address.sin_port);
}

static int answers(uint16_t port) {
  const struct sockaddr_in address = loopback(port);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  char reply[64] = {0};
  int there = connect(fd, (const struct sockaddr*)&address, sizeof address) == 0;
  there = there && write(fd, "PING\r\n", 6) == 6 && read(fd, reply, sizeof reply - 1) > 0;
  close(fd);
  return there && (strncmp(reply, "+PONG", 5) == 0 || strncmp(reply, "-NOAUTH", 7) == 0);
}

/* Returns when it answers. */
static pid_t start_redis(uint16_t port, const char* password) {
  char text[16];
  snprintf(text, sizeof text, "%u", (unsigned)port);
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execlp("redis-server", "redis-server", "--port", text, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
           "--loglevel", "warning", "--logfile", "/dev/null", "--requirepass", password, (char*)NULL);
    _exit(127);
  }
  for (int i = 0; i < 12000; ++i) {
    if (answers(port)) return pid;
    short_sleep();
  }
  fprintf(stderr, "redis-server does not start\n");
  exit(1);
}

static void stop_redis(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}
