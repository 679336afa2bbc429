// SPDX-License-Identifier: BSD-2-Clause
// The words to a story's events, and to the audit's collision.

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

// Why, as the audit says it.
export function tellWhy(collision) {
  if (!collision.explained)
    return t('why.unexplained');
  const names = collision.orders.map(nameOf);
  return collision.orders.length === 2
    ? t('why.two', { first: names[0], second: names[1] })
    : t('why.three', { first: names[0], culprit: names[1], second: names[2] });
}

// The event at which it went wrong, and why in one sentence; null: unknown.
export function faultOf(story, collision) {
  const turnOf = (order) => story.turns.find((turn) =>
    turn.orders.some((other) => other.order === order.order));
  if (!collision?.explained)
    return null;
  if (collision.orders.length === 3) {
    const culprit = turnOf(collision.orders[1]);
    const event = story.events.find((e) => e.type === 'write' &&
      e.turn === culprit);
    return event && { event, text: t('why.stepLate',
      { i: event.column + 1, who: nameOf(collision.orders[1]) }) };
  }
  const [a, b] = collision.orders.map(turnOf);
  if (!a || !b || a === b)
    return null;
  const [early, late] = a.key <= b.key ? [a, b] : [b, a];
  const event = story.events.find((e) => e.type === 'read' && e.turn === late);
  return { event, text: t('why.step', { i: event.column + 1,
    n: late.remaining, who: nameOf(late.orders[0]),
    other: nameOf(early.orders[0]) }) };
}
