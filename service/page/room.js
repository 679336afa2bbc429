// SPDX-License-Identifier: BSD-2-Clause
// Every order: predict how many are wrong, see all of them, open one, and
// watch where a strategy holds it up.

import { $, isCalm, make } from './dom.js';
import { listOf, t, tOr } from './i18n.js';
import { countOf, groupByEnd, loadOrders, ordersOf, stepsOf } from './orders.js';
import { Replay } from './replay.js';
import { writeFragment } from './settings.js';
import { makeStory } from './story.js';
import { tell } from './tell.js';
import { Timeline } from './timeline.js';
import { arrangeLanes } from './why.js';

const LOOKS = { read: 'looks', write: 'changes', bounce: 'changes',
  wait: 'held', over: 'held' };

// The letters of these steps, as they were done or not.
const drawLetters = (steps) => steps.filter(({ kind }) => kind in LOOKS)
  .map(({ who, kind }) => make('i', { class: `letter ${LOOKS[kind]}`,
    'data-buyer': who }, who));

// Those of the order itself, and those that were done.
const drawOrder = (order, run) => drawLetters(run.steps.filter(({ letter }) =>
  letter !== null && letter <= order.length));
const drawDone = (run) => drawLetters(run.steps.filter(({ kind }) =>
  LOOKS[kind] !== 'held'));

const spoken = (letters) => [...letters].join(' ');

const verdictOf = (run) => tOr(`verdict.${run.verdict}`, run.verdict);

export class Room {
  // `onLoad()` when it knows its orders.
  constructor(onLoad) {
    Object.assign(this, { onLoad, cases: [], case: null, lock: 'none',
      order: null, guesses: new Map(), nagged: false });
    this.timeline = new Timeline({ frame: $('orders-timeline'),
      labels: $('orders-labels'), scroller: $('orders-scroll'), untimed: true },
    () => this.stepped());
    this.replay = new Replay(this.timeline, () => {}, () => {
      $('orders-replay').textContent = t('replay');
    });
    $('orders-case').addEventListener('change', () => this.choose(
      this.cases[$('orders-case').selectedIndex]));
    $('orders-predict').addEventListener('submit', (event) => {
      event.preventDefault();
      this.predicted();
    });
    $('orders-groups').addEventListener('keydown', (event) => this.key(event));
    $('orders-told').addEventListener('keydown', (event) => {
      if (event.key === 'Escape')
        this.back();
    });
    $('orders-timeline').addEventListener('keydown', () => this.replay.stop());
    $('orders-back').addEventListener('click', () => this.back());
    $('orders-prev').addEventListener('click', () => this.step(-1));
    $('orders-next').addEventListener('click', () => this.step(1));
    $('orders-all').addEventListener('click', () => {
      this.replay.stop();
      this.timeline.go(this.timeline.story.events.length);
    });
    $('orders-replay').addEventListener('click', () => this.toggleReplay());
  }

  // `asked`: of the link, "2/1/ABBA/mutex" or the beginning of it; or null.
  async load(asked) {
    this.cases = await loadOrders();
    $('orders').hidden = this.cases.length === 0;
    if (this.cases.length === 0)
      return;
    [this.case] = this.cases;
    this.draw();
    this.onLoad();
    if (asked !== null)
      this.follow(asked);
  }

  follow(asked) {
    const [buyers, tickets, order, lock] = asked.split('/');
    const one = this.cases.find((known) => known.buyers === +buyers &&
      known.tickets === +tickets);
    if (one)
      this.choose(one);
    if (one?.locks.includes(lock))
      this.lock = lock;
    if (one?.orders.includes(order)) {
      this.guesses.set(one, this.guesses.get(one) ?? null);
      this.open(order);
    } else {
      this.show($('orders'), $('orders-head'));
    }
  }

  // Where a collision's order is here; null: nowhere.  A third ticket makes no
  // difference to two buyers.
  find(schedule, tickets) {
    const buyers = new Set(schedule).size;
    const one = this.cases.find((known) => known.buyers === buyers &&
      known.tickets === Math.min(tickets, 2) &&
      known.orders.includes(schedule));
    return one ? { tickets: one.tickets,
      link: `${buyers}/${one.tickets}/${schedule}` } : null;
  }

