// SPDX-License-Identifier: MIT
//
// The handles of a service and of a reader.
#pragma once

#include "internal.h"
#include "registry_handle.h"

struct seawall_service : seawall::capi::Handle<0x53657276> {  // "Serv"
  explicit seawall_service(const seawall::Service& service) : rep(service) {}
  seawall::Service rep;
};

struct seawall_reader : seawall::capi::Handle<0x52656472> {  // "Redr"
  explicit seawall_reader(seawall::ServiceReader&& reader) : rep(std::move(reader)) {}
  seawall::ServiceReader rep;
};
