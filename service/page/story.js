// SPDX-License-Identifier: BSD-2-Clause
// From trails to a story: lanes, boxes and one list of events, in an order
// that explains every number that was read.
//
// A stamp is taken just before its action, so actions can happen in another
// order than their stamps.  But versions tell: whoever read version v did so
// after write v and before write v + 1.  place() moves each read and write to
// the earliest time that fits both its stamp and the versions.

const EPSILON = 1; // ns: "just after"; times count from the first stamp, as
// the machine's own become too large to tell one from the next

// One reading of the counter, with what came of it.
function newTurn(order, step, lane) {
  return {
    lane, orders: [order], readAt: step.at, key: step.at,
    remaining: step.remaining, version: step.version,
    // A write has begun at writeAt, and was visible at writeKey.
    delayAt: null, writeAt: null, writeKey: null, writes: null,
    result: 'none', // none: refused for want of tickets; sold; bounced; moved
    versions: [], seats: [],
  };
}

export function laneOf(order) {
  return order.clerk ? `${order.worker}.${order.clerk}` : `?${order.buyer}`;
}

// An order's turns and waits.
function readTrail(order, story, origin) {
  const lane = laneOf(order);
  let turn = null, wait = null, hold = null;

  for (const { at_ns, ...step } of order.trail ?? []) {
    step.at = at_ns - origin;
    switch (step.step) {
    case 'wait':
      wait = { lane, order, from: step.at, to: null };
      story.waits.push(wait);
      break;
    case 'lock':
    case 'recover':
      if (wait)
        wait.to = step.at;
      hold = { lane, order, from: step.at, to: null,
        inherited: step.step === 'recover' };
      story.holds.push(hold);
      wait = null;
      break;
    case 'read':
      turn = newTurn(order, step, lane);
      story.turns.push(turn);
      break;
    case 'delay':
      if (turn)
        turn.delayAt = step.at;
      break;
    case 'write':
      if (turn) {
        turn.writeAt = step.at;
        turn.writes = step.remaining;
      }
      break;
    case 'conflict':
    case 'switch':
      if (turn) {
        turn.result = step.step === 'conflict' ? 'bounced' : 'moved';
        turn.endAt = step.at;
      }
      turn = null;
      break;
    case 'unlock':
      if (hold)
        hold.to = step.at;
      hold = null;
      break;
    }
  }
  if (turn && turn.writeAt !== null && order.version) {
    turn.result = 'sold';
    turn.versions = [order.version];
    turn.seats = [...order.seats];
  }
  if (hold && turn)
    hold.to = turn.writeAt ?? turn.readAt;
}

// Orders that one turn served together did their steps at the same stamps.
function mergeBatches(turns) {
  const merged = new Map();
  for (const turn of turns) {
    const key = `${turn.lane} ${turn.readAt}`;
    const first = merged.get(key);
    if (!first) {
      merged.set(key, turn);
      continue;
    }
    first.orders.push(...turn.orders);
    first.versions.push(...turn.versions);
    first.seats.push(...turn.seats);
    first.writeAt ??= turn.writeAt;
    if (turn.result === 'sold') {
      first.writes = first.result === 'sold'
        ? Math.min(first.writes, turn.writes) : turn.writes;
      first.result = 'sold';
    }
  }
  return [...merged.values()];
}

// What happened to the counter, by version: writes, recounts, raises.
function effectsOf(story, lines) {
  const effects = [];
  for (const turn of story.turns)
    if (turn.result === 'sold')
      effects.push({ type: 'write', version: Math.max(...turn.versions),
        turn, at: turn.writeAt });
  for (const line of lines)
    if (line.kind !== 'sold')
      effects.push({ type: 'change', version: line.version, at: 0,
        kind: line.kind, remaining: line.remaining, to: line.lock });
  return effects.sort((a, b) => a.version - b.version);
}

// A change without a recount shows in the receipts only.
function addSilentChanges(effects) {
  const all = [];
  let lock = null;
  for (const effect of effects) {
    const now = effect.type === 'write' ? effect.turn.orders[0].lock : effect.to;
    if (lock !== null && now !== lock) {
      if (effect.type === 'change')
        effect.from = lock;
      else
        all.push({ type: 'change', version: effect.version - 0.5, at: 0,
          kind: 'switched', remaining: null, from: lock, to: now });
    }
    lock = now;
    all.push(effect);
  }
  return all;
}

function place(story, effects) {
  const reads = [...story.turns].sort((a, b) => a.version - b.version ||
    a.readAt - b.readAt);
  let last = -EPSILON, i = 0;

  const placeReads = (below) => {
    for (; i < reads.length && reads[i].version < below; i++)
      last = reads[i].key = Math.max(reads[i].readAt, last + EPSILON);
  };
  for (const effect of effects) {
    placeReads(Math.min(effect.version, ...(effect.turn?.versions ?? [])));
    effect.key = Math.max(effect.at, last + EPSILON);
    last = effect.key;
    if (effect.turn)
      effect.turn.writeKey = effect.key;
  }
  placeReads(Infinity);

  for (const turn of story.turns) {
    if (turn.writeAt === null || turn.writeKey !== null)
      continue;
    // What refused it was there before it was told so.  If that is another
    // order's, and not in view, a later write is none of its causes.
    const passed = effects.find((effect) => effect.version > turn.version &&
      effect.key <= turn.endAt);
    turn.writeKey = Math.max(turn.writeAt, (passed?.key ?? 0) + EPSILON,
      turn.key + EPSILON);
  }
}

