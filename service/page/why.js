// SPDX-License-Identifier: BSD-2-Clause
// Why it went wrong, or right: the timeline, its words, the replay, the cure.

import { $, make } from './dom.js';
import { t, tOr } from './i18n.js';
import { laneOf, makeStory } from './story.js';
import { faultOf, nameOf, tell, tellWhy, timeOf } from './tell.js';
import { Timeline } from './timeline.js';
import { Replay } from './replay.js';

const ORDERS_MOST = 24;

const readAt = (order) => order.trail.find((step) => step.step === 'read')
  ?.at_ns ?? Infinity;

// Buyers of one name are told apart, as in the audit's text.
const tellApart = (orders) => orders.map((order, i) => {
  const name = nameOf(order);
  const isOnly = orders.every((other) => other === order ||
    nameOf(other) !== name);
  return isOnly ? order : { ...order, buyer: `${name} (${i + 1})` };
});

// The orders that tell the most: the audit's, with what the buys' own answers
// add; of a run without a collision the first that was sold, and the next, by
// their versions: so no write between them is out of view.
export function witnessesOf({ audit, orders }) {
  if (audit.collision)
    return tellApart(audit.collision.orders.map((order) => ({ ...order,
      ...orders.find((own) => own.order === order.order) })));
  const all = orders.filter((order) => order.trail?.length > 0)
    .sort((a, b) => (a.version ?? Infinity) - (b.version ?? Infinity) ||
      readAt(a) - readAt(b));
  const first = all.find((order) => order.outcome === 'sold');
  const next = all.slice(all.indexOf(first) + 1);
  const waited = next.find((order) => order.clerk &&
    laneOf(order) !== laneOf(first ?? order));
  return tellApart([first, waited ?? next[0]].filter((order) => order));
}

// First, culprit, second: from top to bottom.
export function arrangeLanes(story, orders) {
  const place = (lane) => orders.findIndex((order) =>
    laneOf(order) === lane.id);
  story.lanes.sort((a, b) => place(a) - place(b));
}

export const culpritOf = (orders) =>
  orders.find((order) => order.role === 'culprit')?.order ?? null;

// The first seat that is sold in it, as it is at the timeline's position.
export function drawSeat(cell, { story, position }) {
  const sold = story.turns.filter((turn) => turn.result === 'sold');
  const seat = sold.find((turn) => turn.twins.length > 0)?.seats[0] ??
    sold[0]?.seats[0];
  const owners = sold.filter((turn) => turn.seats.includes(seat) &&
    position >= turn.endColumn + 1).map((turn) => nameOf(turn.orders[0]));
  cell.className = `seat ${['free', 'sold'][owners.length] ?? 'twice'}`;
  cell.textContent = [seat, ...owners].join(' · ');
}

export class Why {
  // `onAgain(lock)`: run the same again under another strategy.  `room`: where
  // a collision's order can be seen among all.
  constructor(locks, onAgain, room) {
    Object.assign(this, { locks, onAgain, room, result: null });
    this.timeline = new Timeline({ frame: $('timeline'),
      labels: $('lane-labels'), scroller: $('timeline-scroll') },
    () => this.stepped());
    this.replay = new Replay(this.timeline, () => this.drawStage(),
      (finished) => this.replayed(finished));
    $('view').addEventListener('change', () => this.draw());
    $('axis').addEventListener('change', () => {
      this.replay.stop();
      this.timeline.setAxis($('axis').value);
    });
    $('prev').addEventListener('click', () => this.step(-1));
    $('next').addEventListener('click', () => this.step(1));
    $('all').addEventListener('click', () => {
      this.replay.stop();
      this.timeline.go(this.timeline.story.events.length);
    });
    $('timeline').addEventListener('keydown', () => this.replay.stop());
    $('replay').addEventListener('click', () => this.toggleReplay());
  }

  hide() {
    this.replay.stop();
    this.result = null;
    $('why').hidden = true;
  }

  // `result`: {orders, audit, lines}
  show(result) {
    this.replay.stop();
    this.result = result;
    $('why').hidden = !result.orders.some((order) => order.trail?.length > 0);
    $('view').value = result.audit.collision ? 'collision' : 'run';
    if (!$('why').hidden)
      this.draw();
  }

  // On the projector there is room for two or three.
  isClose() {
    return $('view').value === 'collision' ||
      document.documentElement.dataset.stage !== undefined;
  }

  ordersInView() {
    if (this.isClose())
      return witnessesOf(this.result);
    const all = this.result.orders.filter((order) => order.trail?.length > 0)
      .sort((a, b) => a.trail[0].at_ns - b.trail[0].at_ns);
    const shown = all.slice(0, ORDERS_MOST);
    $('cut').textContent = all.length > shown.length
      ? t('runCut', { n: shown.length, all: all.length }) : '';
    return shown;
  }

