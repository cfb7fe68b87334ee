// SPDX-License-Identifier: MIT
#include "recording_plugin.h"

extern "C" [[gnu::visibility("default")]] bool record(const seawall::Counter& counter, const seawall::Gauge& gauge,
                                                      const seawall::Histogram& histogram, int n) {
  bool clean = true;
  for (int i = 0; i < n; ++i) {
    counter.add();
    clean &= sequence_of_this_thread() == 0;
    gauge.set(i);
    clean &= sequence_of_this_thread() == 0;
    histogram.observe(0.5);
    clean &= sequence_of_this_thread() == 0;
  }
  return clean;
}
