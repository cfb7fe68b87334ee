// SPDX-License-Identifier: MIT
'use strict';
const Redis = require('ioredis');
const { RateLimiterRedis } = require('rate-limiter-flexible');
const measure = require('./measure');

const peer = 'rate-limiter-flexible 11.4.0, ioredis 6.0.0';
const deep = 64;

(async () => {
  const storeClient = new Redis(Number(process.env.PEER_REDIS_PORT), '127.0.0.1');
  const open = new RateLimiterRedis({ storeClient, points: 1e9, duration: 3600 });
  const granted = () => open.consume('user-42');
  await measure.operation(peer, 'redis.call', 'await consume, granted', granted, true);
  const all = () => Promise.all(Array.from({ length: deep }, granted));
  await measure.operation(peer, 'redis.exact', 'consume, granted, 64 promises at once', all, true, undefined, deep);
  process.exit(0);
})();
