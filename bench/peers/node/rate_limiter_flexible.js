// SPDX-License-Identifier: MIT
'use strict';
const { RateLimiterMemory } = require('rate-limiter-flexible');
const measure = require('./measure');

const peer = 'rate-limiter-flexible 11.4.0';
const users = 10_000;

(async () => {
  const open = new RateLimiterMemory({ points: 1e9, duration: 3600 });
  const names = Array.from({ length: users }, (_, i) => `user-${i}`);
  let next = 0;
  const granted = () => open.consume(names[next++ % users]);
  await measure.operation(peer, 'keyed.string', 'await consume, granted, 10,000 users', granted, true);
  const shut = new RateLimiterMemory({ points: 1, duration: 3600 });
  await shut.consume('user');
  const denied = () => shut.consume('user').catch(() => {});
  await measure.operation(peer, 'bucket.deny', 'await consume, denied, with its clock', denied, true);
  process.exit(0); // its timers would keep the process
})();