function listEvents(story, effects) {
  const events = [];
  for (const wait of story.waits)
    events.push({ type: 'wait', key: wait.from, lane: wait.lane, wait,
      orders: [wait.order] });
  for (const hold of story.holds)
    events.push({ type: hold.inherited ? 'recover' : 'lock', key: hold.from,
      lane: hold.lane, hold, orders: [hold.order] });
  for (const turn of story.turns) {
    events.push({ type: 'read', key: turn.key, lane: turn.lane, turn,
      orders: turn.orders });
    if (turn.writeKey !== null)
      events.push({ type: turn.result === 'sold' ? 'write' : 'bounce',
        key: turn.writeKey, lane: turn.lane, turn, orders: turn.orders });
    else if (turn.result === 'moved')
      events.push({ type: 'moved', key: turn.endAt, lane: turn.lane, turn,
        orders: turn.orders });
  }
  for (const effect of effects)
    if (effect.type === 'change')
      events.push({ type: 'change', key: effect.key, lane: null, effect,
        orders: [] });
  return events.sort((a, b) => a.key - b.key);
}

// Clerks that begin to wait one after the other share a column.
function joinWaits(events) {
  const joined = [];
  for (const event of events) {
    const before = joined.at(-1);
    if (event.type === 'wait' && before?.type === 'wait' &&
        !before.waits.some((wait) => wait.lane === event.lane)) {
      before.waits.push(event.wait);
      before.orders.push(...event.orders);
    } else {
      joined.push(event.type === 'wait'
        ? { ...event, waits: [event.wait], orders: [...event.orders] } : event);
    }
  }
  return joined;
}

// Whose write is not seen any more after this one.
function findLosses(story) {
  for (const turn of story.turns) {
    turn.lost = [];
    if (turn.result === 'sold')
      turn.lost = story.turns.filter((other) => other !== turn &&
        other.result === 'sold' && Math.min(...other.versions) > turn.version &&
        Math.max(...other.versions) < Math.min(...turn.versions));
  }
}

// Twins sold the same seat; those that overlap held the same number at once.
function findTwins(story) {
  for (const turn of story.turns) {
    turn.twins = story.turns.filter((other) => other !== turn &&
      turn.result === 'sold' && other.result === 'sold' &&
      other.seats.some((seat) => turn.seats.includes(seat)));
    turn.overlaps = turn.twins.some((other) =>
      other.remaining === turn.remaining &&
      other.key < turn.writeKey && turn.key < other.writeKey);
  }
}

export function makeStory(orders, lines = []) {
  const story = { turns: [], waits: [], holds: [], events: [], lanes: [] };

  const origin = Math.min(...orders.flatMap((order) =>
    (order.trail ?? []).map((step) => step.at_ns)));
  for (const order of orders)
    readTrail(order, story, origin);
  story.turns = mergeBatches(story.turns);
  const effects = addSilentChanges(effectsOf(story, lines));
  place(story, effects);
  findLosses(story);
  findTwins(story);
  story.events = joinWaits(listEvents(story, effects));
  story.events.forEach((event, i) => {
    event.column = i;
    for (const wait of event.waits ?? [])
      wait.column = i;
    if (event.hold)
      event.hold.column = i;
    if (event.type === 'read')
      event.turn.readColumn = i;
    if (event.type === 'write' || event.type === 'bounce' ||
        event.type === 'moved')
      event.turn.endColumn = i;
  });
  const unlocks = story.events.length;
  for (const hold of story.holds)
    hold.endColumn = story.events.find((event) => hold.to !== null &&
      event.key > hold.to)?.column ?? unlocks;
  for (const wait of story.waits)
    wait.endColumn = wait.to === null ? unlocks
      : story.holds.find((hold) => hold.lane === wait.lane &&
        hold.from === wait.to)?.column ?? unlocks;
  story.from = story.events[0]?.key ?? 0;
  story.to = Math.max(story.from + 1, ...story.events.map((event) => event.key));

  const lanes = new Map();
  for (const event of story.events)
    for (const order of event.orders) {
      const id = laneOf(order);
      if (!lanes.has(id))
        lanes.set(id, { id, worker: order.worker, clerk: order.clerk,
          buyers: new Set() });
      lanes.get(id).buyers.add(order.buyer);
    }
  story.lanes = [...lanes.values()];
  return story;
}

// What the counter held from each event on: [{column, key, value, known}].
export function counterTrack(story) {
  const track = [];
  let value = null;
  const set = (event, now, lost) => {
    track.push({ column: event.column, key: event.key, value: now, lost });
    value = now;
  };
  for (const event of story.events) {
    if (event.type === 'read' && event.turn.remaining !== value)
      set(event, event.turn.remaining, false);
    else if (event.type === 'write')
      set(event, event.turn.writes, event.turn.lost.length > 0);
    else if (event.type === 'change' && event.effect.remaining !== null)
      set(event, event.effect.remaining, false);
  }
  return track;
}