  // -------------------------------------------------------------- choosing

  choose(one) {
    this.replay.stop();
    Object.assign(this, { case: one, lock: 'none', order: null,
      nagged: false });
    $('orders-guess').value = '';
    this.draw();
  }

  predicted() {
    const guess = $('orders-guess').valueAsNumber;
    if (Number.isNaN(guess) && !this.nagged) {
      this.nagged = true;
      $('orders-first').textContent = t('ordersFirst');
      $('orders-guess').focus();
      return;
    }
    this.guesses.set(this.case, Number.isNaN(guess) ? null : guess);
    this.draw();
    // The form is gone, and readers go on from here.
    $('orders-result').focus({ preventScroll: true });
  }

  setLock(lock) {
    this.replay.stop();
    this.lock = lock;
    this.draw();
    this.keepLink();
  }

  keepLink() {
    const { buyers, tickets } = this.case;
    const parts = [buyers, tickets, ...this.order ? [this.order] : [],
      ...this.order && this.lock !== 'none' ? [this.lock] : []];
    writeFragment({ orders: parts.join('/') });
  }

  open(order) {
    this.replay.stop();
    this.order = order;
    this.draw();
    this.keepLink();
    this.show($('orders-told'), $('orders-told-head'));
  }

  // To the strip of the order that is shown.  On the projector there is room
  // for the picture or one order (style.css).
  back() {
    this.replay.stop();
    const { order } = this;
    if (document.documentElement.dataset.stage !== undefined) {
      this.order = null;
      this.draw();
    }
    const strip = this.strips().find((one) => one.dataset.order === order);
    if (strip)
      this.show(strip, strip, 'center');
  }

  show(section, focus, block = 'start') {
    section.scrollIntoView({ block, behavior: isCalm() ? 'auto' : 'smooth' });
    focus.focus({ preventScroll: true });
  }

  // --------------------------------------------------------------- drawing

  draw() {
    if (!this.case)
      return;
    const isPredicted = this.guesses.has(this.case);
    this.drawCases();
    $('orders-predict').hidden = isPredicted;
    $('orders-picture').hidden = !isPredicted;
    $('orders-told').hidden = this.order === null;
    $('orders-first').textContent = this.nagged ? t('ordersFirst') : '';
    $('orders-ask').textContent = t('ordersAsk',
      { n: this.case.orders.length, buyers: this.case.buyers });
    $('orders-guess').max = this.case.orders.length;
    if (!isPredicted)
      return;
    this.drawResult();
    this.drawLocks($('orders-locks'), 'orders-lock', (lock) => {
      const { wrong } = countOf(this.case, lock);
      return { wrong: wrong > 0, words: wrong > 0 ? `✗ ${wrong}` : '✓',
        label: t('ordersLock', { lock, wrong, n: this.case.orders.length }) };
    });
    this.drawGroups();
    if (this.order !== null)
      this.drawTold();
  }

  drawCases() {
    $('orders-case').replaceChildren(...this.cases.map((one) => make('option',
      { selected: one === this.case }, t('ordersCase', one))));
  }

  drawResult() {
    const { n, wrong } = countOf(this.case, 'none');
    const guess = this.guesses.get(this.case);
    $('orders-result').textContent = t(guess === null ? 'ordersIs'
      : guess === wrong ? 'ordersRight' : 'ordersNot', { n, wrong, guess });
  }

  // Radio buttons, with a mark each.  Who had the focus keeps it.
  drawLocks(place, name, markOf) {
    const hadFocus = place.contains(document.activeElement);
    place.replaceChildren(...this.case.locks.map((lock) => {
      const { wrong, words, label } = markOf(lock);
      return make('label', { class: 'chip', title: tOr(`plain.${lock}`, '') },
        make('input', { type: 'radio', name, value: lock, 'aria-label': label,
          checked: lock === this.lock, onchange: () => this.setLock(lock) }),
        make('b', {}, lock), make('span', { class: wrong ? 'bad-mark'
          : 'good-mark', 'aria-hidden': 'true' }, words));
    }));
    if (hadFocus)
      place.querySelector(':checked').focus({ preventScroll: true });
  }

