// SPDX-License-Identifier: MIT
// Repeats an operation and prints lines of JSON as ../peers.py reads them. PEER_REPETITIONS and PEER_MS say how often and
// how long. Node runs one thread of JavaScript, so there is no row with two.
'use strict';

const repetitions = Number(process.env.PEER_REPETITIONS || 5);
const lengthNs = Number(process.env.PEER_MS || 100) * 1e6;

async function repeat(operation, calls, awaits) {
  const begin = process.hrtime.bigint();
  if (awaits) {
    for (let i = 0; i < calls; ++i) await operation();
  } else {
    for (let i = 0; i < calls; ++i) operation();
  }
  return Number(process.hrtime.bigint() - begin) / calls;
}

// `awaits`: the operation is a promise and its end counts. `each`: calls in one operation.
exports.operation = async (peer, id, what, operation, awaits = false, bytes = undefined, each = 1) => {
  let calls = 1;
  while ((await repeat(operation, calls, awaits)) * calls < lengthNs / 4) calls *= 2;
  const ns = [];
  for (let i = 0; i < repetitions; ++i) {
    ns.push(Math.round(((await repeat(operation, calls * 4, awaits)) / each) * 10) / 10);
  }
  console.log(JSON.stringify({ peer, id, what, threads: 1, ns, bytes }));
};
