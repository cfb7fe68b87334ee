// SPDX-License-Identifier: MIT
//
// The handle of a pipeline, one of its own or one of a route of a seawall_pipelines.
#pragma once

#include <memory>
#include <utility>

#include "internal.h"
#include "seawall/runtime/pipeline.h"

struct seawall_pipeline : seawall::capi::Handle<0x50697065> {  // "Pipe"
  explicit seawall_pipeline(std::unique_ptr<seawall::Pipeline> made) : owned(std::move(made)), rep(owned.get()) {}
  explicit seawall_pipeline(seawall::Pipeline* of_route) : rep(of_route) {}
  std::unique_ptr<seawall::Pipeline> owned;  // null for one of a seawall_pipelines
  seawall::Pipeline* rep;
};