  drawGroups() {
    const { lock } = this;
    const counts = countOf(this.case, lock);
    $('orders-sum').textContent = [t(counts.wrong > 0 ? 'ordersSum'
      : 'ordersSumRight', counts),
      ...counts.held > 0 ? [t('ordersHeld', counts)] : [],
      ...counts.bounced > 0 ? [t('ordersBounced', counts)] : []].join(' ');
    $('orders-held-key').hidden = counts.held === 0;
    const groups = groupByEnd(this.case, lock);
    const hadFocus = $('orders-groups').contains(document.activeElement);
    $('orders-groups').dataset.buyers = this.case.buyers;
    $('orders-groups').replaceChildren(...groups.map((group) =>
      this.drawGroup(group)));
    const strips = this.strips();
    const at = strips.find((one) => one.dataset.order === this.order) ??
      strips[0];
    at.tabIndex = 0;
    if (hadFocus)
      at.focus({ preventScroll: true });
  }

  drawGroup({ run, orders }) {
    const doubled = (seat) => run.end.filter((one) =>
      one.seat === seat).length > 1;
    const chips = run.end.map(({ who, seat, base }) => make('span',
      { class: 'has' }, make('i', { class: 'letter', 'data-buyer': who }, who),
      make('b', { class: seat !== null && doubled(seat) ? 'double' : false },
        seat === null ? '–' : String(seat)),
      make('small', {}, `v${base}`)));
    const words = run.end.map(({ who, seat }) => t(seat === null
      ? 'ordersRefused' : 'ordersHas', { who, seat })).join(t('comma'));
    return make('div', { class: `end ${run.wrong ? 'wrong' : 'right'}`,
      role: 'group', 'aria-label': `${verdictOf(run)}: ${words}` },
    make('p', { 'aria-hidden': 'true', title: words }, ...chips),
    ...orders.map((order) => this.drawStrip(order)));
  }

  drawStrip(order) {
    const run = this.case.run(order, this.lock);
    const become = run.done === order ? '' : t('ordersBecomes',
      { order: spoken(order), done: spoken(run.done) });
    return make('button', { type: 'button', class: `strip ${run.wrong ? 'wrong'
      : 'right'}`, tabindex: -1, 'data-order': order,
    'aria-current': order === this.order ? 'true' : null,
    'aria-label': `${spoken(order)}: ${verdictOf(run)}. ${become}`,
    onclick: () => this.open(order) }, ...drawOrder(order, run),
    make('span', { class: run.wrong ? 'bad-mark' : 'good-mark' },
      run.wrong ? '✗' : '✓'));
  }

  // ------------------------------------------------------------- the grid

  strips() {
    return [...$('orders-groups').querySelectorAll('.strip')];
  }

  // The nearest strip that way, as it is on the screen.
  nearest(from, right, down) {
    const a = from.getBoundingClientRect();
    let best = null, least = Infinity;
    for (const strip of this.strips()) {
      const b = strip.getBoundingClientRect();
      const x = b.left - a.left, y = b.top - a.top;
      const ahead = x * right + y * down;
      const far = ahead + 4 * Math.abs(x * down + y * right);
      if (ahead > 4 && far < least)
        [best, least] = [strip, far];
    }
    return best;
  }

