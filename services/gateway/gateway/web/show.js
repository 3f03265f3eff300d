// Put one picture on the page; every number that is too old is grey and says how old it is.

import { draw, Line } from "/web/chart.js";
import { amount, kindOf, units } from "/web/kinds.js";

const LADDER_LEVELS_MAX = 6;
export const byId = (id) => document.getElementById(id);
const lines = new Map();
const cards = new Map();

const money = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: "exceptZero" });
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const digits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Show the whole picture; `acts` holds what a person may do. */
export function showPicture(picture, acts) {
  showProvenance(picture.provenance);
  showServices(picture);
  showHalts(picture.halts, acts);
  showFigures(picture);
  showBots(picture.bots, acts);
  showMarkets(picture);
  showFills(picture);
  showAlerts(picture.alerts);
  showAdjustments(picture.adjustments, acts);
  showVenues(picture);
}

/** Take the past of the charts, so that a page just opened shows the whole life of a market. */
export function takeCharts(charts) {
  lines.clear();
  for (const line of charts) lines.set(keyOf(line), new Line(line.points));
}

function keyOf(row) {
  return `${row.algo_id}\n${row.venue}\n${row.symbol}`;
}

export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}

function age(ms) {
  if (ms === null || ms === undefined) return "never";
  if (ms < 1_000) return `${ms} ms`;
  return ms < 120_000 ? `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s` : `${Math.round(ms / 60_000)} min`;
}

function cash(value) {
  return value === null || value === undefined ? "–" : money.format(Math.abs(value) < 0.005 ? 0 : value);
}

function tone(value) {
  return value > 0.005 ? "up" : value < -0.005 ? "down" : "";
}

function dayOf(ns) {
  return new Date(ns / 1e6).toISOString().slice(0, 10);
}

function timeOf(ns) {
  return new Date(ns / 1e6).toISOString().slice(11, 19);
}

/** Say everywhere whether this is play money and whose prices these are: nobody must take a model for the market. */
function showProvenance({ money, label }) {
  const chip = byId("provenance");
  chip.textContent = label;
  chip.className = `chip ${money === "real" ? "down" : money === "paper" ? "ready" : "unknown"}`;
  document.title = `${label} – Market maker`;
}

function showServices({ services }) {
  const chips = Object.entries(services).map(([name, service]) => {
    const chip = make("span", `chip ${service.state}`, service.state === "ready" ? name : `${name}: ${service.state}`);
    chip.title = [...service.faults, `answered ${age(service.age_ms)} ago`].join("\n");
    return chip;
  });
  byId("services").replaceChildren(...chips);
}

function showHalts(halts, acts) {
  const banner = byId("halts");
  banner.hidden = halts.length === 0;
  // Rebuilt only when something changed: a button must not vanish between press and release.
  const now = JSON.stringify([halts, acts.mayLift]);
  if (banner.dataset.shown === now) return;
  banner.dataset.shown = now;
  banner.replaceChildren(
    ...halts.map((halt) => {
      const row = make("div");
      const kept = halt.keep_resting ? " · keeps resting orders" : "";
      row.append(make("b", "", `HALTED ${halt.scope}`), make("span", "", `${halt.reason} · ${halt.actor} · ${timeOf(halt.since_ns)} ${halt.detail}${kept}`));
      if (acts.mayLift) {
        const button = make("button", "small", "Lift");
        button.addEventListener("click", () => acts.lift(halt));
        row.append(button);
      }
      for (const account of halt.accounts) row.append(make("span", "outcome", `${account.account}: ${account.said}`));
      return row;
    }),
  );
}

