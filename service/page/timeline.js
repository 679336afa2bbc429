// SPDX-License-Identifier: BSD-2-Clause
// The timeline, drawn from a story at a position: 0 is before the first event,
// i + 1 just after event i, and between them the number is on its way.  The
// picture is a function of (story, axis, position), so stepping and replay are
// the same drawing.

import { make, makeSvg as svg, milliseconds } from './dom.js';
import { t } from './i18n.js';
import { nameOf, tell } from './tell.js';
import { counterTrack } from './story.js';

const LANE = 58, COUNTER = 50, GAP = 12, WIDE_GAP = 34, HEAD = 22, FOOT = 20;
const TRAVEL_FROM = 0.45; // of the way from one event to the next

const ruler = document.createElement('canvas').getContext('2d');

// How wide words are drawn.
function widthOf(words, size) {
  const { fontFamily } = getComputedStyle(document.documentElement);
  ruler.font = `${size}px ${fontFamily}`;
  return ruler.measureText(words).width;
}

const clamp = (x, least = 0, most = 1) => Math.min(most, Math.max(least, x));

export class Timeline {
  // `labels` and `scroller` are the two halves of the picture.  One that is
  // `narrow` stands beside another; it says no times, as `untimed` does.
  constructor({ frame, labels, scroller, narrow = false, untimed = narrow },
    onStep) {
    Object.assign(this, { frame, labels, scroller, narrow, untimed, onStep });
    // A document has one of each id.
    this.ref = (name) => `${name}-${frame.id}`;
    this.axis = 'order';
    this.position = 0;
    this.story = null;
    frame.addEventListener('keydown', (event) => this.key(event));
    new ResizeObserver(() => this.resized()).observe(scroller);
  }

  // `marks`: {fault: event or null, culprit: order id or null}
  show(story, marks) {
    this.story = story;
    this.marks = marks;
    this.position = story.events.length;
    this.track = counterTrack(story);
    this.scroller.scrollLeft = 0;
    this.layout();
    this.draw();
  }

  setAxis(axis) {
    this.axis = axis;
    if (this.story) {
      this.layout();
      this.draw();
    }
  }

  resized() {
    if (this.story && this.scroller.clientWidth !== this.available) {
      this.layout();
      this.draw();
    }
  }

  // ------------------------------------------------------------ stepping

  key(event) {
    if (!this.story || event.altKey || event.ctrlKey || event.metaKey)
      return;
    const to = { ArrowRight: Math.floor(this.position) + 1,
      ArrowLeft: Math.ceil(this.position) - 1, Home: 0,
      End: this.story.events.length }[event.key];
    if (to === undefined)
      return;
    event.preventDefault();
    this.go(to);
  }

  go(position) {
    this.position = clamp(position, 0, this.story.events.length);
    this.draw();
    this.follow();
    this.onStep(this.position);
  }

  // Keep what happens in sight.
  follow() {
    const x = this.now();
    const { scrollLeft, clientWidth } = this.scroller;
    if (this.position < this.story.events.length &&
        (x < scrollLeft + 60 || x > scrollLeft + clientWidth - 60))
      this.scroller.scrollLeft = x - clientWidth / 2;
  }

  // -------------------------------------------------------------- layout

  layout() {
    const { story } = this;
    const n = story.events.length;
    this.measure();
    const s = this.scale;
    this.available = this.scroller.clientWidth;
    const tail = this.tail();
    this.column = clamp((this.available - tail) / Math.max(1, n),
      this.leastColumn(), 200 * s);
    this.width = this.axis === 'order' ? Math.max(1, n) * this.column + tail
      : Math.max(this.available, 640 * s);
    this.width = Math.max(this.width, this.available);

    const above = Math.ceil(story.lanes.length / 2);
    let y = HEAD * s;
    this.y = new Map();
    story.lanes.forEach((lane, i) => {
      if (i === above)
        y = this.placeCounter(y);
      this.y.set(lane.id, y);
      y += (LANE + GAP) * s;
    });
    if (story.lanes.length <= above)
      y = this.placeCounter(y);
    this.height = y + FOOT * s;
    this.drawLabels();
  }

  // What is written behind the last step: a refusal's words, or the number that
  // the counter then holds.
  tail() {
    const s = this.scale;
    const words = this.story.events.at(-1)?.type !== 'read' ? 0
      : this.narrow ? 36 * s : 60 * s;
    const digits = String(this.track.at(-1)?.value ?? '').length;
    const value = 14 * s + 0.62 * this.sizeOf(26) * digits;
    return Math.max(words, value - this.leastColumn() / 2);
  }

