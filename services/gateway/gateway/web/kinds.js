// What the card of a market says of its kind, beside what all cards say: one entry each.

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const small = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });
const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 8 });

/** Lots as a person reads them: shares as they are counted, of a coin units of it. */
export function units(lots, { lot, base }) {
  return base && lot ? exact.format(lots * lot) : whole.format(lots);
}

/** The same with the name of the coin. */
export function amount(lots, row) {
  return `${units(lots, row)} ${row.base}`.trimEnd();
}

/** A share that pays 1 or nothing when its market ends. */
const binary = {
  /** The highest price there is. */
  highest: 1,
  name(row, timeOf) {
    if (!row.expiry_ns) return row.symbol;
    const strike = row.strike === null ? "…" : plain.format(row.strike);
    return `${row.underlying || row.symbol} > ${strike} at ${timeOf(row.expiry_ns).slice(0, 5)}`;
  },
  price: (value) => value.toFixed(3),
  /** What the fair value was made from, as [spot, strike, volatility]. */
  origin: (row, fair) => [
    fair ? plain.format(fair.spot) : "–",
    row.strike === null ? "no strike yet" : `strike ${plain.format(row.strike)}`,
    fair ? `${(fair.volatility * 100).toFixed(0)} %` : "–",
  ],
  held: (position) => position ?? { yes: 0, no: 0, net: 0, pnl: null },
  /** The lots of each outcome, as [YES, NO]. */
  outcomes: (held) => [whole.format(held.yes), whole.format(held.no)],
  size: (held) => held.yes + held.no,
};

/** A thing with a price of its own, of which a position is long or short. */
const signed = {
  highest: null,
  // The same symbol is traded at several venues.
  name: (row) => (row.venue ? `${row.symbol} at ${row.venue}` : row.symbol),
  price: (value) => (Math.abs(value) < 1 ? small : plain).format(value),
  origin: () => null,
  held: (position) => position ?? { net: 0, pnl: null },
  outcomes: () => null,
  size: (held) => Math.abs(held.net),
};

const KINDS = { binary, spot: signed, bond: signed };

/** How a row of the picture is shown; a bot of any kind may price a share from its own book, and then knows no origin. */
export function kindOf(row) {
  return KINDS[row.kind] ?? signed;
}