  draw() {
    if (!this.result || $('why').hidden)
      return;
    this.replay.stop();
    $('cut').textContent = '';
    const { collision } = this.result.audit;
    const orders = this.ordersInView();
    const isClose = this.isClose();
    const story = makeStory(orders, isClose ? [] : this.result.lines);
    $('view').options[0].textContent = t(collision ? 'viewCollision'
      : orders.length > 1 ? 'viewPair' : 'viewOne');
    this.collision = collision && { ...collision,
      orders: witnessesOf(this.result) };
    this.fault = faultOf(story, this.collision);
    if (isClose)
      arrangeLanes(story, orders);
    else
      story.lanes.sort((a, b) => a.worker - b.worker || a.clerk - b.clerk);
    $('why-head').textContent = !isClose ? t('howRun')
      : collision ? t('howSold', { seat: collision.seat,
        first: nameOf(orders[0]), second: nameOf(orders.at(-1)) })
        : t(orders.length > 1 ? 'howPair' : 'howOne', { first: nameOf(orders[0]),
          second: nameOf(orders.at(-1)) });
    $('fault').hidden = this.fault === null && collision !== null;
    $('fault').textContent = this.fault?.text ?? this.fineWords();
    $('fault').className = collision ? 'fault-words' : 'fault-words fine';
    this.drawSteps(story);
    this.drawExplanation();
    $('stage').hidden = true;
    this.timeline.show(story, { fault: this.fault?.event ?? null,
      culprit: culpritOf(orders) });
    this.stepped();
  }

  fineWords() {
    const facts = this.locks.find((lock) =>
      lock.name === this.result.audit.lock);
    return t(facts?.checks_write ? 'fine.checks_write'
      : facts?.safe ? 'fine.holds' : 'fine.luck');
  }

  drawSteps(story) {
    $('steps').replaceChildren(...story.events.map((event, i) => make('li', {
      class: event === this.fault?.event ? 'bad' : false,
      onclick: () => {
        this.replay.stop();
        this.timeline.go(i + 1);
      } },
    make('span', {}, `${i + 1}.`),
    make('span', {}, timeOf(event, story.from)),
    make('span', {}, tell(event)))));
  }

  drawExplanation() {
    const { collision } = this;
    const { audit } = this.result;
    const safe = this.locks.filter((lock) => lock.safe);
    const again = (lock, words, main) => make('button', { type: 'button',
      class: main ? 'main' : false, 'data-cure': lock.name,
      title: tOr(`plain.${lock.name}`, lock.summary),
      onclick: () => this.onAgain(lock.name) },
    t(words, { lock: lock.name }));
    const parts = [];
    if (collision)
      parts.push(make('h3', {}, t('whyHead')), make('p', { id: 'why-words' },
        tellWhy(collision, this.locks)));
    if (audit.wrong || !safe.some((lock) => lock.name === audit.lock)) {
      safe.sort((a, b) => (b.name === 'mutex') - (a.name === 'mutex'));
      parts.push(make('h3', {}, t('cure')), make('p', {}, t('cureSay')),
        make('div', { class: 'cures' },
          ...safe.map((lock, i) => again(lock, 'cureAgain', i === 0))));
    } else {
      parts.push(make('div', { class: 'cures' },
        ...this.locks.filter((lock) => lock.name === 'none')
          .map((lock) => again(lock, 'backTo', false))));
    }
    if (collision?.again)
      parts.push(this.drawAgain(collision));
    parts.push(make('p', {}, make('small', {}, `${t('deeper')}: `,
      make('a', { href: `/sales/${audit.sale}/audit.txt`, target: '_blank',
        rel: 'noopener' }, t('auditText')))));
    $('explain').replaceChildren(...parts);
  }

  // The laboratory's command; and the order among all, if it is there.
  drawAgain({ again, schedule }) {
    const [, tickets] = /--tickets (\d+)/.exec(again) ?? [];
    const found = this.room.find(schedule, Number(tickets));
    return make('p', { id: 'again' }, `${t('again')} `, make('code', {},
      ...again.split(' ').flatMap((word, i) => [i > 0 ? ' ' : '',
        make('span', { class: 'option' }, word)])),
      found && make('br'), found && make('a', { href: `#orders=${found.link}`,
        onclick: (event) => {
          event.preventDefault();
          this.room.follow(found.link);
        } }, t('againRoom', found)));
  }

  // ------------------------------------------------------------- moving

  step(by) {
    this.replay.step(by);
  }

  // The words of the step, and its line in the list.
  stepped() {
    const { story, position } = this.timeline;
    const at = Math.floor(position);
    const partial = at < story.events.length;
    const last = at > 0 && partial ? story.events[at - 1] : null;
    const words = last ? `${t('stepOf', { i: at, n: story.events.length })}: ` +
      tell(last) : partial ? t('stepNone') : '';
    if ($('step-words').textContent !== words)
      $('step-words').textContent = words;
    [...$('steps').children].forEach((line, i) => {
      line.classList.toggle('now', partial && i === at - 1);
    });
    const now = $('steps').children[at - 1];
    if (partial && now) {
      const list = $('steps');
      list.scrollTop = Math.max(0, now.offsetTop - list.offsetTop -
        list.clientHeight / 2);
    }
  }

  toggleReplay() {
    if (this.replay.runs) {
      this.replay.stop();
      return;
    }
    if (!this.isClose()) {
      $('view').value = 'collision';
      this.draw();
    }
    $('replay').textContent = t('stop');
    $('stage').hidden = false;
    $('why').scrollIntoView({ block: 'start' });
    this.replay.start();
  }

  drawStage() {
    drawSeat($('stage-seat'), this.timeline);
  }

  replayed() {
    $('replay').textContent = t('replay');
  }
}
