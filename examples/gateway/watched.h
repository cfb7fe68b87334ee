// SPDX-License-Identifier: MIT
//
// Watched: the limits and breakers of the pipelines as the publisher shows them, over reloads: what goes on keeps its
// series, a new breaker begins new ones, what is gone takes its series along.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "seawall/runtime/metrics_publisher.h"
#include "seawall/runtime/pipelines.h"

class Watched {
 public:
  Watched(seawall::MetricsPublisher& publisher, const seawall::Pipelines& pipelines)
      : publisher_(publisher), pipelines_(pipelines) {}

  // After each change of the configuration, one at a time.
  void update();

 private:
  // What has one name in the labels.
  struct Parts {
    std::shared_ptr<seawall::CircuitBreaker> breaker;
    std::string limit, keyed_limit;  // paths
    bool operator==(const Parts&) const = default;
  };
  std::map<std::string, Parts> present() const;
  void watch(const std::string& name, const Parts& parts);

  seawall::MetricsPublisher& publisher_;
  const seawall::Pipelines& pipelines_;
  std::map<std::string, Parts> watched_;
};