  // On the projector nothing is written smaller than a fortieth of the screen,
  // and the whole height of the picture fits.
  measure() {
    const root = document.documentElement;
    this.scale = parseFloat(getComputedStyle(root).fontSize) / 16;
    this.leastText = 0;
    if (root.dataset.stage === undefined)
      return;
    this.leastText = innerHeight / 39;
    const rows = Math.max(2, this.story.lanes.length);
    const height = HEAD + FOOT + COUNTER + 2 * WIDE_GAP + rows * (LANE + GAP);
    this.scale = Math.min(this.scale, 0.56 * innerHeight / height);
  }

  sizeOf(size) {
    return Math.max(size * this.scale, this.leastText);
  }

  // On the projector: whole milliseconds, or how long after the step before.
  timeWords({ key, column }) {
    const { events, from } = this.story;
    if (this.leastText === 0)
      return milliseconds(key - from);
    const gap = key - events[column - 1]?.key;
    return gap < 1e6 ? `+${(gap / 1e3).toFixed(0)} µs`
      : `${((key - from) / 1e6).toFixed(0)} ms`;
  }

  // No time may run into the next one.
  leastColumn() {
    const { events } = this.story;
    if (this.narrow)
      return 44 * this.scale;
    if (this.untimed)
      return 62 * this.scale;
    const longest = Math.max(...events.map((event) =>
      widthOf(this.timeWords(event), this.sizeOf(11))));
    const least = events.length < 6 || this.leastText > 0 ? 62 : 84;
    return Math.max(least * this.scale, longest + 0.6 * this.sizeOf(11));
  }

  placeCounter(y) {
    const s = this.scale;
    this.counterTop = y + (WIDE_GAP - GAP) * s;
    this.counterBottom = this.counterTop + COUNTER * s;
    return this.counterBottom + WIDE_GAP * s;
  }

  // Where an event is on the axis.
  x(event) {
    if (this.axis === 'order')
      return (event.column + 0.5) * this.column;
    const { from, to } = this.story;
    const pad = 50 * this.scale;
    return pad + (event.key - from) / (to - from) * (this.width - 2 * pad);
  }

  xOfColumn(column) {
    return column >= this.story.events.length ? this.width
      : this.x(this.story.events[column]);
  }

  // Where the position is.
  now() {
    const i = Math.floor(this.position);
    const { events } = this.story;
    if (i >= events.length)
      return this.width;
    const before = i === 0 ? 0 : this.x(events[i - 1]);
    const way = clamp((this.position - i) / TRAVEL_FROM);
    return before + (this.x(events[i]) - before) * way;
  }

  // How far an event's number has travelled.
  travelled(event) {
    return clamp((this.position - event.column - TRAVEL_FROM) /
      (1 - TRAVEL_FROM));
  }

  // Only one buyer's?  Then the lane bears the name, else each box does.
  isOnes(id) {
    return this.story.lanes.find((lane) => lane.id === id).buyers.size === 1;
  }

  named(lane, orders, words) {
    const name = this.isOnes(lane) ? null : nameOf(orders[0]);
    return [name, words].filter((part) => part).join(' · ');
  }

  drawLabels() {
    const lanes = this.story.lanes.map((lane) => {
      const clerk = this.untimed ? '' : lane.clerk ? t('clerkLane', lane)
        : t('laneRefused');
      const [buyer] = lane.buyers;
      const label = make('div', { class: 'lane-label',
        'data-buyer': buyer }, ...this.isOnes(lane.id)
        ? [make('b', {}, nameOf({ buyer })), make('span', {}, clerk)]
        : [make('b', {}, clerk)]);
      label.style.top = `${this.y.get(lane.id)}px`;
      label.style.height = `${LANE * this.scale}px`;
      return label;
    });
    const counter = make('div', { class: 'lane-label counter-label' },
      make('b', {}, t('counter')));
    counter.style.top = `${this.counterTop}px`;
    counter.style.height = `${COUNTER * this.scale}px`;
    this.labels.replaceChildren(...lanes, counter);
    this.labels.style.height = `${this.height}px`;
  }

  // ------------------------------------------------------------- drawing

  text(x, y, words, attributes = {}) {
    const size = this.sizeOf(attributes.size ?? 12);
    delete attributes.size;
    return svg('text', { x, y, 'font-size': size, 'text-anchor': 'middle',
      ...attributes }, words);
  }

