// SPDX-License-Identifier: BSD-2-Clause
// The words to a story's events, and to the audit's collision.

import { milliseconds } from './dom.js';
import { t, listOf } from './i18n.js';

export function nameOf(order) {
  return order.buyer || t('anonymous');
}

export function seatsText(seats) {
  return seats.length === 1 ? t('seatOne', { seat: seats[0] })
    : t('seatMany', { seat: seats[0], last: seats.at(-1) });
}

const namesOf = (orders) => listOf([...new Set(orders.map(nameOf))]);

function tellWrite(turn, who) {
  const args = { who, n: turn.writes, seats: seatsText(turn.seats) };
  if (turn.lost.length === 0)
    return t('step.write', args);
  if (turn.lost.length > 2)
    return t('step.writeLostSome', args);
  args.lost = listOf(turn.lost.map((other) => nameOf(other.orders[0])));
  return t('step.writeLost', args);
}

export function tell(event) {
  const who = namesOf(event.orders);
  const turn = event.turn;
  switch (event.type) {
  case 'wait':
    return t(event.orders.length === 1 ? 'step.waitOne' : 'step.waitMany',
      { who });
  case 'lock':
    return t('step.lock', { who, lock: event.orders[0].lock ?? '' })
      .replace(' ()', '').replace('（）', '');
  case 'recover':
    return t('step.recover', { who });
  case 'read':
    return t(turn.writeAt === null && turn.result === 'none' ? 'step.readLast'
      : 'step.read', { who, n: turn.remaining, version: turn.version });
  case 'write':
    return tellWrite(turn, who);
  case 'bounce':
    return t(turn.result === 'moved' ? 'step.switch' : 'step.conflict',
      { who, n: turn.writes });
  case 'moved':
    return t('step.switch', { who });
  case 'change': {
    const { kind, from, to, remaining } = event.effect;
    const said = [];
    if (from !== undefined && from !== to)
      said.push(t('step.change', { from, to }));
    if (kind === 'recounted')
      said.push(t('step.recount', { n: remaining }));
    if (kind === 'raised')
      said.push(t('step.raise', { n: remaining }));
    return said.join(t('comma'));
  }
  }
  return '';
}

// What the strategy did not do; '' if it is not to blame.
function mistakeOf([order, other], locks) {
  const name = order.lock ?? '';
  const facts = locks.find((lock) => lock.name === name);
  const permits = Number(name.split(':')[1] ?? 1);
  if (permits > 1)
    return t('mistake.permits', { n: permits });
  if (facts?.excludes_threads && !facts.excludes_processes)
    return t('mistake.processes', { a: Math.min(order.worker, other.worker),
      b: Math.max(order.worker, other.worker) });
  return facts && !facts.holds && !facts.checks_write ? t('mistake.nobody') : '';
}

// Two buyers: who read first, who read the same number after.
function readersOf(story, collision) {
  const turns = collision.orders.map((order) => story.turns.find((turn) =>
    turn.orders.some((other) => other.order === order.order)));
  if (turns.length !== 2 || !turns[0] || !turns[1] || turns[0] === turns[1])
    return null;
  const late = turns[0].key <= turns[1].key ? 1 : 0;
  return { late: turns[late], n: turns[late].remaining,
    order: collision.orders[late], other: collision.orders[1 - late] };
}

// Why: the fact of faultOf(), and whose mistake it was.
export function tellWhy(story, collision, locks) {
  if (!collision.explained)
    return t('why.unexplained');
  const [first, culprit, second] = collision.orders;
  if (second)
    return mistakeOf([culprit, first], locks) + t('why.three', {
      first: nameOf(first), culprit: nameOf(culprit), second: nameOf(second) });
  const read = readersOf(story, collision);
  return read ? mistakeOf([read.order, read.other], locks) + t('why.two', {
    who: nameOf(read.order), other: nameOf(read.other), n: read.n })
    : t('why.unexplained');
}

// The event at which it went wrong, in one sentence; null: unknown.
export function faultOf(story, collision) {
  if (!collision?.explained)
    return null;
  if (collision.orders.length === 3) {
    const [, culprit] = collision.orders;
    const event = story.events.find((e) => e.type === 'write' &&
      e.orders.some((order) => order.order === culprit.order));
    return event ? { event, text: t('why.stepLate',
      { i: event.column + 1, who: nameOf(culprit) }) } : null;
  }
  const read = readersOf(story, collision);
  const event = read && story.events.find((e) => e.type === 'read' &&
    e.turn === read.late);
  return event ? { event, text: t('why.step', { i: event.column + 1, n: read.n,
    who: nameOf(read.order), other: nameOf(read.other) }) } : null;
}

// When it happened: a write from its beginning until it is seen by all.
export function timeOf(event, from) {
  const at = milliseconds(event.key - from);
  if (event.type !== 'write')
    return at;
  const begun = ((event.turn.writeAt - from) / 1e6).toFixed(3);
  return `${begun} ms` === at ? at : `${begun} – ${at}`;
}
