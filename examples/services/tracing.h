// SPDX-License-Identifier: MIT
//
// What a service measures of each request, sent to the gateway, which shows it beside its own spans (OTLP/HTTP JSON, so
// an OpenTelemetry collector could stand there as well).
#pragma once

#include <string>

#include "http/server.h"
#include "seawall/runtime/span_exporter.h"
#include "seawall/runtime/tracer.h"

class Tracing {
 public:
  // `token` is sent as Bearer authorization unless empty.
  Tracing(const std::string& service, http::Endpoint collector, std::string token);

  seawall::Span start(const http::Request& request);
  static void end(seawall::Span& span, int status);

  http::Task<> run(http::Loop& loop);   // sends what there is, one body four times a second
  http::Task<> send(http::Loop& loop);  // one body at once, if there is one

 private:
  http::Endpoint collector_;
  std::string token_;
  seawall::Tracer tracer_;
  seawall::SpanExporter exporter_;
};
