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
  const [{ nth = 1 }] = turn.orders;
  const args = { who, n: turn.writes,
    seats: seatsText(turn.seats) + (nth > 1 ? t('step.nth', { n: nth }) : '') };
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

// What the strategy did not do; '' if nothing is known of it.
function mistakeOf([one, other], locks) {
  const lock = one.lock ?? '';
  const facts = locks.find((known) => known.name === lock);
  const permits = Number(lock.split(':')[1] ?? 1);
  if (!facts && permits === 1)
    return '';
  if (facts?.checks_write)
    return t('mistake.check', { lock });
  if (facts && !facts.holds)
    return t('mistake.nobody');
  if (permits > 1)
    return t('mistake.permits',
      { n: t('counts').split(' ')[permits] ?? permits });
  if (!facts.excludes_processes && one.worker !== other.worker)
    return t('mistake.processes', { a: Math.min(one.worker, other.worker),
      b: Math.max(one.worker, other.worker) });
  return t('mistake.both', { lock });
}

// Why: whose mistake it was, and who met by it.
export function tellWhy(collision, locks) {
  const [first, culprit, last] = collision.orders;
  if (!collision.explained)
    return t('why.unexplained');
  const mistake = mistakeOf([culprit, first], locks);
  return mistake + (last
    ? t('why.three', { first: nameOf(first), culprit: nameOf(culprit),
      second: nameOf(last) })
    : t('why.two', { first: nameOf(first), second: nameOf(culprit) }));
}

// The event at which the audit says that it went wrong, and its sentence;
// null: unknown.
export function faultOf(story, collision) {
  const step = collision?.steps[collision.wrong_step - 1];
  const order = collision?.orders.find(({ role }) => role === step?.role);
  const event = order && story.events.find((e) => e.type === step.step &&
    e.orders.some((own) => own.order === order.order));
  if (!event)
    return null;
  const args = { i: event.column + 1, who: nameOf(order), n: step.remaining };
  if (step.step === 'write')
    return { event, text: t('why.stepLate', args) };
  const other = collision.orders.find((one) => one !== order);
  const { remaining } = collision.steps.find((one) => one.step === 'read' &&
    one.role === other.role);
  return { event, text: t(remaining === step.remaining ? 'why.step'
    : 'why.stepTwo', { ...args, other: nameOf(other), held: remaining }) };
}

// When it happened: a write from its beginning until it is seen by all.
export function timeOf(event, from) {
  const at = milliseconds(event.key - from);
  if (event.type !== 'write')
    return at;
  const begun = ((event.turn.writeAt - from) / 1e6).toFixed(3);
  return `${begun} ms` === at ? at : `${begun} – ${at}`;
}