function showFigures({ bots, markets, risk, accounts }) {
  const sum = (name) => {
    // A bot nobody has heard a position of has earned nothing, unless it runs: then the sum is not known.
    const values = bots.filter((bot) => bot.pnl || bot.configured_running).map((bot) => bot.pnl?.[name]);
    return values.length && values.every((value) => typeof value === "number") ? values.reduce((a, b) => a + b, 0) : null;
  };
  const unknownOf = (name) => bots.filter((bot) => (bot.pnl || bot.configured_running) && typeof bot.pnl?.[name] !== "number");
  const stale = bots.some((bot) => bot.pnl?.stale) || risk.some((shard) => shard.stale) || risk.length === 0;
  const resting = markets.reduce((count, row) => count + row.resting.orders, 0);
  const unknown = markets.reduce((count, row) => count + row.resting.unknown, 0);
  const quoting = markets.filter((row) => row.state === "quoting").length;
  const figures = [
    ["P&L today", cash(sum("daily")), tone(sum("daily")), stale, unknownOf("daily")],
    ["P&L realised", cash(sum("realized")), tone(sum("realized")), stale, unknownOf("realized")],
    ["P&L unrealised", cash(sum("unrealized")), tone(sum("unrealized")), stale, unknownOf("unrealized")],
    ["Fees and rebates", cash(sum("fees") === null ? null : -sum("fees")), "", stale, unknownOf("fees")],
    ["Markets quoted", `${quoting} of ${markets.length}`, "", false],
    ["Resting orders", unknown ? `${resting} (${unknown} unknown)` : `${resting}`, unknown ? "down" : "", false],
    ...accounts.map((account) => [`Cash ${account.account}`, `${plain.format(Number(account.cash_total))} ${account.currency}`, "", account.stale]),
  ];
  byId("figures").replaceChildren(
    ...figures.map(([label, value, className, old, unknownBots = []]) => {
      const box = make("div", old ? "stale" : "");
      box.append(make("small", "", label), make("b", className, value));
      if (unknownBots.length) {
        box.append(make("small", "", `unknown of ${unknownBots.map((bot) => bot.algo_id).join(", ")}`));
        box.title = unknownBots.map((bot) => `bot ${bot.algo_id}: ${whyUnknown(bot)}`).join("\n");
      }
      return box;
    }),
  );
}

/** Why a bot's profit is not known in the account's currency. */
function whyUnknown({ pnl }) {
  if (!pnl) return "no position yet";
  return pnl.unrated.length ? `no rate of ${pnl.unrated.join(", ")} to the account's currency` : "a price or a rate of what it holds is missing";
}

function showBots(bots, acts) {
  const body = byId("bots").tBodies[0];
  // Cells are renewed in place, buttons only when the bot switches: a press must not lose its button.
  const kept = new Map([...body.rows].map((row) => [row.dataset.bot, row]));
  for (const bot of bots) {
    let row = kept.get(bot.algo_id);
    kept.delete(bot.algo_id);
    if (!row) {
      row = body.insertRow();
      row.dataset.bot = bot.algo_id;
      for (let cell = 0; cell < 10; cell += 1) row.insertCell();
    }
    const pnl = bot.pnl;
    const pill = make("span", `pill ${bot.state === "stale" ? "stale-quote" : bot.state}`, bot.state.replaceAll("_", " "));
    pill.title = bot.halts.join("\n");
    row.cells[0].replaceChildren(make("b", "", bot.algo_id), ` ${bot.kind}`);
    row.cells[1].replaceChildren(pill);
    row.cells[2].textContent = bot.series.join(" ");
    row.cells[2].className = "list";
    row.cells[3].textContent = `${bot.account} @ ${bot.venue}`;
    row.cells[4].textContent = bot.markets;
    ["daily", "realized", "unrealized", "fees"].forEach((name, index) => {
      const cell = row.cells[5 + index];
      // A fee is money out, a rebate money in.
      cell.textContent = cash(name === "fees" && typeof pnl?.fees === "number" ? -pnl.fees : pnl?.[name]);
      cell.className = `n ${name === "fees" ? "" : tone(pnl?.[name])} ${pnl?.stale ? "stale" : ""}`;
      cell.title = typeof pnl?.[name] === "number" ? `${age(pnl.age_ms)} old` : whyUnknown(bot);
    });
    row.cells[4].className = "n";
    row.cells[9].className = "n";
    const may = bot.configured_running ? acts.mayStop : acts.mayStart;
    const switched = `${bot.configured_running} ${may}`;
    if (row.dataset.switch !== switched) {
      row.dataset.switch = switched;
      const button = make("button", "small", bot.configured_running ? "Stop" : "Start");
      button.addEventListener("click", () => acts.switchBot(bot, !bot.configured_running));
      row.cells[9].replaceChildren(...(may ? [button] : []));
    }
  }
  for (const row of kept.values()) row.remove();
}

function showMarkets(picture) {
  const gone = new Set(cards.keys());
  const order = [];
  for (const row of picture.markets) {
    const key = keyOf(row);
    gone.delete(key);
    if (!cards.has(key)) {
      cards.set(key, newCard());
      // A chart can only be drawn where it has a size.
      byId("markets").append(cards.get(key).root);
    }
    order.push(cards.get(key).root);
    showMarket(cards.get(key), row, key, picture);
  }
  for (const key of gone) {
    cards.get(key).root.remove();
    cards.delete(key);
    lines.delete(key);
  }
  const grid = byId("markets");
  order.forEach((root, index) => {
    if (grid.children[index] !== root) grid.insertBefore(root, grid.children[index] ?? null);
  });
  byId("no-markets").hidden = order.length > 0;
}

