// SPDX-License-Identifier: MIT
//
// The handle of a service.
#pragma once

#include "internal.h"
#include "registry_handle.h"

struct seawall_service : seawall::capi::Handle<0x53657276> {  // "Serv"
  explicit seawall_service(const seawall::Service& service) : rep(service) {}
  seawall::Service rep;
};
