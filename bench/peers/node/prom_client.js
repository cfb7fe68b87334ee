// SPDX-License-Identifier: MIT
'use strict';
const client = require('prom-client');
const measure = require('./measure');

const peer = 'prom-client 15.1.3';

(async () => {
  const registers = [new client.Registry()];
  const counter = new client.Counter({ name: 'calls_total', help: 'Calls.', registers });
  await measure.operation(peer, 'counter.add', 'Counter.inc', () => counter.inc());
  const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
  const histogram = new client.Histogram({ name: 'seconds', help: 'Time.', buckets, registers });
  await measure.operation(peer, 'histogram.fixed', 'Histogram.observe, 10 bounds', () => histogram.observe(0.042));
  const family = new client.Counter({ name: 'requests_total', help: 'Requests.', labelNames: ['service', 'code'], registers });
  await measure.operation(peer, 'counter.by_labels', 'labels of 2, inc', () => family.labels('trading', '200').inc());
  const many = new client.Registry();
  const users = new client.Counter({ name: 'users_total', help: 'Users.', labelNames: ['user'], registers: [many] });
  for (let i = 0; i < 10_000; ++i) users.labels(`user-${i}`).inc();
  await measure.operation(peer, 'scrape.10k_counters', 'await registry.metrics', () => many.metrics(), true);
})();