function newCard() {
  const root = byId("market-card").content.firstElementChild.cloneNode(true);
  const part = Object.fromEntries([...root.querySelectorAll("[data-is]")].map((element) => [element.dataset.is, element]));
  return { root, part };
}

function put(element, text, stale = false) {
  element.textContent = text;
  element.classList.toggle("stale", stale);
}

function showMarket({ root, part }, row, key, picture) {
  const { fair, book, target, resting, position } = row;
  const kind = kindOf(row);
  const bid = resting.bids[0]?.[0] ?? null, ask = resting.asks[0]?.[0] ?? null;
  const tick = decimalsOf(row);
  root.dataset.symbol = row.symbol;
  part.name.textContent = kind.name(row, timeOf);
  part.name.title = `${row.title}\n${row.symbol} at ${row.venue}, bot ${row.algo_id}, ${row.status}`;
  part.state.textContent = row.state.replaceAll("_", " ");
  part.state.className = `pill ${row.state === "stale" ? "stale-quote" : row.state}`;
  part.source.textContent = row.price_source.toUpperCase();
  part.source.className = `chip ${row.price_source === "unknown" ? "unknown" : "ready"}`;
  part.reason.textContent = row.reason;
  showLife(part, row);

  const old = (value) => (value?.stale ? ` · ${age(value.age_ms)} old` : "");
  put(part.fair, fair ? kind.price(fair.value) : "–", !fair || fair.stale || !fair.ready);
  part["fair-age"].textContent = fair && !fair.ready ? " · not ready" : old(fair);
  part.fair.title = fair ? `${age(fair.age_ms)} old${fair.delta === null ? "" : `, delta ${fair.delta.toPrecision(3)}`}` : "";
  const show = (price) => (price === null ? "–" : price.toFixed(tick));
  put(part.quote, `${show(bid)} / ${show(ask)}`, !target || target.stale);
  part["quote-age"].textContent = old(target);
  put(part.book, `${show(book?.bid ?? null)} / ${show(book?.ask ?? null)}`, !book || book.stale);
  part["book-age"].textContent = old(book);
  showOrigin(part, kind.origin(row, fair?.spot === null ? null : fair), !fair || fair.stale);

  showLadder(part.ladder, row, kind, tick, !target || target.stale);
  showHolding(part, row, kind, sizeLimit(picture, row));
  if (!lines.has(key)) lines.set(key, new Line());
  const nowMs = picture.now_ns / 1e6;
  lines.get(key).add([nowMs, fair && !fair.stale ? fair.value : null, bid, ask]);
  const toMs = row.seconds_left === null ? null : nowMs + row.seconds_left * 1000;
  const lifeMs = (row.expiry_ns - row.open_ns) / 1e6;
  draw(
    part.chart,
    lines.get(key).points,
    // A market past its expiry keeps its last chart: its end is then where the stream says it was.
    { fromMs: toMs && row.seconds_left > 0 ? toMs - lifeMs : null, toMs: row.seconds_left > 0 ? toMs : null, nowMs, fills: ownFills(picture, row), highest: kind.highest },
    colour,
  );
}

/** How many decimals a price on a grid has. */
function decimalsOf({ tick }) {
  if (!tick) return 2;
  let decimals = 0;
  while (decimals < 8 && Math.abs(tick * 10 ** decimals - Math.round(tick * 10 ** decimals)) > 1e-9) decimals += 1;
  return decimals;
}

function colour(name) {
  if (!colour.cache || colour.theme !== themeNow()) {
    colour.cache = new Map();
    colour.theme = themeNow();
  }
  if (!colour.cache.has(name)) {
    // A custom property is not resolved by light-dark() until some real property uses it.
    const swatch = make("i");
    swatch.style.color = `var(${name})`;
    document.body.append(swatch);
    colour.cache.set(name, getComputedStyle(swatch).color);
    swatch.remove();
  }
  return colour.cache.get(name);
}

function themeNow() {
  return `${document.documentElement.dataset.theme}${matchMedia("(prefers-color-scheme: dark)").matches}`;
}

/** Show what a fair value was made from; nothing where the kind of market has no such thing. */
function showOrigin(part, origin, stale) {
  for (const element of [part.spot, part.volatility]) element.parentElement.hidden = !origin;
  if (!origin) return;
  put(part.spot, origin[0], stale);
  part.strike.textContent = origin[1];
  put(part.volatility, origin[2], stale);
}

