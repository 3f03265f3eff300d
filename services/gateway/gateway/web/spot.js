// What is shown of spot bots beside their cards: figures since the cutoff, hedges, and what is held where.

import { byId, make } from "/web/show.js";

const price = new Intl.NumberFormat("en", { maximumSignificantDigits: 7 });
const amount = new Intl.NumberFormat("en", { maximumFractionDigits: 8 });
const money = new Intl.NumberFormat("en", { maximumSignificantDigits: 5 });

/** Show the panels of spot bots; without any, and without accounts of several currencies, they are not there. */
export function showSpot({ spot, hedges, accounts, exposures, transfers }) {
  showFigures(spot);
  showHedges(hedges);
  showTransfers(transfers, accounts);
  showBalances(accounts, exposures);
}

const PILLS = { asked: "proposed", sending: "proposed", under_way: "proposed", done: "approved", refused: "halted" };
const number = (format, text) => (text === null || text === undefined ? "–" : format.format(Number(text)));
const tone = (text) => (text === null || Number(text) === 0 ? "" : Number(text) > 0 ? "up" : "down");

function label(text) {
  const cell = make("td");
  cell.append(make("b", "", text));
  return cell;
}

function fill(table, rows) {
  byId(`${table}-panel`).hidden = rows.length === 0;
  byId(table).tBodies[0].replaceChildren(...rows);
}

function showFigures(bots) {
  const rows = bots.map((bot) => {
    const row = make("tr", bot.stale ? "stale" : "");
    const first = bot.prices[0];
    const source = first ? `${price.format(first.bid)} / ${price.format(first.ask)}` : "–";
    const quoted = make("td", first?.stale || first?.unusable ? "stale" : "", first ? `${first.symbol} ${source}` : source);
    quoted.title = first?.unusable || "best price of each side after aggregation and conversion, before margins";
    const rate = first?.fx ? `${first.fx.symbol} ${price.format(first.fx.bid)} / ${price.format(first.fx.ask)}${first.fx.inverse ? " inverse" : ""}` : "";
    row.append(label(bot.algo_id), quoted, make("td", "quiet", rate));
    for (const name of ["quoter_net", "hedger_net", "position"]) row.append(make("td", "n", number(amount, bot[name])));
    for (const name of ["pnl", "fees", "net_pnl"]) {
      const cell = make("td", `n ${name === "fees" ? "quiet" : tone(bot[name])}`, number(money, bot[name]));
      if (name === "net_pnl") cell.title = bot.account_pnl === null ? `no rate of ${bot.currency} to ${bot.account_currency}` : `${number(money, bot.account_pnl)} ${bot.account_currency}`;
      row.append(cell);
    }
    row.append(make("td", "quiet", bot.currency));
    if (bot.unrated.length) row.title = `without ${bot.unrated.join(", ")}, of which no rate is known`;
    return row;
  });
  fill("spot", rows);
}

function showHedges(hedges) {
  const rows = hedges.map((hedge) => {
    const row = make("tr", hedge.ended ? "quiet" : "");
    const state = make("td");
    state.append(make("span", `pill ${hedge.ended ? "" : "quoting"}`, hedge.state));
    const said = [hedge.why, hedge.waits_for].filter(Boolean).join(" · ");
    row.append(
      label(hedge.scope),
      state,
      make("td", hedge.side === "buy" ? "bid" : "ask", `${hedge.side} ${number(amount, hedge.quantity)} ${hedge.instrument} ${hedge.style}`),
      make("td", "", hedge.venues.join(" ")),
      make("td", "n", number(amount, hedge.done)),
      make("td", "n", number(amount, hedge.open)),
      make("td", "quiet", said),
    );
    return row;
  });
  fill("hedges", rows);
}

/** What was asked for, newest first; with accounts at one venue alone there is nowhere to send money. */
function showTransfers(transfers, accounts) {
  const rows = transfers.map((transfer) => {
    const row = make("tr", transfer.state === "done" || transfer.state === "refused" ? "quiet" : "");
    const state = make("td");
    const pill = make("span", `pill ${PILLS[transfer.state] ?? ""}`, transfer.state.replace("_", " "));
    pill.title = transfer.transfer_id;
    state.append(pill);
    row.append(
      label(transfer.account),
      make("td", "", transfer.to_account),
      make("td", "n", `${number(amount, transfer.amount)} ${transfer.currency}`),
      state,
      make("td", "quiet", [transfer.refused, `${transfer.actor}: ${transfer.reason}`].filter(Boolean).join(" · ")),
    );
    return row;
  });
  fill("transfers", rows);
  byId("transfers-panel").hidden = rows.length === 0 && new Set(accounts.map((account) => account.venue)).size < 2;
}

/** One row for each account and one column for each currency; under them the exposures that are watched. */
function showBalances(accounts, exposures) {
  const currencies = [...new Set(accounts.flatMap((account) => account.balances.map((each) => each.currency)))].sort();
  if (currencies.length < 2) return fill("balances", []);
  byId("balances").tHead.rows[0].replaceChildren(make("th", "", "Account"), ...currencies.map((name) => make("th", "n", name)));
  const rows = accounts.map((account) => {
    const row = make("tr", account.stale ? "stale" : "");
    row.append(label(`${account.account} @ ${account.venue}`));
    for (const name of currencies) {
      const balance = account.balances.find((each) => each.currency === name);
      const cell = make("td", "n", balance ? number(amount, balance.total) : "");
      if (balance) cell.title = `${number(amount, balance.available)} available`;
      row.append(cell);
    }
    return row;
  });
  for (const each of exposures) {
    const row = make("tr", each.stale ? "stale" : "quiet");
    const where = each.algo_id ? `of bot ${each.algo_id}` : each.exchange ? `at ${each.exchange}` : "over all";
    row.append(label(`${each.currency} exposure ${where}`));
    for (const name of currencies) row.append(make("td", "n", name === each.currency ? number(amount, each.position) : ""));
    row.title = `open orders: ${number(amount, each.open_buy)} to buy, ${number(amount, each.open_sell)} to sell`;
    rows.push(row);
  }
  fill("balances", rows);
}
