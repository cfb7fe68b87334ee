// SPDX-License-Identifier: MIT
'use strict';
const CircuitBreaker = require('opossum');
const measure = require('./measure');

const peer = 'opossum 9.0.0';

(async () => {
  const healthy = new CircuitBreaker(async () => 1, { timeout: false });
  await measure.operation(peer, 'breaker.healthy', 'await fire of a function that does nothing', () => healthy.fire(), true);
  const open = new CircuitBreaker(async () => 1, { timeout: false });
  open.open();
  const refused = () => open.fire().catch(() => {});
  await measure.operation(peer, 'breaker.open', 'await fire refused, with its clock', refused, true);
  healthy.shutdown();
  open.shutdown();
})();