function showLife(part, row) {
  const left = row.seconds_left;
  part.left.textContent =
    left === null ? "" : left > 0 ? `${Math.floor(left / 60)}:${String(Math.floor(left % 60)).padStart(2, "0")} left` : row.status;
  const rest = row.elapsed === null ? 0 : 1 - row.elapsed;
  part.life.firstElementChild.style.width = `${(rest * 100).toFixed(2)}%`;
  part.life.className = `life ${rest < 0.1 ? "last" : rest < 0.3 ? "late" : ""}`;
}

function showLadder(table, row, kind, decimals, stale) {
  const { fair, resting } = row;
  const bids = resting.bids.slice(0, LADDER_LEVELS_MAX), asks = resting.asks.slice(0, LADDER_LEVELS_MAX);
  const largest = Math.max(1, ...bids.map(([, size]) => size), ...asks.map(([, size]) => size));
  const rows = asks.toReversed().map(([price, size]) => level("a", price, size, largest, decimals, row));
  const middle = make("tr", "fair");
  const cell = make("td", fair?.stale ? "stale" : "", fair ? kind.price(fair.value) : "no fair value");
  cell.colSpan = 3;
  middle.append(cell);
  rows.push(middle, ...bids.map(([price, size]) => level("b", price, size, largest, decimals, row)));
  if (!bids.length && !asks.length) {
    const none = make("tr", "none");
    const text = make("td", "", "no resting orders");
    text.colSpan = 3;
    none.append(text);
    rows.push(none);
  }
  table.classList.toggle("stale", stale);
  table.replaceChildren(...rows);
}

function level(side, price, size, largest, decimals, market) {
  const row = make("tr");
  const bid = make("td", "b"), middle = make("td", side === "b" ? "bid" : "ask", price.toFixed(decimals)), ask = make("td", "a");
  const cell = side === "b" ? bid : ask;
  const bar = make("i");
  bar.style.width = `${(size / largest) * 100}%`;
  cell.append(bar, make("span", "", units(size, market)));
  row.append(bid, middle, ask);
  return row;
}

function sizeLimit(picture, row) {
  return picture.bots.find((bot) => bot.algo_id === row.algo_id)?.max_position ?? null;
}

function showHolding(part, row, kind, limit) {
  const { position } = row;
  const held = kind.held(position), outcomes = kind.outcomes(held);
  part.holding.classList.toggle("stale", !position || position.stale);
  for (const element of [part.yes, part.no]) element.parentElement.hidden = !outcomes;
  [part.yes.textContent, part.no.textContent] = outcomes ?? ["", ""];
  part.net.textContent = (held.net > 0 ? "+" : "") + amount(held.net, row);
  part.pnl.textContent = cash(held.pnl);
  part.pnl.className = tone(held.pnl);
  part["position-age"].textContent = position ? (position.stale ? `${age(position.age_ms)} old` : "") : "no position yet";
  const share = Math.min(1, Math.abs(held.net) / (limit || Math.max(1, kind.size(held))));
  const bar = part.tilt.firstElementChild;
  bar.style.width = `${share * 50}%`;
  bar.style.left = held.net >= 0 ? "50%" : `${50 - share * 50}%`;
  bar.style.background = held.net >= 0 ? "var(--bid)" : "var(--ask)";
}

function ownFills(picture, row) {
  return picture.fills
    .filter((fill) => keyOf(fill) === keyOf(row))
    .map((fill) => [fill.ts_ns / 1e6, yesPrice(fill), yesSide(fill)]);
}

// Buying NO at 0.46 is selling YES at 0.54.
function yesPrice(fill) {
  return fill.outcome === "no" ? 1 - Number(fill.price) : Number(fill.price);
}

function yesSide(fill) {
  return (fill.side === "buy") === (fill.outcome !== "no") ? "bid" : "ask";
}

function showFills({ fills }) {
  const body = byId("fills").tBodies[0];
  body.replaceChildren(
    ...fills.map((fill) => {
      const row = make("tr");
      const market = make("td", "", fill.series ? `${fill.series} ${timeOf(fill.expiry_ns).slice(0, 5)}` : fill.symbol);
      market.title = `${fill.symbol} at ${fill.venue}, bot ${fill.algo_id}, order ${fill.order_id}, trade ${fill.venue_trade_id}, ${fill.liquidity}`;
      const outcome = fill.outcome === "none" ? "" : `${fill.outcome.toUpperCase()} `;
      row.append(
        make("td", "quiet", timeOf(fill.ts_ns)),
        market,
        make("td", yesSide(fill), `${fill.side} ${outcome}${fill.price}`),
        make("td", "n", units(fill.size, fill)),
        make("td", "n quiet", feeOf(fill)),
      );
      return row;
    }),
  );
  if (!fills.length) {
    const row = body.insertRow();
    row.insertCell().colSpan = 5;
    row.cells[0].append(make("span", "quiet", "none yet"));
  }
}

