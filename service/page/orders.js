// SPDX-License-Identifier: BSD-2-Clause
// What the laboratory found when this was built (orders.json, whose words are
// told in tests/lab/catalogue.h), as orders that make a story.

const STEP = /^([A-D])(?:(!)|(;)|\?([A-D]?)|<(\d+)\.(\d+)|>(\d+)\.(\d+)\.(\d+)|=(\d+))$/;

// {who, kind, letter, …} of a word; `letter` counts what is one.
function readWord(word, letter) {
  const [, who, lock, over, holder, left, version, writes, written, seat,
    refused] = STEP.exec(word);
  if (lock)
    return { who, kind: 'lock', letter: null };
  const step = { who, letter };
  if (over)
    return { ...step, kind: 'over' };
  if (holder !== undefined)
    return { ...step, kind: 'wait', holder };
  if (left !== undefined)
    return { ...step, kind: 'read', remaining: +left, version: +version };
  return refused !== undefined
    ? { ...step, kind: 'bounce', remaining: +refused }
    : { ...step, kind: 'write', remaining: +writes, version: +written,
      seat: +seat };
}

// What each buyer has in the end: {who, seat or null, version, base}, in the
// order of their changes; who was refused comes last.
function endOf(steps) {
  const ends = new Map();
  for (const { who, kind, version, seat } of steps) {
    if (kind === 'read')
      ends.set(who, { who, seat: null, version: Infinity, base: version });
    else if (kind === 'write')
      Object.assign(ends.get(who), { seat, version });
  }
  return [...ends.values()].sort((a, b) => a.version - b.version ||
    a.who.localeCompare(b.who));
}

function readRun([verdict, text]) {
  let letters = 0;
  const steps = text.split(' ').map((word) => {
    const isLetter = !word.endsWith('!');
    letters += isLetter;
    return readWord(word, letters);
  });
  const end = endOf(steps);
  return { verdict, steps, end, wrong: verdict !== 'correct',
    done: steps.filter(({ kind }) => ['read', 'write', 'bounce']
      .includes(kind)).map(({ who }) => who).join(''),
    held: steps.filter(({ kind }) => kind === 'wait'),
    bounced: steps.some(({ kind }) => kind === 'bounce'),
    // Who changed in which order, then on what: what belongs together is near.
    key: end.map(({ who, seat }) => seat === null ? `z${who}` : who).join('') +
      end.map(({ base }) => ` ${base}`).join('') };
}

// A setting, and all its orders; run(order, lock) is what becomes of one.
function readCase({ buyers, tickets, locks, runs, orders }) {
  const all = runs.map(readRun);
  return { buyers, tickets, locks, orders: Object.keys(orders),
    run: (order, lock) => all[orders[order][locks.indexOf(lock)]] };
}

// None, where the machine that built this could not run the laboratory.
export async function loadOrders() {
  const answer = await fetch('/page/orders.json');
  return answer.ok ? (await answer.json()).map(readCase) : [];
}

// [{run, orders}] of one end each.
export function groupByEnd(one, lock) {
  const groups = new Map();
  for (const order of one.orders) {
    const run = one.run(order, lock);
    if (!groups.has(run.key))
      groups.set(run.key, { run, orders: [] });
    groups.get(run.key).orders.push(order);
  }
  return [...groups.values()].sort((a, b) => a.run.key < b.run.key ? -1 : 1);
}

export function countOf(one, lock) {
  const runs = one.orders.map((order) => one.run(order, lock));
  return { n: runs.length, wrong: runs.filter((run) => run.wrong).length,
    ends: new Set(runs.map((run) => run.key)).size,
    held: runs.filter((run) => run.held.length > 0).length,
    bounced: runs.filter((run) => run.bounced).length,
    left: new Set(runs.map((run) => run.done)).size };
}

// Time in the laboratory is an order only: a step's stamp is its place.
export const PACE = 10;

const newOrder = (who, lock) => ({ order: who, buyer: who, lock, seats: [],
  worker: 1, clerk: who.charCodeAt(0) - 64, outcome: 'refused', trail: [] });

// As the buys' own answers would tell it: orders with trails.
export function ordersOf(run, lock) {
  const orders = new Map();
  run.steps.forEach(({ who, kind, remaining, version, seat }, i) => {
    if (!orders.has(who))
      orders.set(who, newOrder(who, lock));
    const order = orders.get(who), { trail } = order;
    const add = (step) => trail.push({ step, at_ns: i * PACE, remaining,
      version });
    if (kind === 'over' || (kind === 'wait' && trail.at(-1)?.step === 'wait'))
      return;
    add(kind === 'bounce' ? 'write' : kind);
    if (kind === 'bounce')
      add('conflict');
    if (kind === 'write')
      Object.assign(order, { version, seats: [seat], outcome: 'sold' });
  });
  return [...orders.values()].sort((a, b) => a.clerk - b.clerk);
}

// The step of the laboratory that an event of the story is.
export function stepsOf(run, event) {
  const from = event.waits?.map((wait) => wait.from) ?? [event.hold?.from ??
    (event.type === 'read' ? event.turn.readAt : event.turn.writeAt)];
  return from.map((at) => run.steps[at / PACE]);
}