  key(event) {
    const strips = this.strips(), from = document.activeElement;
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1],
      ArrowUp: [0, -1] }[event.key];
    const to = way && strips.includes(from) ? this.nearest(from, ...way)
      : { Home: strips[0], End: strips.at(-1) }[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey ||
        (!way && to === undefined))
      return;
    event.preventDefault();
    if (!to)
      return;
    from.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  }

  // ------------------------------------------------------------- one order

  drawTold() {
    const { lock, order } = this;
    const run = this.case.run(order, lock);
    this.drawLocks($('told-locks'), 'told-lock', (one) => {
      const its = this.case.run(order, one);
      return { wrong: its.wrong, words: its.wrong ? '✗' : '✓',
        label: `${one}: ${verdictOf(its)}` };
    });
    $('orders-told-head').replaceChildren(make('span', { class: 'strip-large' },
      ...drawOrder(order, run)), t('ordersTold', { lock }));
    $('orders-told-head').setAttribute('aria-label', spoken(order) +
      t('ordersTold', { lock }));
    this.drawVerdict(run);
    this.drawHeld(run);
    const orders = ordersOf(run, lock);
    const story = makeStory(orders);
    arrangeLanes(story, orders);
    this.drawSteps(run, story);
    this.timeline.show(story, { fault: null, culprit: null });
    this.stepped();
  }

  drawVerdict(run) {
    const sold = run.end.filter(({ seat }) => seat !== null).length;
    const says = [t('ordersSold', { sold, tickets: this.case.tickets })];
    for (let seat = 1; seat <= this.case.tickets; seat++) {
      const names = run.end.filter((one) => one.seat === seat)
        .map(({ who }) => who);
      if (names.length > 1)
        says.push(`${t('seatTwice', { seat, n: names.length,
          names: listOf(names) })}${t('period')}`);
    }
    $('orders-verdict').className = `verdict ${run.wrong ? 'wrong' : 'right'}`;
    $('orders-verdict').replaceChildren(make('b', {}, verdictOf(run)),
      says.join(' '));
  }

  drawHeld(run) {
    const parts = [];
    const told = new Set();
    for (const { who, letter, holder } of run.held)
      if (!told.has(who)) {
        told.add(who);
        parts.push(make('span', {}, this.waitWords({ who, letter, holder })));
      }
    if (run.done !== this.order)
      parts.push(make('span', {}, t('ordersThen'), make('span',
        { class: 'strip-large', role: 'img', 'aria-label': spoken(run.done) },
        ...drawDone(run))));
    else
      parts.push(make('span', {}, t('ordersFollowed')));
    $('orders-held').replaceChildren(...parts);
  }

  waitWords({ who, letter, holder }) {
    return t(holder ? 'ordersWait' : 'ordersWaitOnly', { i: letter, who,
      holder });
  }

  drawSteps(run, story) {
    $('orders-steps').replaceChildren(...story.events.map((event, i) => {
      const steps = stepsOf(run, event);
      const words = event.type === 'wait'
        ? steps.map((step) => make('div', {}, this.waitWords(step)))
        : [tell(event)];
      return make('li', { onclick: () => {
        this.replay.stop();
        this.timeline.go(i + 1);
      } }, make('span', {}, `${i + 1}.`), make('span', {}, ...drawLetters(steps)),
      make('span', {}, ...words));
    }));
  }

  // ---------------------------------------------------------------- moving

  step(by) {
    this.replay.step(by);
  }

  stepped() {
    const { story, position } = this.timeline;
    const at = Math.floor(position), n = story.events.length;
    this.drawSeats();
    [...$('orders-steps').children].forEach((line, i) => {
      line.classList.toggle('now', at < n && i === at - 1);
    });
  }

  // Who has which seat so far.
  drawSeats() {
    const { story, position } = this.timeline;
    const sold = story.turns.filter((turn) => turn.result === 'sold' &&
      position >= turn.endColumn + 1)
      .sort((a, b) => a.endColumn - b.endColumn);
    $('orders-seats').replaceChildren(...Array.from(
      { length: this.case.tickets }, (_, i) => {
        const owners = sold.filter((turn) => turn.seats.includes(i + 1))
          .map((turn) => turn.orders[0].buyer);
        return make('i', { class: `seat ${['free', 'sold'][owners.length] ??
          'twice'}` }, [t('seatOne', { seat: i + 1 }).trim(), ...owners]
          .join(' · '));
      }));
  }

  toggleReplay() {
    if (this.replay.runs) {
      this.replay.stop();
      return;
    }
    $('orders-replay').textContent = t('stop');
    this.replay.start();
  }
}