/** Money out is negative; of a coin's trade it says in which currency, for one may be paid in any. */
function feeOf(fill) {
  const paid = -Number(fill.fee);
  return fill.base && paid ? `${digits.format(paid)} ${fill.fee_currency}` : cash(paid);
}

function showAlerts(alerts) {
  byId("alerts").replaceChildren(
    ...alerts.map((alert) => {
      const item = make("li", alert.level);
      item.append(make("time", "", timeOf(alert.ts_ns)), `${alert.text}`);
      item.title = `${alert.level} · ${alert.kind} · ${alert.source} · bot ${alert.algo_id} · #${alert.sequence}`;
      return item;
    }),
    ...(alerts.length ? [] : [make("li", "quiet", "none")]),
  );
}

/** Corrections of the books; the proposer may take one back, only somebody else may approve it. */
function showAdjustments(adjustments, acts) {
  const list = byId("adjustments");
  const now = JSON.stringify([adjustments, acts.me, acts.mayDecide]);
  if (list.dataset.shown === now) return;
  list.dataset.shown = now;
  list.replaceChildren(
    ...adjustments.map((adjustment) => {
      const item = make("li");
      const people = [`proposed by ${adjustment.proposed_by} at ${timeOf(adjustment.proposed_ns)}`];
      if (adjustment.decided_by) people.push(`${adjustment.state} by ${adjustment.decided_by} at ${timeOf(adjustment.decided_ns)}`);
      item.title = `${adjustment.adjustment_id}, ${dayOf(adjustment.proposed_ns)}`;
      item.append(make("b", "", adjustment.said), make("span", `pill ${adjustment.state}`, adjustment.state), make("small", "", people.join(" · ")));
      const own = adjustment.proposed_by === acts.me;
      const may = { approve: acts.mayDecide && !own, reject: acts.mayDecide || own };
      for (const verb of adjustment.state === "proposed" ? ["approve", "reject"].filter((each) => may[each]) : []) {
        const button = make("button", "small", verb === "approve" ? "Approve" : own ? "Withdraw" : "Reject");
        button.dataset.act = verb;
        button.addEventListener("click", () => acts.decide(adjustment, verb));
        item.append(button);
      }
      return item;
    }),
    ...(adjustments.length ? [] : [make("li", "quiet", "none")]),
  );
}

function showVenues({ venues, accounts, risk, streams }) {
  const items = venues.map((venue) => {
    const item = make("li", venue.stale ? "stale" : "");
    const state = venue.connected && !venue.stale ? "ready" : "down";
    const broken = venue.stale_symbols.length ? ` · stale: ${venue.stale_symbols.join(" ")}` : "";
    item.append(
      make("span", `chip ${state}`, venue.venue),
      make("span", "quiet", `silent ${age(venue.silent_ms)} · clock ${venue.clock_known ? `${venue.clock_offset_ms.toFixed(0)} ms` : "unknown"} · ${venue.reconnects} reconnects${broken}`),
    );
    return item;
  });
  for (const account of accounts) {
    const item = make("li", account.stale ? "stale" : "");
    item.append(
      make("b", "", `${account.account} @ ${account.venue}`),
      make("span", "quiet", `free ${plain.format(Number(account.cash_available))} ${account.currency} · ${account.open_orders} open · ${age(account.age_ms)} ago`),
    );
    if (account.quoter_silent_ms !== null) {
      const said = account.report ? `watchdog at ${timeOf(account.report.ts_ns)}: ${account.report.said}` : "its orders are of unknown outcome";
      item.append(make("span", "down", `quoter silent for ${age(account.quoter_silent_ms)} · ${said}`));
    }
    items.push(item);
  }
  for (const shard of risk) {
    const item = make("li", shard.stale ? "stale" : "");
    item.append(make("b", "", `risk ${shard.shard}`), make("span", "quiet", `ledger at ${shard.ledger_sequence} · ${age(shard.age_ms)} ago`));
    items.push(item);
  }
  // All of them only when they fill up: what forgets by age is full by design.
  for (const stream of streams.filter(({ stream: name, alarming }) => alarming || name === "FILL")) {
    const item = make("li", stream.stale ? "stale" : "");
    const full = `${Math.round(100 * stream.share)} % full`;
    item.append(make("b", "", stream.stream), make("span", stream.alarming ? "down" : "quiet", `${full} · ${age(stream.age_ms)} ago`));
    items.push(item);
  }
  byId("venues").replaceChildren(...items);
}