  draw() {
    const { story } = this;
    const picture = svg('svg', { width: this.width, height: this.height,
      viewBox: `0 0 ${this.width} ${this.height}`, 'aria-hidden': 'true' });
    picture.append(this.patterns());
    for (const lane of story.lanes)
      picture.append(this.laneBand(lane));
    picture.append(...this.faultMark(), ...this.axisMarks(),
      ...this.counterBand());
    picture.append(...this.cursor());
    for (const wait of story.waits)
      picture.append(...this.waiting(wait));
    for (const hold of story.holds)
      picture.append(...this.holding(hold));
    for (const turn of story.turns)
      picture.append(...this.box(turn), ...this.writing(turn));
    for (const event of story.events)
      picture.append(...this.arrow(event));
    picture.append(...this.hits());
    this.scroller.replaceChildren(picture);
    this.describe();
  }

  describe() {
    const at = Math.floor(this.position);
    const { events } = this.story;
    const words = at === 0 ? t('stepNone')
      : `${t('stepOf', { i: at, n: events.length })}: ${tell(events[at - 1])}`;
    this.frame.setAttribute('aria-valuemax', events.length);
    this.frame.setAttribute('aria-valuenow', at);
    this.frame.setAttribute('aria-valuetext', words);
  }

  patterns() {
    const hatch = svg('pattern', { id: this.ref('hatch'), width: 8, height: 8,
      patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' },
    svg('rect', { width: 8, height: 8, class: 'hatch-back' }),
    svg('rect', { width: 3, height: 8, class: 'hatch-line' }));
    const head = (id) => svg('marker', { id: this.ref(id), viewBox: '0 0 10 10', refX: 9,
      refY: 5, markerWidth: 7, markerHeight: 7, orient: 'auto-start-reverse' },
    svg('path', { d: 'M0 0L10 5L0 10z', class: id }));
    return svg('defs', {}, hatch, head('head'), head('head-bad'));
  }

  laneBand(lane) {
    const y = this.y.get(lane.id);
    return svg('rect', { x: 0, y, width: this.width, height: LANE * this.scale,
      class: 'lane' });
  }

  counterBand() {
    const s = this.scale, height = COUNTER * s, middle = this.counterTop +
      height / 2;
    const now = this.now();
    const parts = [svg('rect', { x: 0, y: this.counterTop, width: this.width,
      height, class: 'counter' })];
    this.track.forEach((point, i) => {
      const event = this.story.events[point.column];
      const first = i === 0;
      if (!first && this.travelled(event) < 1)
        return;
      const from = first ? 0 : this.x(event);
      const next = this.track[i + 1];
      let to = next ? this.xOfColumn(next.column) : this.width;
      if (next && this.travelled(this.story.events[next.column]) < 1)
        to = this.width;
      parts.push(svg('rect', { x: from, y: this.counterTop,
        width: Math.max(0, to - from), height,
        class: `counter-part${i % 2 ? ' odd' : ''}` }));
      if (!first)
        parts.push(svg('line', { x1: from, x2: from, y1: this.counterTop,
          y2: this.counterTop + height,
          class: point.lost ? 'counter-edge lost' : 'counter-edge' }));
      if (to - from > 20 * s)
        parts.push(this.text(from + 10 * s, middle + 9 * s, point.value,
          { size: 26, class: 'counter-value', 'text-anchor': 'start' }));
    });
    if (now < this.width)
      parts.push(svg('rect', { x: now, y: this.counterTop,
        width: this.width - now, height, class: 'not-yet' }));
    return parts;
  }

  axisMarks() {
    const s = this.scale, marks = [], { events, from, to } = this.story;
    const foot = this.height - 6 * s;
    if (this.axis === 'time') {
      const apart = Math.max(130 * s, 7 * this.sizeOf(12));
      const step = niceStep((to - from) / Math.max(2, this.width / apart));
      for (let at = 0; at <= to - from; at += step) {
        const x = this.x({ key: from + at });
        marks.push(svg('line', { x1: x, x2: x, y1: HEAD * s, y2: foot - 12 * s,
          class: 'tick' }), this.text(x, foot, shortTime(at), { class: 'dim' }));
      }
      return marks;
    }
    for (const event of events) {
      const x = this.x(event);
      const bad = event === this.marks.fault;
      marks.push(svg('line', { x1: x, x2: x, y1: HEAD * s, y2: foot - 12 * s,
        class: 'tick' }));
      marks.push(this.text(x, 15 * s, event.column + 1,
        { class: bad ? 'step-number bad' : 'step-number', size: 13 }));
      if (!this.untimed)
        marks.push(this.text(x, foot, this.timeWords(event),
          { class: 'dim', size: 11 }));
    }
    return marks;
  }

  // The column of the step at which it went wrong.
  faultMark() {
    const { fault } = this.marks;
    if (!fault || this.axis !== 'order')
      return [];
    return [svg('rect', { x: this.x(fault) - this.column / 2, y: 0,
      width: this.column, height: this.height, class: 'fault' })];
  }

  // A click on a column goes there.
  hits() {
    if (this.axis !== 'order')
      return [];
    return this.story.events.map((event) => svg('rect', { class: 'hit', y: 0,
      x: this.x(event) - this.column / 2, width: this.column,
      height: this.height, onclick: () => this.go(event.column + 1) }));
  }

  waiting(wait) {
    const s = this.scale, y = this.y.get(wait.lane);
    const from = this.xOfColumn(wait.column);
    const to = Math.min(this.xOfColumn(wait.endColumn), this.now());
    if (this.position < wait.column + 1 || to - from < 1)
      return [];
    const parts = [svg('rect', { x: from, y: y + 18 * s, width: to - from,
      height: 24 * s, fill: `url(#${this.ref('hatch')})`, class: 'wait' })];
    const words = this.named(wait.lane, [wait.order], t('waits'));
    if (to - from > widthOf(words, this.sizeOf(11)) + 4 * s)
      parts.push(this.text(from + 4 * s, y + 13 * s, words,
        { class: 'dim', 'text-anchor': 'start', size: 11 }));
    return parts;
  }

  holding(hold) {
    const s = this.scale, y = this.y.get(hold.lane);
    const from = this.xOfColumn(hold.column);
    const to = Math.min(this.xOfColumn(hold.endColumn), this.now());
    if (this.position < hold.column + 1)
      return [];
    const parts = [svg('rect', { x: from, y: y + (LANE - 7) * s,
      width: Math.max(6 * s, to - from), height: 5 * s, class: 'hold' })];
    // The next column has an arrow's head, and maybe words.
    const words = [t('hasLock'), t('lockShort')].find((one) => this.column >
      widthOf(one, this.sizeOf(11)) + 8 * s);
    if (this.axis === 'order' && words)
      parts.push(this.text(from + 2 * s, y + 13 * s, words,
        { class: 'dim', 'text-anchor': 'start', size: 11 }));
    return parts;
  }

  isRead(turn) {
    return this.travelled(this.story.events[turn.readColumn]) === 1;
  }

  boxClass(turn) {
    if (turn.result === 'bounced' || turn.result === 'moved')
      return 'box refused';
    if (this.marks.culprit &&
        turn.orders.some((order) => order.order === this.marks.culprit))
      return 'box late';
    return turn.twins.some((twin) => this.isRead(twin)) ? 'box twin' : 'box';
  }

  box(turn) {
    const s = this.scale, y = this.y.get(turn.lane) + 17 * s;
    if (!this.isRead(turn))
      return [];
    const from = this.x(this.story.events[turn.readColumn]);
    const height = (LANE - 27) * s;
    const badge = 23 * s + 0.62 * this.sizeOf(18) *
      String(turn.remaining).length;
    const small = this.axis === 'time' && turn.endColumn === undefined;
    const end = turn.endColumn === undefined ? from
      : Math.min(this.xOfColumn(turn.endColumn), this.now());
    const width = small ? 16 * s : Math.max(badge, end - from);
    const kind = turn.endColumn === undefined ? 'box refused' :
      this.boxClass(turn);
    const parts = [svg('rect', { x: from, y, width, height, rx: 5 * s,
      class: kind })];
    if (!small)
      parts.push(this.text(from + badge / 2, y + 22 * s, turn.remaining,
        { size: 18, class: 'box-value' }));
    if (turn.endColumn === undefined && !small && !this.narrow)
      parts.push(this.text(from + badge + 4 * s, y + 20 * s, t('soldOut'),
        { size: 11, class: 'dim', 'text-anchor': 'start' }));
    const label = this.named(turn.lane, turn.orders, this.boxLabel(kind));
    const full = turn.endColumn === undefined ? this.column
      : this.xOfColumn(turn.endColumn) - from;
    if (!this.untimed && width > badge + 5 * this.sizeOf(11) &&
        turn.writeAt !== null &&
        this.position > turn.endColumn + TRAVEL_FROM)
      parts.push(this.text(from + width - 6 * s, y + 20 * s,
        shortTime(turn.writeAt - turn.readAt),
        { size: 11, class: 'dim', 'text-anchor': 'end' }));
    if (label && full > label.length * 0.5 * this.sizeOf(11) + 9 * s)
      parts.push(this.text(from + 9 * s, y - 5 * s, label, { size: 11,
        class: kind.includes('twin') ? 'twin-label'
          : kind.includes('late') ? 'late-label' : 'dim',
        'text-anchor': 'start' }));
    return parts;
  }

  // On the axis of time: the write, from its beginning until it was seen.
  writing(turn) {
    if (this.axis !== 'time' || turn.result !== 'sold' ||
        this.position < turn.endColumn + 1)
      return [];
    const { clerk, counter } = this.ends(turn.lane);
    const from = this.x({ key: turn.writeAt }), to = this.x({ key: turn.writeKey });
    return [svg('rect', { x: from, y: Math.min(clerk, counter),
      width: Math.max(2, to - from), height: Math.abs(counter - clerk),
      class: 'writing' })];
  }

  boxLabel(kind) {
    if (kind.includes('twin'))
      return t('sameNumber');
    return kind.includes('late') ? t('lateWrite') : null;
  }

  // The counter's edge, and the lane's, that face each other.
  ends(lane) {
    const s = this.scale, y = this.y.get(lane);
    return y < this.counterTop
      ? { counter: this.counterTop, clerk: y + (LANE - 10) * s, way: -1 }
      : { counter: this.counterBottom, clerk: y + 17 * s, way: 1 };
  }

  arrow(event) {
    if (event.type === 'change')
      return this.changeMark(event);
    if (!['read', 'write', 'bounce'].includes(event.type))
      return [];
    const done = this.travelled(event);
    if (done === 0)
      return [];
    const s = this.scale, x = this.x(event), e = this.ends(event.lane);
    const reads = event.type === 'read';
    const [from, to] = reads ? [e.counter, e.clerk] : [e.clerk, e.counter];
    const value = reads ? event.turn.remaining : event.turn.writes;
    const bad = event.type === 'bounce' || event.turn.lost.length > 0;
    const tip = from + (to - from) * done;
    const rest = e.counter + e.way * WIDE_GAP * s / 2;
    const parts = [svg('line', { x1: x, x2: x, y1: from, y2: tip,
      class: `arrow ${reads ? 'read' : event.type === 'bounce' ? 'bounce'
        : bad ? 'bad' : 'write'}`,
      'marker-end': `url(#${this.ref(bad && !reads ? 'head-bad' : 'head')})` })];
    const y = done < 1 ? tip : rest;
    const round = Math.max(11 * s, 0.62 * this.sizeOf(14));
    const wide = Math.max(round, String(value).length * 0.32 *
      this.sizeOf(14) + 5 * s);
    if (this.axis === 'order' || done < 1)
      parts.push(svg('rect', { x: x - wide, y: y - round, width: 2 * wide,
        height: 2 * round, rx: round,
        class: reads ? 'number read' : bad ? 'number bad' : 'number write' }),
      this.text(x, y + 5 * s, value, { size: 14, class: 'number-value' }));
    if (event.type === 'bounce' && done === 1)
      parts.push(...this.bounceMark(x, e));
    return parts;
  }

  // The write comes back from the counter, with a cross.
  bounceMark(x, e) {
    const s = this.scale, y = e.counter, w = e.way, c = 5 * s;
    return [
      svg('path', { d: `M${x} ${y}q${27 * s} ${-w * 4 * s} ${27 * s} ${w * 31 * s}`,
        class: 'arrow bounce', fill: 'none', 'marker-end': `url(#${this.ref('head-bad')})` }),
      svg('path', { class: 'cross', d: `M${x - c} ${y - c}L${x + c} ${y + c}` +
        `M${x + c} ${y - c}L${x - c} ${y + c}` }),
    ];
  }

  changeMark(event) {
    if (this.position < event.column + 1)
      return [];
    const s = this.scale, x = this.x(event), { from, to } = event.effect;
    return [svg('line', { x1: x, x2: x, y1: HEAD * s, y2: this.height - FOOT * s,
      class: 'change' }),
    this.text(x, this.counterTop - 10 * s, from === undefined ? to
      : t('lockTo', { from, to }), { class: 'change-label', size: 13 })];
  }

  cursor() {
    if (this.position >= this.story.events.length)
      return [];
    const x = Math.max(1, this.now());
    return [svg('line', { x1: x, x2: x, y1: 0, y2: this.height,
      class: 'cursor' })];
  }
}

function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return [1, 2, 5, 10].find((k) => k * power >= least) * power;
}

export function shortTime(ns) {
  if (ns >= 1e9)
    return `${+(ns / 1e9).toFixed(2)} s`;
  if (ns >= 1e6)
    return `${+(ns / 1e6).toFixed(ns >= 1e7 ? 0 : 1)} ms`;
  return `${+(ns / 1e3).toFixed(0)} µs`;
}

